"""Reads peermon.h as cbindgen writes it: every item with its comment, and nothing else is there."""

import re
from dataclasses import dataclass, field

from blocks import Unclear

COMMENT = re.compile(r"/\*\*\n(?P<doc>(?: \*.*\n)*?) \*/\n")
MEMBER = re.compile(r"  /\*\*\n(?P<doc>(?:   \*.*\n)+?)   \*/\n  (?P<declaration>[^;]+);\n")
# What stands around the items.
FRAME = [
    r"#ifndef PEERMON_H", r"#define PEERMON_H", r"#include <std\w+\.h>", r"#ifdef __cplusplus",
    r'extern "C" \{', r"\}", r"#endif(?: /\* PEERMON_H \*/)?",
]
VERSIONS = re.compile(
    r"/\* (?P<doc>[^*]+) \*/\n(?P<defines>(?:#define MONITOR_VERSION_\w+ \d+\n)+)"
)


@dataclass
class Item:
    name: str
    doc: list


@dataclass
class Constant(Item):
    value: str


@dataclass
class Function(Item):
    result: str
    parameters: list


@dataclass
class Struct(Item):
    """`members` are (declaration, name, doc); an opaque struct has none."""

    members: list


@dataclass
class Alias(Item):
    target: str


@dataclass
class Header:
    opening: list = field(default_factory=list)
    constants: list = field(default_factory=list)
    structs: list = field(default_factory=list)
    aliases: list = field(default_factory=list)
    callbacks: list = field(default_factory=list)
    functions: list = field(default_factory=list)


def read(text):
    header = Header()
    opening, text = text.split(" */\n", 1)
    header.opening = [line[3:] for line in opening.split("\n")[1:]]
    rest, position = [], 0
    for found in VERSIONS.finditer(text):
        for name, value in re.findall(r"#define (\w+) (\d+)", found["defines"]):
            header.constants.append(Constant(name, [found["doc"]], value))
    text = VERSIONS.sub("", text)
    while found := COMMENT.search(text, position):
        rest.append(text[position:found.start()])
        position = item(header, bare(found["doc"], " * "), text, found.end())
    rest.append(text[position:])
    for line in "".join(rest).split("\n"):
        if line and not any(re.fullmatch(shape, line) for shape in FRAME):
            raise Unclear(f"peermon.h: what is this line? {line!r}")
    return header


def bare(doc, margin):
    """The lines of a comment without their margin."""
    return [line[len(margin):] for line in doc.rstrip("\n").split("\n")]


def item(header, doc, text, start):
    """Takes the declaration at `start` and returns where it ends."""
    if found := re.compile(r"#define (\w+) (.+)\n").match(text, start):
        header.constants.append(Constant(found[1], doc, value(found[2])))
    elif found := re.compile(r"struct (\w+);\n").match(text, start):
        header.structs.append(Struct(found[1], doc, []))
    elif found := re.compile(r"struct (\w+) \{\n(.*?)\};\n", re.DOTALL).match(text, start):
        header.structs.append(Struct(found[1], doc, members(found[1], found[2])))
    elif found := re.compile(r"typedef (\S+) \(\*(\w+)\)\(([^)]*)\);\n").match(text, start):
        header.callbacks.append(Function(found[2], doc, found[1], parameters(found[3])))
    elif found := re.compile(r"typedef ((?:struct )?\w+) (\w+);\n").match(text, start):
        header.aliases.append(Alias(found[2], doc, found[1]))
    elif found := re.compile(r"([\w ]+ \*?)(monitor_\w+)\(([^)]*)\);\n").match(text, start):
        header.functions.append(Function(found[2], doc, found[1].strip(), parameters(found[3])))
    else:
        raise Unclear(f"peermon.h: what is declared here? {text[start:start + 80]!r}")
    return found.end()


def value(text):
    if found := re.fullmatch(r"\(0 - (\d+)\)", text):
        return f"-{found[1]}"
    if found := re.fullmatch(r"(\d+)u?", text):
        return found[1]
    raise Unclear(f"peermon.h: what value is this? {text!r}")


def parameters(text):
    """(declaration, name) of each."""
    flat = " ".join(text.split())
    if flat == "void":
        return []
    return [(one, re.search(r"(\w+)$", one)[1]) for one in flat.split(", ")]


def members(tag, text):
    found = list(MEMBER.finditer(text))
    if "".join(one[0] for one in found) != text:
        raise Unclear(f"peermon.h: struct {tag} has something that is no member with a comment")
    return [
        (one["declaration"], re.search(r"(\w+)(?:\[\w+\])?$", one["declaration"])[1],
         bare(one["doc"], "   * "))
        for one in found
    ]
