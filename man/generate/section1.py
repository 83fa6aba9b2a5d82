"""peermonctl(1): what the program says about itself, and examples."""

import re
import textwrap

import helptext
from blocks import Heading, Literal, Paragraph, Piece, Tagged, Unclear, plain
from mdoc import escaped, page, written
from prose import flat, paragraphs

NAME = "peermonctl"
# Each is run by tests/man.rs, in this order and in one empty folder.
EXAMPLES = [
    ("Make a trace of heartbeats on a path that loses them in bursts:",
     "peermonctl trace generate gilbert-elliott --beats 9000 > trace.csv"),
    ("What would every detector have done with it, and what would a fixed time-out of three "
     "intervals?",
     'peermonctl replay trace.csv --times 3 --mistakes-at-most "1 per day"'),
    ("The same for a program to read, with every detector set to detect within two seconds:",
     "peermonctl replay trace.csv --detect-within 2s --json"),
]
# Titles that clap gives by itself, and the one of what stands below the help of the whole program.
USUAL = ("Arguments", "Options", "Commands", "Exit codes")
EXIT_CODES = "Exit codes"
PART = re.compile(
    r"(?P<option>--?[\w-]+)(?P<equals>=)?|<(?P<value>[A-Za-z][^<>]*)>"
    r"|<(?P<either>--?(?:[^<>]|<[^<>]*>)*)>|\[(?P<inner>[^\[\]]+|<[^>]+>)\]"
    r"|(?P<more>\.\.\.)|(?P<comma>,)|(?P<bar>\|)|(?P<blank>\s+)|(?P<word>[\w-]+)"
)
LIST = re.compile(r"- (?P<value>[\w.-]+)(?::\s+(?P<text>.*))?$")


def commands(program, date):
    """(path, text) of the page."""
    told = helptext.ask(program, [NAME])
    every = list(below(told))
    common = in_common(every)
    body = [
        ".Sh NAME", f".Nm {NAME}", ".Nd what an administrator does with peermon",
        ".Sh SYNOPSIS", *[line for one in every if is_complete(one)
                          for line in synopsis(one)],
        ".Sh DESCRIPTION", *written([*about(told), *sections(told, common=True)]),
        ".Sh COMMANDS", *written([block for one in every[1:] for block in command(one, common)]),
        *written([block for title in common for block in shared(title, common[title])]),
        ".Sh EXIT STATUS", *exit_status(told),
        ".Sh EXAMPLES", *written(examples()),
        ".Sh SEE ALSO", ".Xr peermon.toml 5 ,", ".Xr peermon 7",
    ]
    return f"man1/{NAME}.1", page(NAME, 1, date, body)


def below(told):
    """A command and all that are below it."""
    yield told
    for one in told.commands:
        yield from below(one)


def is_complete(told):
    """Whether it can be called without one of the commands below it."""
    return "<COMMAND>" not in told.usage


def synopsis(told):
    rest = told.usage.removeprefix(" ".join(told.path)).strip()
    line = ["Nm", *(["Cm", *told.path[1:]] if told.path[1:] else []), *parts(rest)]
    return ["." + " ".join(line)]


def command(told, common=None):
    return [Heading(2, [plain(" ".join(told.path[1:]))]), *about(told),
            *sections(told, elsewhere=common or {})]


def in_common(every):
    """Sections with a title of their own that several commands have word for word: explained once."""
    seen = {}
    for told in every:
        for title, entries in told.sections.items():
            if title not in USUAL:
                seen.setdefault(title, []).append(entries)
    return {title: found[0] for title, found in seen.items()
            if len(found) > 1 and all(said(one) == said(found[0]) for one in found)}


def said(entries):
    """Without how it is laid out: short help has it in fewer lines."""
    return [(one.spec, " ".join(one.text).split()) for one in entries]


def shared(title, entries):
    return [Heading(2, [plain(title)]), Paragraph([plain("Options of several commands:")]),
            listed(entries)]


def exit_status(told):
    """What the program says of its exit codes; without that, what is usual."""
    codes = told.sections.get(EXIT_CODES)
    return written([listed(codes)]) if codes else [f".Ex -std {NAME}"]


def listed(entries):
    return Tagged([(" ".join(parts(one.spec)), text(one.text)) for one in entries])


def about(told):
    # clap takes the point off the end.
    lines = [re.sub(r"(?<=[\w)])$", ".", line) for line in told.about]
    return text(lines)


def sections(told, common=False, elsewhere=()):
    """Arguments and options as lists; what every command has only where it is wanted."""
    done = []
    for title, entries in told.sections.items():
        if title in ("Commands", EXIT_CODES):
            continue
        if title in elsewhere:
            done.append(Paragraph([plain(f"Also the options under \u201c{title}\u201d below.")]))
            continue
        wanted = [one for one in entries if common or not helptext.COMMON.match(one.spec)]
        if not wanted:
            continue
        if title not in USUAL:
            done.append(Paragraph([plain(f"{title}:")]))
        done.append(listed(wanted))
    return done


def text(lines):
    return [block for one in paragraphs(lines) for block in explained(one)]


def explained(lines):
    """A paragraph, an indented example, or a list of values."""
    if all(line.startswith("    ") for line in lines):
        return [Literal(textwrap.dedent("\n".join(lines)).split("\n"))]
    if lines[0] == "Possible values:":
        found = [LIST.match(line) for line in lines[1:]]
        if not all(found):
            raise Unclear(f"{NAME}: how is this list of values laid out? {lines!r}")
        return [Paragraph([plain(lines[0])]), Tagged([
            ([Piece("Cm", one["value"])], [Paragraph(spoken(one["text"] or ""))])
            for one in found
        ])]
    return [Paragraph(spoken(flat(lines)))]


def spoken(sentence):
    """The pieces of an explanation: options and quoted code are set off."""
    pieces, position = [], 0
    for found in re.finditer(r"`(?P<code>[^`]+)`|(?<![\w-])-(?P<option>-[a-z][\w-]+)", sentence):
        pieces.append(plain(sentence[position:found.start()]))
        pieces.append(Piece("Ql", found["code"]) if found["code"] else
                      Piece("Fl", found["option"]))
        position = found.end()
    return [one for one in [*pieces, plain(sentence[position:])] if one.text]


def parts(spec):
    """A usage or the head of an option, as arguments of a macro."""
    done, position, close = [], 0, True
    while position < len(spec):
        found = PART.match(spec, position)
        if not found:
            raise Unclear(f"{NAME}: what is this in a usage? {spec[position:]!r}")
        position = found.end()
        apart = [] if close or not done else ["Ns"]
        match found.lastgroup:
            case "blank":
                close = True
                continue
            case "option" | "equals":
                done += [*apart, "Fl", escaped(found["option"][1:])]
                done += ["Ns", "No", "="] if found["equals"] else []
            case "value":
                done += [*apart, "Ar", escaped(found["value"])]
            case "either":
                done += [*apart, "Bro", *parts(found["either"]), "Brc"]
            case "inner":
                inner = found["inner"]
                optional = ["Ar", "options"] if inner == "OPTIONS" else bracketed(inner)
                done += [*apart, "Oo", *optional, "Oc"]
            case "word":
                done += [*apart, "Cm", found["word"]]
            case "bar":
                done += [*apart, "No", r"\&|"]
            case other:
                done.append(found[other])
        close = False
    return done


def bracketed(inner):
    """What stands in brackets; a bare name there is an argument that may be left out."""
    return ["Ar", inner] if re.fullmatch(r"[A-Z_]+", inner) else parts(inner)


def examples():
    return [block for caption, line in EXAMPLES
            for block in (Paragraph([plain(caption)]), Literal([line]))]
