"""Writes the manual pages: man/generate FOLDER --peermonctl PROGRAM

Nothing is written down here that is written down elsewhere: section 3 and the first half of
peermon(7) come from include/peermon.h, the rest of peermon(7) from docs/CONCEPTS.md,
peermon.toml(5) from docs/CONFIGURATION.md, peermonctl(1) from what the program says about itself.
"""

import argparse
import pathlib
import sys

sys.dont_write_bytecode = True

import documents  # noqa: E402
import header  # noqa: E402
import section1  # noqa: E402
import section3  # noqa: E402
from blocks import Unclear  # noqa: E402
from names import Names  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parents[2]


def main():
    parser = argparse.ArgumentParser(prog="man/generate", description="Writes the manual pages.")
    parser.add_argument("folder", type=pathlib.Path, help="where man1, man3, ... are made")
    parser.add_argument("--peermonctl", required=True, help="the program, as it was built")
    asked = parser.parse_args()
    try:
        for path, text in pages(asked.peermonctl):
            file = asked.folder / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
    except Unclear as why:
        sys.exit(f"man/generate: {why}")


def pages(program):
    """(path, text) of each."""
    read = {
        name: (ROOT / name).read_text(encoding="utf-8")
        for name in ("include/peermon.h", "docs/CONFIGURATION.md", "docs/CONCEPTS.md",
                     "CHANGELOG.md")
    }
    date = documents.date(read["CHANGELOG.md"])
    declared = header.read(read["include/peermon.h"])
    names = Names(declared, documents.keys(read["docs/CONFIGURATION.md"]))
    yield from section3.pages(declared, names, date)
    yield documents.configuration(read["docs/CONFIGURATION.md"], names, date)
    yield documents.overview(declared, read["docs/CONCEPTS.md"], names, date)
    yield section1.commands(program, date)


if __name__ == "__main__":
    main()
