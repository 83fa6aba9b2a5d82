"""What a page is made of, whatever it was read from and whatever it is written as."""

from dataclasses import dataclass
from typing import NamedTuple


class Unclear(Exception):
    """Something was read that the generator does not understand. Nothing is dropped silently."""


class Piece(NamedTuple):
    """Some text and the mdoc macro that marks it; without one it is plain."""

    macro: str
    text: str


def plain(text):
    return Piece("", text)


@dataclass
class Heading:
    depth: int
    pieces: list


@dataclass
class Paragraph:
    pieces: list


@dataclass
class Literal:
    lines: list


@dataclass
class Items:
    """A list of bullets or numbers; each item is a list of blocks."""

    numbered: bool
    items: list


@dataclass
class Tagged:
    """A list of (what is explained, explanation): pieces or arguments of .It, and blocks.

    What is explained stands beside its explanation if it is not wider than `width`.
    """

    entries: list
    compact: bool = False
    width: str = "4n"


@dataclass
class Table:
    """Cells are lists of pieces."""

    head: list
    rows: list
