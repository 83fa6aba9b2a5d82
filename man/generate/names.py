"""What the names in a text stand for: functions, constants, types, keys, other pages."""

import re

from blocks import Piece, Unclear, plain
from groups import group_of

# In comments of the header and in the plain words of the documents.
NAMES = re.compile(
    r'"(?P<title>[^"]+)" above'
    r'|(?<== )"(?P<value>[^"\s]+)"'
    r'|"(?P<quoted>\w+)"'
    r"|(?P<page>\w+)\((?P<section>[1-8])\)"
    r"|(?P<call>\b[a-z_]+)\(\)"
    r"|(?P<sizeof>sizeof\(\w+\))"
    r"|(?P<constant>\bMONITOR_[A-Z0-9_]+(?:\*|\b))"
    r"|(?P<member>\b[a-z_]+->[a-z_]+)"
    r"|(?P<null>\bNULL\b)"
    r"|(?P<word>\b[a-z][a-z0-9]*(?:_[a-z0-9]+)*\b\*?)"
)
# Words before a parameter's name that make it a word of English.
ENGLISH = re.compile(r"\b(?:an?|the|of|that|this|its|no|one|every|by|with|other|another) $")


class Names:
    """The names of the header and of the configuration."""

    def __init__(self, header, keys):
        self.functions = {one.name: group_of(one.name, "functions")[0].page
                          for one in header.functions}
        self.constants = {one.name for one in header.constants}
        # Events and reasons are spoken of without their prefix.
        self.short = {re.sub(r"^MONITOR_[A-Z]+_", "", name) for name in self.constants}
        types = header.structs + header.aliases + header.callbacks
        self.types = {one.name for one in types}
        self.members = {member[1] for one in header.structs for member in one.members}
        self.keys = set(keys)
        self.titles = titles(header.opening)


class Reader:
    """Marks names as one page needs it, and notes to which other pages they lead."""

    def __init__(self, names, page, parameters=()):
        self.names, self.page, self.parameters = names, page, set(parameters)
        self.led_to = set()

    def about(self, parameters):
        """The same page, where these parameters are spoken of."""
        other = Reader(self.names, self.page, parameters)
        other.led_to = self.led_to
        return other

    def prose(self, text):
        """The pieces of a text of the header."""
        pieces, position = [], 0
        for found in NAMES.finditer(text):
            marked = self.marked(found, text)
            if marked:
                pieces += [plain(text[position:found.start()]), *marked]
                position = found.end()
        return [piece for piece in [*pieces, plain(text[position:])] if piece.text]

    def marked(self, found, text):
        kind, word = found.lastgroup, found[found.lastgroup]
        match kind:
            case "title":
                return self.title(word)
            case "value":
                return [Piece("Li", f'"{word}"')]
            case "quoted":
                return self.key(word) or self.one("Fa", word, self.names.members)
            case "section":
                return [Piece("Xr", f"{found['page']} {word}")]
            case "call":
                return self.function(word) or [Piece("Fn", word)]
            case "sizeof":
                return [Piece("Li", word)]
            case "constant":
                return self.constant(word)
            case "member":
                return [Piece("Fa", word)]
            case "null":
                return [Piece("Dv", word)]
        return self.word(word, text[:found.start()], text[found.end():])

    def word(self, word, before, after):
        if word.startswith("monitor_") and not word.endswith("*"):
            return self.function(word) or self.type(word) or self.unknown(word)
        if word in self.parameters and re.match(r" (?:is|or|and) ", after):
            return None if ENGLISH.search(before) else [Piece("Fa", word)]
        if "_" in word:
            return self.key(word) or self.one("Fa", word, self.names.members)
        return None

    def title(self, word):
        if word not in self.names.titles:
            raise Unclear(f'peermon.h: there is no "{word}" above')
        if self.page == "peermon":
            return [Piece("Sx", word), plain(" above")]
        return [plain(f'"{word}" in '), Piece("Xr", "peermon 7")]

    def function(self, word):
        if word not in self.names.functions:
            return None
        if self.names.functions[word] == self.page:
            return [Piece("Fn", word)]
        self.led_to.add(self.names.functions[word])
        return [Piece("Xr", f"{word} 3")]

    def constant(self, word):
        if word not in self.names.constants and not word.endswith("*"):
            self.unknown(word)
        return [Piece("Dv", word)]

    def key(self, word):
        return self.one("Cm", word, self.names.keys)

    def type(self, word):
        return self.one("Vt", word, self.names.types)

    def one(self, macro, word, known):
        return [Piece(macro, word)] if word in known else None

    def unknown(self, word):
        raise Unclear(f"{word} is spoken of, and peermon.h does not have it")

    def code(self, text):
        """The piece of what a document sets in code."""
        name = text.removesuffix("()")
        found = self.function(name) or self.type(name) or self.key(name)
        if found:
            return found[0]
        if re.fullmatch(r"MONITOR_[A-Z0-9_]+\*?", text) and text not in self.names.short:
            return self.constant(text)[0]
        if re.fullmatch(r"monitor_\w+", text) and not text.endswith("_"):
            self.unknown(text)
        if name in self.names.members:
            return Piece("Fa", name)
        if re.fullmatch(r'"[^"]*"', text):
            return Piece("Li", text)
        if re.fullmatch(r"[A-Z_]+", text):
            return Piece("Dv", text)
        if re.fullmatch(r"/?[\w.-]+(?:/[\w.-]+)+/?", text):
            return Piece("Pa", text)
        return Piece("Ql", text)


def titles(opening):
    """The headings of the header's opening comment: lines of their own after two empty ones."""
    return [
        line for index, line in enumerate(opening)
        if index > 2 and line and opening[index - 2:index] == ["", ""]
    ]
