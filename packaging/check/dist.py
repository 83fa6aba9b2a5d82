#!/usr/bin/env python3
"""Looks whether the archive in build/dist is what docs/PACKAGING.md promises: the library, the other files, and that
the same input makes the same bytes. Ends with an error at the first promise that is broken.

    dist.py RELEASE_FOLDER    the folder of cargo's build that the archive was made from
"""

import hashlib
import os
import pathlib
import subprocess
import sys
import tarfile
import tempfile

sys.dont_write_bytecode = True
import library  # noqa: E402  (only after that)

ROOT = library.ROOT
DIST = ROOT / "build/dist"
TARGET = "x86_64-linux-gnu.2.17"
LIMIT = 900

FILES = (
    "LICENSE-APACHE", "LICENSE-MIT", "THIRD-PARTY", "README.md", "CHANGELOG.md", "docs/PACKAGING.md",
    "include/peermon.h", "include/peermon.hpp",
    "lib/libpeermon.a", "lib/libpeermon.so", "lib/libpeermon.so.0", "lib/pkgconfig/peermon.pc",
    "lib/cmake/peermon/peermonConfig.cmake", "lib/cmake/peermon/peermonConfigVersion.cmake",
)


def version():
    line = next(line for line in (ROOT / "Cargo.toml").read_text().splitlines() if line.startswith("version"))
    return line.split('"')[1]


def the_checksum_is_that_of_the_archive(archive):
    total, name = (archive.parent / "SHA256SUMS").read_text().split()
    assert name == archive.name, name
    assert hashlib.sha256(archive.read_bytes()).hexdigest() == total


def nothing_tells_who_packed_it(archive):
    """One time, no owner, sorted names, and everything in one folder."""
    with tarfile.open(archive) as opened:
        members = opened.getmembers()
    names = [member.name for member in members]
    assert names == sorted(names, key=lambda name: name.split("/")), names
    assert len({member.mtime for member in members}) == 1
    assert {(member.uid, member.gid, member.uname, member.gname) for member in members} == {(0, 0, "", "")}
    assert not [name for name in names if not f"{name}/".startswith(f"{archive.name[:-len('.tar.gz')]}/")]
    assert not [member.name for member in members if member.mode & 0o022 and not member.issym()]


def the_same_input_makes_the_same_bytes(archive, built):
    """Made again elsewhere, by somebody of another time zone, language and umask."""
    with tempfile.TemporaryDirectory(prefix="peermon-dist-") as folder:
        again = subprocess.run(
            ["bash", "-c", 'umask 077; exec packaging/dist/build "$0" "$1"', str(built), folder],
            cwd=ROOT, env={**os.environ, "TZ": "Asia/Kolkata", "LC_ALL": "C.UTF-8"},
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=LIMIT,
        )
        assert again.returncode == 0, again.stdout + again.stderr
        assert (pathlib.Path(folder) / archive.name).read_bytes() == archive.read_bytes(), "two runs differ"


def every_file_is_there(tree):
    wanted = list(FILES)
    wanted += [f"share/man/{page.relative_to(ROOT / 'man')}" for page in sorted((ROOT / "man").glob("man[0-9]/*.[0-9]"))
               if not page.name.startswith("peermonctl")]
    wanted += [str(path.relative_to(ROOT)) for path in sorted((ROOT / "examples-c").glob("*.[ch]"))]
    wanted += [str(path.relative_to(ROOT)) for path in sorted((ROOT / "contrib").rglob("*")) if path.is_file()]
    missing = [name for name in wanted if not (tree / name).is_file()]
    assert not missing, missing


def examples_meet(tree):
    tryout = [sys.executable, str(ROOT / "packaging/check/tryout.py"), str(tree), "--examples", str(tree / "examples-c")]
    subprocess.run(tryout, check=True, timeout=LIMIT, stdin=subprocess.DEVNULL)


def main():
    built = pathlib.Path(sys.argv[1]).resolve()
    archive = DIST / f"peermon-{version()}-{TARGET}.tar.gz"
    the_checksum_is_that_of_the_archive(archive)
    nothing_tells_who_packed_it(archive)
    with tempfile.TemporaryDirectory(prefix="peermon-dist-") as folder:
        with tarfile.open(archive) as opened:
            opened.extractall(folder)
        tree = pathlib.Path(folder) / archive.name[: -len(".tar.gz")]
        every_file_is_there(tree)
        made = tree / f"lib/libpeermon.so.{version()}"
        library.is_as_promised(made)
        library.glibc_is_at_most(made, (2, 17))
        library.it_holds_nothing_that_nobody_needs(made, tree / "lib/libpeermon.a")
        library.a_thrown_exception_finds_its_way(made, tree / "include", pathlib.Path(folder))
        examples_meet(tree)
    the_same_input_makes_the_same_bytes(archive, built)
    print(f"{archive.name} is as promised: {archive.stat().st_size // 1000} kB")


if __name__ == "__main__":
    main()
