"""The Markdown that the documents use, to blocks. What is not known here is an error."""

import re

from blocks import Heading, Items, Literal, Paragraph, Piece, Table, Unclear, plain

INLINE = re.compile(
    r"`(?P<code>[^`]+)`"
    r"|\*\*(?P<strong>[^*`]+)\*\*"
    r"|\*(?P<emphasis>[^*`\s][^*`]*)\*"
    r"|(?<!!)\[(?P<text>[^\]`]+)\]\((?P<target>[^)\s]+)\)"
)
# Left over in plain words, these would be markup of some kind.
SUSPECT = re.compile(r"[`*<>\[\]\\]|&#?\w+;|(?<!\w)_\w|~~")
ITEM = re.compile(r"(?P<mark>- |(?P<number>\d+)\. )")
UNKNOWN = re.compile(r"(?:    |\t|>|<|!\[|\[[^\]]+\]:|[*+] |-{3,}$|={3,}$|\*{3,}$|_{3,}$|#{4,})")
PAGES = {"CONFIGURATION.md": "peermon.toml 5", "CONCEPTS.md": "peermon 7"}


class Document:
    """Lines being read, with the reader of names in code."""

    def __init__(self, name, reader):
        self.name, self.reader = name, reader

    def blocks(self, text):
        lines, done, at = text.rstrip("\n").split("\n"), [], 0
        while at < len(lines):
            line = lines[at]
            if not line.strip():
                at += 1
            elif line.startswith("```"):
                at = self.literal(lines, at, done)
            elif found := re.fullmatch(r"(#{1,3}) (.+)", line):
                done.append(Heading(len(found[1]), self.pieces(found[2])))
                at += 1
            elif line.startswith("|"):
                at = self.table(lines, at, done)
            elif ITEM.match(line):
                at = self.items(lines, at, done)
            elif UNKNOWN.match(line):
                self.unclear(line)
            else:
                at = self.paragraph(lines, at, done)
        return done

    def unclear(self, what):
        raise Unclear(f"{self.name}: no way to convert this Markdown: {what!r}")

    def literal(self, lines, at, done):
        if not re.fullmatch(r"```\w*", lines[at]) or "```" not in lines[at + 1:]:
            self.unclear(lines[at])
        end = lines.index("```", at + 1)
        done.append(Literal(lines[at + 1:end]))
        return end + 1

    def paragraph(self, lines, at, done):
        begin = at
        while at < len(lines) and lines[at].strip() and (at == begin or not starts(lines[at])):
            at += 1
        if any(UNKNOWN.match(line) or line.endswith(("  ", "\\")) for line in lines[begin:at]):
            self.unclear(lines[begin:at])
        done.append(Paragraph(self.pieces(" ".join(line.strip() for line in lines[begin:at]))))
        return at

    def items(self, lines, at, done):
        items, numbered = [], bool(ITEM.match(lines[at])["number"])
        while at < len(lines) and (found := ITEM.match(lines[at])):
            if bool(found["number"]) != numbered:
                self.unclear(lines[at])
            indent = " " * len(found["mark"])
            item = [lines[at][len(indent):]]
            at += 1
            while at < len(lines) and (lines[at].startswith(indent) or belongs(lines, at, indent)):
                item.append(lines[at][len(indent):])
                at += 1
            items.append(self.blocks("\n".join(item)))
            while at + 1 < len(lines) and not lines[at].strip() and ITEM.match(lines[at + 1]):
                at += 1
        if at < len(lines) and lines[at].strip() and not starts(lines[at]):
            self.unclear(lines[at])
        done.append(Items(numbered, items))
        return at

    def table(self, lines, at, done):
        begin = at
        while at < len(lines) and lines[at].startswith("|"):
            at += 1
        head, rule, *rows = [cells(line) for line in lines[begin:at]] + [[]] * (at - begin < 2)
        if not rule or not all(re.fullmatch(r":?-+:?", cell) for cell in rule):
            self.unclear(lines[begin])
        if any(len(row) != len(head) for row in rows):
            self.unclear(lines[begin])
        done.append(Table([self.pieces(one) for one in head],
                          [[self.pieces(one) for one in row] for row in rows]))
        return at

    def pieces(self, text):
        done, position = [], 0
        for found in INLINE.finditer(text):
            done += [self.words(text[position:found.start()]), *self.marked(found)]
            position = found.end()
        return [piece for piece in [*done, self.words(text[position:])] if piece.text]

    def words(self, text):
        if SUSPECT.search(text):
            self.unclear(text)
        return plain(text)

    def marked(self, found):
        if found["code"]:
            return [self.reader.code(found["code"])]
        if found["strong"]:
            return [Piece("Sy", self.words(found["strong"]).text)]
        if found["emphasis"]:
            return [Piece("Em", self.words(found["emphasis"]).text)]
        text, target = self.words(found["text"]).text, found["target"]
        if target in PAGES:
            return [Piece("Xr", PAGES[target])]
        if re.match(r"https?://", target):
            return [Piece("Lk", f"{target} {text}")]
        if text == target:
            return [Piece("Pa", text)]
        return self.unclear(found[0])


def starts(line):
    """Whether a line ends the paragraph before it."""
    return bool(line.startswith(("```", "|", "#")) or ITEM.match(line))


def belongs(lines, at, indent):
    """Whether an empty line is inside of an item: what follows it is indented."""
    return not lines[at].strip() and at + 1 < len(lines) and lines[at + 1].startswith(indent)


def cells(line):
    """The cells of a row; a bar in code does not part them."""
    parts = re.findall(r"((?:`[^`]*`|[^|`])*)\|", line.strip()[1:])
    return [part.strip() for part in parts]
