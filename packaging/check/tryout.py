#!/usr/bin/env python3
"""Uses an installed peermon as a stranger would: builds the examples in an empty directory with pkg-config and with
CMake, against the shared and the static library, looks what got linked, and lets the programs meet.

    tryout.py                 what is installed where compilers look by themselves
    tryout.py PREFIX          what lies below PREFIX, wherever that was moved to
    --examples FOLDER         their sources; by default those of this tree
"""

import argparse
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
import play  # noqa: E402  (only after that)

STRICT = "-O2 -Wall -Wextra -Werror"
PROGRAMS = ("minimal", "legacy_server", "threaded_server")
LIMIT = 600


def run(*command, **more):
    """Runs it, and returns what it printed; what it complained about is seen if it fails."""
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=LIMIT, **more
    )
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(map(str, command))}: {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def folder_of(prefix, name):
    """Where below `prefix` the file lies; libraries may be in a folder of their architecture."""
    found = sorted(path.parent for path in prefix.rglob(name))
    assert found, f"no {name} below {prefix}"
    return found[0]


def environments(prefix):
    """For building with pkg-config, for building with CMake, for running what pkg-config built."""
    plain = {
        name: value
        for name, value in os.environ.items()
        # A make that runs us must not lead ours, and nothing that is set here may help to find the library.
        if not name.startswith(("PKG_CONFIG", "CMAKE", "PEERMON", "MAKE", "MFLAGS", "LD_"))
        and name not in ("CFLAGS", "CXXFLAGS", "CPPFLAGS", "LDFLAGS", "CPATH", "LIBRARY_PATH")
    }
    if prefix is None:
        return plain, plain, plain
    return (
        plain | {"PKG_CONFIG_PATH": str(folder_of(prefix, "peermon.pc"))},
        plain | {"CMAKE_PREFIX_PATH": str(prefix)},
        plain | {"LD_LIBRARY_PATH": str(folder_of(prefix, "libpeermon.so.0"))},
    )


def with_pkg_config(sources, static, environment):
    """The folder of the programs, as the manual's commands make them."""
    out = sources.parent / ("pkg-config-static" if static else "pkg-config")
    libs = run("pkg-config", *(["--static"] if static else []), "--libs", "peermon", env=environment)
    if static:
        libs = libs.replace("-lpeermon", "-l:libpeermon.a")
    run("make", "-C", sources, f"OUT={out}", f"CFLAGS={STRICT}", f"CXXFLAGS={STRICT}",
        f"PEERMON_LIBS={libs.strip()}", env=environment)
    return out


def with_cmake(sources, static, environment):
    out = sources.parent / ("cmake-static" if static else "cmake")
    run("cmake", "-S", sources, "-B", out, f"-DCMAKE_C_FLAGS={STRICT}", f"-DCMAKE_CXX_FLAGS={STRICT}",
        f"-DPEERMON_STATIC={'ON' if static else 'OFF'}", env=environment)
    run("cmake", "--build", out, env=environment)
    return out


def links_to(program):
    dynamic = run("readelf", "-d", program)
    return "libpeermon.so.0" in dynamic


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("prefix", nargs="?", type=pathlib.Path)
    default = pathlib.Path(__file__).resolve().parents[2] / "examples-c"
    parser.add_argument("--examples", type=pathlib.Path, default=default)
    arguments = parser.parse_args()

    prefix = arguments.prefix.resolve() if arguments.prefix else None
    for_pkg_config, for_cmake, for_running = environments(prefix)
    with tempfile.TemporaryDirectory(prefix="peermon-tryout-") as empty:
        sources = pathlib.Path(empty) / "examples-c"
        shutil.copytree(arguments.examples, sources)
        for static in (False, True):
            kind = "static" if static else "shared"
            for tool, build, environment, running in (
                ("pkg-config", with_pkg_config, for_pkg_config, for_running),
                # CMake writes into a program of its build tree where its libraries are.
                ("CMake", with_cmake, for_cmake, for_cmake),
            ):
                programs = build(sources, static, environment)
                for program in PROGRAMS:
                    assert links_to(programs / program) != static, f"{tool}, {kind}: {program} links the other one"
                play.play(programs, running, sources.parent)
                print(f"the examples build with {tool} and the {kind} library, and meet")


if __name__ == "__main__":
    main()
