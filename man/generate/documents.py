"""peermon.toml(5) and peermon(7): from the documents, and from what the header begins with."""

import re
from datetime import date as Date

from blocks import Heading, Unclear, plain
from groups import GROUPS
from markdown import Document
from mdoc import page, written
from names import Reader
from prose import blocks, paragraphs

# What pages of a version bear that is not released yet.
DRAFT = Date(2026, 11, 26)
# Of docs/CONCEPTS.md: it is about the sources.
LEFT_OUT = "Where each element of the original design lives"
# Of the header's opening: it is about the file.
ABOUT_THE_FILE = "Made by the build from "


def date(changelog):
    """The date of the newest version."""
    found = re.search(r"^## \[[\d.]+\] - (?:(\d+)-(\d+)-(\d+)|unreleased)$", changelog, re.M)
    if not found:
        raise Unclear("CHANGELOG.md: no version with a date, or unreleased")
    day = Date(*map(int, found.groups())) if found[1] else DRAFT
    months = ("January February March April May June July August September October November "
              "December").split()
    return f"{months[day.month - 1]} {day.day}, {day.year}"


def keys(configuration):
    """The keys that docs/CONFIGURATION.md explains."""
    return re.findall(r"^### `(\w+)`$", configuration, re.M)


def configuration(text, names, date):
    document = Document("docs/CONFIGURATION.md", Reader(names, "peermon.toml"))
    title, *body = document.blocks(text)
    if title != Heading(1, [plain("Configuration")]):
        raise Unclear("docs/CONFIGURATION.md: does not begin with its title")
    raised = [Heading(one.depth - 1, one.pieces) if isinstance(one, Heading) else one
              for one in body]
    return "man5/peermon.toml.5", page("peermon.toml", 5, date, [
        ".Sh NAME", ".Nm peermon.toml", ".Nd configuration of peermon",
        ".Sh DESCRIPTION", *written(raised),
        *see_also([("peermonctl", 1), ("monitor_config", 3), ("peermon", 7)]),
    ])


def overview(header, text, names, date):
    name, _, about = header.opening[0].partition(" - ")
    if name != "peermon.h" or not about:
        raise Unclear("peermon.h: its first line does not say what it is")
    groups = {names.functions[one.name] for one in header.functions}
    pages = sorted((group.page, 3) for group in GROUPS if group.page in groups)
    return "man7/peermon.7", page("peermon", 7, date, [
        ".Sh NAME", ".Nm peermon", f".Nd {about}",
        ".Sh SYNOPSIS", ".In peermon.h",
        ".Sh DESCRIPTION", *written(opening(header, names)),
        ".Sh THE CONCEPTS", *written(concepts(text, names)),
        *see_also([("peermonctl", 1), *pages, ("peermon.toml", 5)]),
    ])


def opening(header, names):
    reader, done, skipped = Reader(names, "peermon"), [], 0
    for lines in paragraphs(header.opening[1:]):
        if lines[0].startswith(ABOUT_THE_FILE):
            skipped += 1
        elif lines[0] in names.titles:
            done.append(Heading(2, [plain(lines[0])]))
        else:
            done += blocks(lines, reader)
    if skipped != 1:
        raise Unclear(f"peermon.h: {skipped} paragraphs begin with {ABOUT_THE_FILE!r}")
    return done


def concepts(text, names):
    document = Document("docs/CONCEPTS.md", Reader(names, "peermon"))
    kept, dropped = [], 0
    for chapter in re.split(r"^(?=## )", text, flags=re.M):
        if chapter.startswith(f"## {LEFT_OUT}\n"):
            dropped += 1
        else:
            kept += document.blocks(chapter)
    title, *body = kept
    if dropped != 1 or title != Heading(1, [plain("Concepts")]):
        raise Unclear("docs/CONCEPTS.md: its title, or the chapter that is left out, is gone")
    return body


def see_also(pages):
    *first, last = [f".Xr {name} {section}" for name, section in pages]
    return [".Sh SEE ALSO", *[f"{line} ," for line in first], last]
