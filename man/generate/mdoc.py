"""Blocks to mdoc(7): filled lines, a sentence a line, nothing that roff takes for its own."""

import re
import textwrap

from blocks import Heading, Items, Literal, Paragraph, Piece, Table, Tagged, Unclear, plain

WIDTH = 78
INDENT = 6
# Wider tables become lists: mdoc has no table whose cells are filled well.
TABLE_WIDTH = 72
# Between columns: what mdoc sets, and the least that can be read.
GAP, NARROW_GAP = 4, 2
CLOSING = ".,:;)]?!"
# What roff changes in a terminal, and readers copy.
LITERAL = {"-": r"\-", "'": r"\(aq"}
ALWAYS = {"\\": r"\e", "`": r"\(ga", "^": r"\(ha", "~": r"\(ti"}


def escaped(text, literal=False):
    wanted = {**ALWAYS, **LITERAL} if literal else ALWAYS
    return "".join(wanted.get(c, c if ord(c) < 128 else f"\\[u{ord(c):04X}]") for c in text)


def argument(text, literal=False):
    """One argument of a macro, whatever it consists of."""
    safe = escaped(text, literal).replace('"', r"\(dq")
    if re.fullmatch(r"[A-Z%][A-Za-z0-9]{1,2}|[.,:;()\[\]?!|]", safe):
        safe = rf"\&{safe}"
    return f'"{safe}"' if " " in safe or not safe else safe


def macro(piece):
    """The call of a marked piece as a list of arguments."""
    if piece.macro == "Xr":
        return ["Xr", *piece.text.split(" ")]
    if piece.macro == "Lk":
        url, _, text = piece.text.partition(" ")
        return ["Lk", argument(url), argument(text)]
    if piece.macro == "Fl":
        return ["Fl", argument(piece.text)]
    return [piece.macro, argument(piece.text, piece.macro not in ("Em", "Sy", "Sx"))]


def words(pieces):
    """Pieces as words, each a list of pieces without blanks between them."""
    done, word = [], []
    for piece in pieces:
        if piece.macro:
            word.append(piece)
            continue
        for part in re.split(r"(\s+)", piece.text):
            if not part.strip():
                if part and word:
                    done.append(word)
                    word = []
            else:
                word.append(plain(part))
    return done + ([word] if word else [])


def call(word):
    """A word with marked pieces as the arguments of one line."""
    pieces, closing = list(word), []
    if not pieces[-1].macro:
        text = pieces.pop().text
        bare = text.rstrip(CLOSING)
        closing = list(text[len(bare):])
        pieces += [plain(bare)] if bare else []
    if len(pieces) == 2 and pieces[0] == plain("(") and closing[:1] == [")"]:
        return ["Pq", *macro(pieces[1]), *closing[1:]]
    line = []
    for piece in pieces:
        line += ["Ns"] if line else []
        line += macro(piece) if piece.macro else ["No", argument(piece.text)]
    return line + closing


def is_plain(word):
    return not any(piece.macro for piece in word)


def ends_sentence(text):
    return re.search(r"(?<!\.\.)[.?!][)\"'\]]*$", text) is not None


def filled(pieces):
    """The lines of a paragraph."""
    lines, line = [], ""
    for word in words(pieces):
        text = "".join(piece.text for piece in word)
        if not is_plain(word):
            lines += [line] if line else []
            line = ""
            lines.append("." + " ".join(call(word)))
            continue
        text = escaped(text)
        if line and len(line) + 1 + len(text) > WIDTH:
            lines.append(line)
            line = ""
        if not line and text[0] in ".'":
            text = rf"\&{text}"
        line = f"{line} {text}" if line else text
        if ends_sentence(text):
            lines.append(line)
            line = ""
    return lines + ([line] if line else [])


def on_one_line(pieces):
    """Pieces as the rest of a macro line: of .It, .Sh, .Ss."""
    line, marked = [], False
    for word in words(pieces):
        if not is_plain(word):
            line += call(word)
            marked = True
            continue
        line += ["No"] if marked else []
        line.append(argument("".join(piece.text for piece in word)))
        marked = False
    return " ".join(line)


def written(blocks):
    """The lines of some blocks."""
    blocks = [one for block in blocks for one in laid_out(block)]
    lines = []
    for index, block in enumerate(blocks):
        after_heading = index == 0 or isinstance(blocks[index - 1], Heading)
        match block:
            case Heading(depth, pieces):
                lines.append(heading(depth, pieces))
            case Paragraph(pieces):
                lines += ([] if after_heading else [".Pp"]) + filled(pieces)
            case Literal(text):
                lines += literal(text)
            case Items(numbered, items):
                lines.append(".Bl -enum" if numbered else ".Bl -bullet")
                for item in items:
                    lines += [".It", *written(item)]
                lines.append(".El")
            case Tagged(entries, compact, width):
                squeezed = " -compact" if compact else ""
                lines.append(f".Bl -tag -width {width}{squeezed}")
                for tag, body in entries:
                    head = tag if isinstance(tag, str) else on_one_line(tag)
                    lines += [f".It {head}", *written(body)]
                lines.append(".El")
            case Table():
                lines += table(block)
            case _:
                raise Unclear(f"no way to write {block!r}")
    return lines


def heading(depth, pieces):
    if depth == 1:
        pieces = [piece if piece.macro else plain(piece.text.upper()) for piece in pieces]
    text = on_one_line(pieces)
    # A sign at the end is part of the heading, and not punctuation after it.
    return f".{'Sh' if depth == 1 else 'Ss'} {text}" + r"\&" * (text[-1] in CLOSING)


def literal(text):
    """An example or a picture, moved to the left where it would be too wide."""
    text = textwrap.dedent("\n".join(text)).split("\n")
    indent = max(map(len, text)) + INDENT <= TABLE_WIDTH
    lines = [escaped(line, literal=True) for line in text]
    guarded = [rf"\&{line}" if line.startswith(".") else line for line in lines]
    return [".Bd -literal -offset indent" if indent else ".Bd -literal", *guarded, ".Ed"]


def width(cell):
    return sum(len(piece.text) + (2 if piece.macro == "Ql" else 0) for piece in cell)


def widths(block):
    return [max(map(width, column)) for column in zip(block.head, *block.rows)]


def laid_out(block):
    """A table as what fits into a terminal, anything else as it is."""
    if not isinstance(block, Table):
        return [block]
    gaps, text = len(block.head) - 1, sum(widths(block))
    if text + gaps * GAP + INDENT <= TABLE_WIDTH:
        return [block]
    if text + gaps * NARROW_GAP <= TABLE_WIDTH:
        return [Literal(aligned(block))]
    return as_list(block)


def table(block):
    stand_ins = " ".join(f'"{"x" * size}"' for size in widths(block))
    lines = [f".Bl -column -offset indent {stand_ins}"]
    head = [emphasised(cell) for cell in block.head]
    for row in [head] * any(head) + block.rows:
        cells = [on_one_line(cell) or r"\&" for cell in row]
        lines.append(".It " + " Ta ".join(cells))
    return [*lines, ".El"]


def aligned(block):
    """The lines of a table as text."""
    rows = [["".join(piece.text for piece in cell) for cell in row]
            for row in [block.head, *block.rows]]
    gap = " " * NARROW_GAP
    return [gap.join(map(str.ljust, row, widths(block))).rstrip() for row in rows]


def as_list(block):
    """A table that is too wide: its first column names what the others say."""
    name, *heads = map(emphasised, block.head)
    if len(heads) == 1:
        rows = [[name, heads[0]]] if any(heads) else []
        return [Tagged([(first, [Paragraph(cell)]) for first, cell in rows + block.rows])]
    broad = f"{max(map(width, heads))}n"
    entries = []
    for first, *cells in block.rows:
        said = [(head, [Paragraph(cell)]) for head, cell in zip(heads, cells) if cell]
        entries.append((first, [Tagged(said, compact=True, width=broad)]))
    return [Paragraph([*name, plain(":")]), Tagged(entries)]


def emphasised(cell):
    return [Piece("Em", piece.text) for piece in cell]


def page(title, section, date, body):
    """A whole page. `body` is blocks, its headings of depth 1 are the sections."""
    start = [f".Dd {date}", f".Dt {title.upper()} {section}", ".Os"]
    return "\n".join(start + body) + "\n"
