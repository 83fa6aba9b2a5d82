#!/usr/bin/env python3
"""Installs Debian's packages of build/deb on this machine, uses them as a stranger would, and takes them away again,
also when something fails. Wants root; without it, or without dpkg, it says so and passes, unless
PEERMON_TEST_ALL=1."""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
import library  # noqa: E402  (only after that)

ROOT = library.ROOT
PACKAGES = ("libpeermon0", "libpeermon-dev", "peermon-tools")
LIMIT = 900
# They are about an upload to Debian, which these packages are not made for; DEBEMAIL gives the first two an answer.
NOT_FOR_DEBIAN = ["bogus-mail-host", "bogus-mail-host-in-debian-changelog", "initial-upload-closes-no-bugs"]

CONTENTS = {
    "libpeermon0": (r"/usr/lib/[^/]+/libpeermon\.so\.0", r"/usr/lib/[^/]+/libpeermon\.so\.0\.\d+\.\d+"),
    "libpeermon-dev": (
        r"/usr/include/peermon\.h", r"/usr/include/peermon\.hpp", r"/usr/lib/[^/]+/libpeermon\.a",
        r"/usr/lib/[^/]+/libpeermon\.so", r"/usr/lib/[^/]+/pkgconfig/peermon\.pc",
        r"/usr/lib/[^/]+/cmake/peermon/peermonConfig\.cmake", r"/usr/share/doc/[^/]+/examples/minimal\.c",
    ),
    "peermon-tools": (
        r"/usr/bin/peermonctl", r"/usr/share/bash-completion/completions/peermonctl",
        r"/usr/share/zsh/vendor-completions/_peermonctl", r"/usr/share/fish/vendor_completions\.d/peermonctl\.fish",
    ),
}
# Sections of the manual, and whose they are.
MANUAL = {"1": "peermon-tools", "3": "libpeermon-dev", "5": "peermon-tools", "7": "peermon-tools"}


def run(*command):
    """It must end well; its own output is seen."""
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL, timeout=LIMIT,
                   env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"})


def skip(why):
    if os.environ.get("PEERMON_TEST_ALL") == "1":
        raise SystemExit(f"{why}, and PEERMON_TEST_ALL=1 wants every tool")
    print(f"skipped: {why}")
    sys.exit(0)


def state(package):
    """As dpkg has it: `ii` if it is there; empty if dpkg never heard of it."""
    done = subprocess.run(["dpkg-query", "-W", "-f=${db:Status-Abbrev}", package],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=LIMIT)
    return done.stdout.strip()


def has(package, pattern):
    listed = library.tool("dpkg", "-L", package).split()
    found = [path for path in listed if re.fullmatch(pattern, path)]
    assert found, f"{package} has nothing like {pattern}: {listed}"
    return found[0]


def every_package_has_what_belongs_into_it():
    for package, patterns in CONTENTS.items():
        for pattern in patterns:
            has(package, pattern)
        for name in ("copyright", r"changelog\.Debian\.gz", r"THIRD-PARTY\.gz"):
            has(package, f"/usr/share/doc/{package}/{name}")
        run("dpkg", "--verify", package)
    for page in sorted((ROOT / "man").glob("man[0-9]/*.[0-9]")):
        section = page.suffix[1:]
        has(MANUAL[section], re.escape(f"/usr/share/man/man{section}/{page.name}") + r"(\.gz)?")


def control(deb, field):
    return library.tool("dpkg-deb", "--field", deb, field).strip()


def dependencies_are_those_that_the_files_have(debs):
    version = control(debs["libpeermon0"], "Version")
    for package in ("libpeermon0", "peermon-tools"):
        assert re.search(r"\blibc6 \(>= [0-9.]+\)", control(debs[package], "Depends")), package
    assert "libgcc-s1" in control(debs["libpeermon0"], "Depends")
    assert f"libpeermon0 (= {version})" in control(debs["libpeermon-dev"], "Depends")
    triggers = library.tool("dpkg-deb", "--info", debs["libpeermon0"], "triggers")
    assert "ldconfig" in triggers, triggers
    symbols = library.tool("dpkg-deb", "--info", debs["libpeermon0"], "symbols")
    for name in (ROOT / "tests/exports.txt").read_text().split():
        assert f" {name}@{library.NODE} " in symbols, f"{name} is not in {symbols}"


def the_lint_of_debian_is_content(debs):
    lintian = shutil.which("lintian")
    if lintian is None:
        if os.environ.get("PEERMON_TEST_ALL") == "1":
            raise SystemExit("there is no lintian, and PEERMON_TEST_ALL=1 wants every tool")
        print("skipped: there is no lintian on this machine")
        return
    passed_over = list(NOT_FOR_DEBIAN)
    if not (ROOT / "man/man1/peermonctl.1").exists():
        passed_over.append("no-manual-page")
    run(lintian, "--allow-root", "--fail-on=error,warning", "--suppress-tags", ",".join(passed_over),
        *map(str, debs.values()))


def the_loader_knows_the_library(expected):
    cache = library.tool("ldconfig", "-p")
    known = [line.strip() for line in cache.splitlines() if "libpeermon.so.0 " in line]
    assert bool(known) == expected, f"the loader knows of {known}"


def try_them():
    every_package_has_what_belongs_into_it()
    the_loader_knows_the_library(True)
    made = pathlib.Path(has("libpeermon0", CONTENTS["libpeermon0"][0])).resolve()
    library.is_as_promised(made)
    with tempfile.TemporaryDirectory(prefix="peermon-deb-") as folder:
        library.a_thrown_exception_finds_its_way(made, "/usr/include", pathlib.Path(folder))
    library.tool("/usr/bin/peermonctl", "--help")
    run(sys.executable, str(ROOT / "packaging/check/tryout.py"), "--examples",
        "/usr/share/doc/libpeermon-dev/examples")


def main():
    if shutil.which("dpkg") is None or shutil.which("ldconfig") is None:
        skip("there is no dpkg on this machine")
    if os.geteuid() != 0:
        skip("packages are installed by root only")
    present = [package for package in PACKAGES if state(package)]
    assert not present, f"{present} are known to dpkg already; they are not for this test to replace"
    the_loader_knows_the_library(False)

    found = {package: sorted((ROOT / "build/deb").glob(f"{package}_*.deb")) for package in PACKAGES}
    assert all(len(files) == 1 for files in found.values()), f"run make deb first: {found}"
    debs = {package: files[0] for package, files in found.items()}
    dependencies_are_those_that_the_files_have(debs)
    the_lint_of_debian_is_content(debs)
    try:
        run("dpkg", "--install", *map(str, debs.values()))
        try_them()
    finally:
        run("dpkg", "--purge", *[package for package in reversed(PACKAGES) if state(package)])
    left = [package for package in PACKAGES if state(package)]
    assert not left, f"{left} are still there"
    the_loader_knows_the_library(False)
    print("the Debian packages install, work and leave nothing behind")


if __name__ == "__main__":
    main()
