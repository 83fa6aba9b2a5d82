"""What was promised about a shared library with symbol versions, read from the file itself."""

import os
import pathlib
import re
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
NODE = "PEERMON_0.1"
SONAME = "libpeermon.so.0"
LIMIT = 120


def tool(*command, **more):
    """What it prints; it must end well."""
    done = subprocess.run(
        [str(word) for word in command],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=LIMIT, **more,
    )
    assert done.returncode == 0, f"{command}: {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout


def symbols(library):
    """(section, version, name) of every dynamic symbol; the section is *UND* for what others must bring."""
    found = []
    for line in tool("objdump", "-T", library).splitlines():
        match = re.match(r"[0-9a-f]{8,} .{7} (\S+)\s+[0-9a-f]+\s+(.*)$", line)
        if match:
            # An object prints its default version bare, and what it asks for in brackets.
            *version, name = match.group(2).split()
            found.append((match.group(1), version[0].strip("()") if version else "", name))
    assert found, f"objdump shows no dynamic symbol in {library}"
    return found


def exports_are_the_listed_ones(library):
    listed = set((ROOT / "tests/exports.txt").read_text().split())
    own = {(name, version) for section, version, name in symbols(library) if section not in ("*UND*", "*ABS*")}
    assert own == {(name, NODE) for name in listed}, own ^ {(name, NODE) for name in listed}


def glibc_is_at_most(library, wanted):
    text = tool("readelf", "--version-info", "--wide", library)
    asked = {tuple(map(int, number.split("."))) for number in re.findall(r"GLIBC_([0-9.]+)", text)}
    assert asked, "the library asks for no version of glibc at all, which cannot be"
    assert max(asked) <= wanted, f"needs GLIBC_{'.'.join(map(str, max(asked)))}"


def the_unwinder_is_the_systems(library):
    assert "libgcc_s.so.1" in needed(library), needed(library)
    from_outside = {name for section, version, name in symbols(library)
                    if section == "*UND*" and version.startswith("GCC_")}
    for name in ("_Unwind_RaiseException", "_Unwind_Resume", "_Unwind_Backtrace"):
        assert name in from_outside, f"{name} is linked into the library"


def dynamic(library):
    return tool("readelf", "--dynamic", "--wide", library)


def needed(library):
    return re.findall(r"\(NEEDED\).*\[(.*)\]", dynamic(library))


def it_has_its_name_and_stays_loaded(library):
    text = dynamic(library)
    assert f"[{SONAME}]" in "".join(line for line in text.splitlines() if "(SONAME)" in line), text
    assert "NODELETE" in text, text
    assert "BIND_NOW" in text or "NOW" in text, text
    assert "RPATH" not in text and "RUNPATH" not in text, text


def it_is_stripped(library):
    sections = set(re.findall(r"\] (\.\S+)", tool("readelf", "--sections", "--wide", library)))
    assert ".text" in sections
    assert not {name for name in sections if name == ".symtab" or name.startswith(".debug")}, sections


def it_holds_nothing_that_nobody_needs(library, archive):
    # Linked with every section kept, it is as large as the archive, and a third larger than without what nobody needs.
    kept = sum(int(line.split()[0]) for line in tool("size", archive).splitlines()[1:])
    text = int(tool("size", library).splitlines()[1].split()[0])
    assert text * 1.1 < kept, f"{text} bytes of code, and {kept} in {archive}"


def it_names_no_folder_of_the_machine(library):
    data = library.read_bytes()
    for folder in {os.path.expanduser("~"), str(ROOT), os.environ.get("CARGO_HOME", "")}:
        # A home of / or nothing at all tells nothing.
        if len(folder) > 1:
            assert f"{folder}/".encode() not in data, f"{folder}/ is in {library}"


def a_thrown_exception_finds_its_way(library, include, folder):
    """tests/c/api_throw.cc: C++ exceptions that reach frames of Rust."""
    program = folder / "throw"
    tool("c++", "-std=c++98", "-pthread", f"-I{include}", ROOT / "tests/c/api_throw.cc", "-o", program,
         f"-L{library.parent}", "-lpeermon")
    tool(program, env={**os.environ, "LD_LIBRARY_PATH": str(library.parent)})


def is_as_promised(library):
    """All that holds for every library that packaging/link makes."""
    exports_are_the_listed_ones(library)
    the_unwinder_is_the_systems(library)
    it_has_its_name_and_stays_loaded(library)
    it_is_stripped(library)
    it_names_no_folder_of_the_machine(library)
