"""The pages of functions, from peermon.h alone."""

import re

from blocks import Heading, Paragraph, Piece, Tagged, plain
from functions import read
from groups import GROUPS, group_of
from mdoc import argument, page, written
from names import Reader
from prose import blocks

EVERY = "Every function may return "


class Page:
    """One group of functions."""

    def __init__(self, group, header, names):
        self.group, self.header = group, header
        self.reader = Reader(names, group.page)
        self.functions = [
            one for one in header.functions if group_of(one.name, "functions")[0] is group
        ]
        self.manuals = {one.name: read(one) for one in self.functions}
        self.meanings = {one.name: one.doc for one in header.constants}

    def text(self, date):
        body = [
            *self.name(), *self.synopsis(), ".Sh DESCRIPTION", *written(self.description()),
            ".Sh RETURN VALUES", *written(self.return_values()), *self.errors(),
            ".Sh THREADS", *written(self.shared("threads", sentence)),
            ".Sh AVAILABILITY", *written(self.shared("since", "Since peermon {}.".format)),
        ]
        return page(self.group.page, 3, date, body + self.see_also())

    def name(self):
        *first, last = [one.name for one in self.functions]
        named = [f".Nm {name} ," for name in first] + [f".Nm {last}"]
        return [".Sh NAME", *named, f".Nd {self.group.about}",
                ".Sh LIBRARY", r"peermon (libpeermon, \-lpeermon)"]

    def synopsis(self):
        lines = [".Sh SYNOPSIS", ".In peermon.h"]
        callbacks = [one for one in self.header.callbacks if self.has_type(one.name)]
        for one in callbacks:
            lines += [f".Ft typedef {one.result}", *declared(f"(*{one.name})", one.parameters)]
        for one in self.functions:
            lines += [f".Ft {argument(one.result)}", *declared(one.name, one.parameters)]
        return lines

    def has_type(self, name):
        return group_of(name, "types")[0] is self.group

    def description(self):
        done = []
        for one in self.functions:
            done += [Heading(2, [plain(one.name)])] if len(self.functions) > 1 else []
            manual = self.manuals[one.name]
            reader = self.reader.about(name for _, name in one.parameters)
            for lines in manual.description:
                done += blocks(lines, reader)
            if manual.parameters:
                longest = max(len(name) for name, _ in manual.parameters)
                done.append(Tagged([
                    ([Piece("Fa", name)], [Paragraph(reader.prose(sentence(text)))])
                    for name, text in manual.parameters
                ], width=f"{longest}n"))
        return done + self.types() + self.constants()

    def types(self):
        done = []
        structs = {one.name: one for one in self.header.structs if self.has_type(one.name)}
        for one in self.header.aliases:
            if not self.has_type(one.name):
                continue
            struct = structs.pop(one.target.removeprefix("struct "), None)
            done.append(Heading(2, [Piece("Vt", one.name)]))
            told = blocks(one.doc, self.reader)
            if struct and struct.members:
                told = blocks(struct.doc, self.reader) + [self.members(struct)]
            elif struct:
                told += blocks(struct.doc, self.reader)
            done += told
        for struct in structs.values():
            done += [Heading(2, [Piece("Vt", f"struct {struct.name}")]),
                     *blocks(struct.doc, self.reader), self.members(struct)]
        for one in self.header.callbacks:
            if self.has_type(one.name):
                done += [Heading(2, [Piece("Vt", one.name)]), *blocks(one.doc, self.reader)]
        return done

    def members(self, struct):
        entries = []
        for declaration, _, doc in struct.members:
            kind, stars, name = re.fullmatch(r"(.+) (\**)(\S+)", declaration).groups()
            typed = [Piece("Vt", f"{kind} {stars}")] if stars else [Piece("Vt", kind), plain(" ")]
            entries.append(([*typed, Piece("Fa", name)], blocks(doc, self.reader)))
        return Tagged(entries)

    def constants(self):
        families = {}
        for one in self.header.constants:
            group, pattern = group_of(one.name, "constants")
            if group is self.group:
                families.setdefault(group.constants[pattern], []).append(one)
        done = []
        for title in dict.fromkeys(self.group.constants.values()):
            members = families.get(title, [])
            entries = []
            for one in members:
                tag = [Piece("Dv", one.name), plain(" ("), Piece("Li", one.value), plain(")")]
                entries.append((tag, blocks(one.doc, self.reader)))
            done += [Heading(2, [plain(title)]), Tagged(entries)] if entries else []
        return done

    def return_values(self):
        done = []
        for names, (success, remark, fails) in self.merged(
            lambda one: (one.success.rstrip("."), one.remark, bool(one.errors))
        ):
            verb = " returns " if len(names) == 1 else " return "
            otherwise = "; otherwise one of the errors below." if fails else "."
            told = self.about(names).prose(success + otherwise + (f" {remark}" if remark else ""))
            done.append(Paragraph(enumerated(names) + [plain(verb), *told]))
        return done

    def errors(self):
        """Each code once, with its meaning, and from which function it comes when."""
        codes = {}
        for one in self.functions:
            for code, condition in self.manuals[one.name].errors:
                codes.setdefault(code, {}).setdefault(condition, []).append(one.name)
        if not codes:
            return []
        codes.setdefault(self.always(), {})
        entries = []
        for code in [one.name for one in self.header.constants if one.name in codes]:
            told = blocks(self.meanings[code], self.reader)
            for condition, names in codes[code].items():
                told += self.source(condition, names)
            entries.append(([Piece("Er", code)], told))
        return [".Sh ERRORS", *written([Tagged(entries)])]

    def always(self):
        """The code that the header's opening promises for every function."""
        text = " ".join(self.header.opening)
        return text.split(EVERY, 1)[1].split(" ", 1)[0]

    def source(self, condition, names):
        if len(self.functions) == 1:
            told = self.about(names).prose(sentence(condition.strip()))
            return [Paragraph(told)] if condition else []
        told = self.about(names).prose(condition + ".")
        return [Paragraph([plain("From "), *enumerated(names), *told])]

    def about(self, names):
        known = {
            name for one in self.functions if one.name in names for _, name in one.parameters
        }
        return self.reader.about(known)

    def shared(self, what, worded):
        """What functions say, those that say the same together."""
        told = [
            (enumerated(names), [Paragraph(self.reader.prose(worded(text)))])
            for names, text in self.merged(lambda one: getattr(one, what))
        ]
        return told[0][1] if len(told) == 1 else [Tagged(told)]

    def merged(self, key):
        """(names, key) of the functions with one key."""
        done = {}
        for one in self.functions:
            done.setdefault(key(self.manuals[one.name]), []).append(one.name)
        return [(names, said) for said, names in done.items()]

    def see_also(self):
        pages = sorted((name, 3) for name in self.reader.led_to | {"monitor_strerror"})
        pages = [one for one in pages if one[0] != self.group.page]
        pages += [("peermon.toml", 5), ("peermon", 7)]
        *first, last = [f".Xr {name} {section}" for name, section in pages]
        return [".Sh SEE ALSO", *[f"{line} ," for line in first], last]


def declared(name, parameters):
    if not parameters:
        return [f".Fn {name} void"]
    return [f".Fo {name}", *[f".Fa {argument(one)}" for one, _ in parameters], ".Fc"]


def enumerated(names):
    pieces = []
    for index, name in enumerate(names):
        last = index == len(names) - 1
        pieces += [plain(" and " if last else ", ")] if index else []
        pieces.append(Piece("Fn", name))
    return pieces


def sentence(text):
    """A text that begins in the middle of a line of the header, as a sentence of its own."""
    return text[:1].upper() + text[1:] + ("" if text.endswith(".") or not text else ".")


def pages(header, names, date):
    """(path, text) of each page: the groups, and for every function one that leads there."""
    for kinds, what in (("structs", "types"), ("aliases", "types"), ("callbacks", "types"),
                        ("constants", "constants")):
        for one in getattr(header, kinds):
            group_of(one.name, what)
    for group in GROUPS:
        made = Page(group, header, names)
        if made.functions:
            yield f"man3/{group.page}.3", made.text(date)
        for one in made.functions:
            if one.name != group.page:
                yield f"man3/{one.name}.3", f".so man3/{group.page}.3\n"
