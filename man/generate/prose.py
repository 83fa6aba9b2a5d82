"""Comments of the header to blocks: paragraphs, numbered lists, indented examples."""

import re
import textwrap

from blocks import Items, Literal, Paragraph, Unclear


def paragraphs(lines):
    """Lines as paragraphs: lists of lines without an empty one."""
    done = [[]]
    for line in lines:
        if line.strip():
            done[-1].append(line)
        elif done[-1]:
            done.append([])
    return [one for one in done if one]


def flat(lines):
    return " ".join(line.strip() for line in lines)


def blocks(lines, reader):
    return [block(one, reader) for one in paragraphs(lines)]


def block(lines, reader):
    if all(line.startswith("    ") for line in lines):
        return Literal(textwrap.dedent("\n".join(lines)).split("\n"))
    if re.match(r"\d+\. ", lines[0]):
        return Items(True, [[Paragraph(reader.prose(one))] for one in numbered(lines)])
    if any(line.startswith((" ", "- ", "* ")) for line in lines):
        raise Unclear(f"peermon.h: how is this comment laid out? {lines!r}")
    return Paragraph(reader.prose(flat(lines)))


def numbered(lines):
    """The items of "1. ...", whose further lines are indented."""
    items = []
    for line in lines:
        if found := re.match(r"(\d+)\. (.*)", line):
            if int(found[1]) != len(items) + 1:
                raise Unclear(f"peermon.h: this list is not numbered one by one: {lines!r}")
            items.append([found[2]])
        elif line.startswith("   "):
            items[-1].append(line)
        else:
            raise Unclear(f"peermon.h: this line belongs to no item: {line!r}")
    return [flat(one) for one in items]
