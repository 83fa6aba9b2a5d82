"""Reads what a program made with clap answers to --help."""

import re
import subprocess
from dataclasses import dataclass, field

from blocks import Unclear

USAGE = "Usage: "
SECTION = re.compile(r"(\S.*):$")
# Explained once for the program, not for each of its commands.
COMMON = re.compile(r"(?:-h, --help|-V, --version)$")
# Where an explanation begins that stands below what it explains.
BELOW = 10


@dataclass
class Entry:
    """An option, argument or command; `text` is its explanation, line by line."""

    spec: str
    text: list


@dataclass
class Help:
    """`path` is the program and the commands that lead here."""

    path: list
    about: list = field(default_factory=list)
    usage: str = ""
    sections: dict = field(default_factory=dict)
    commands: list = field(default_factory=list)


def ask(program, path):
    """The help of a command and of all commands below it."""
    done = subprocess.run([program, *path[1:], "--help"], capture_output=True, text=True,
                          timeout=60, check=False)
    if done.returncode != 0:
        raise Unclear(f"{' '.join(path)} --help failed: {done.stderr}")
    told = read(path, done.stdout)
    for entry in told.sections.get("Commands", []):
        if entry.spec != "help":
            told.commands.append(ask(program, [*path, entry.spec]))
    return told


def read(path, text):
    told, section = Help(path), None
    for line in text.rstrip("\n").split("\n"):
        if line.startswith(USAGE):
            told.usage = line[len(USAGE):]
        elif not told.usage:
            told.about.append(line)
        elif found := SECTION.match(line):
            section = told.sections.setdefault(found[1], [])
        elif line and section is None:
            raise Unclear(f"{' '.join(path)} --help: this line belongs nowhere: {line!r}")
        elif section is not None:
            entry(path, section, line)
    if not told.usage or not told.usage.startswith(" ".join(path)):
        raise Unclear(f"{' '.join(path)} --help does not say its usage")
    for found in told.sections.values():
        for one in found:
            one.text = trimmed(one.text)
    return told


def entry(path, section, line):
    indent = len(line) - len(line.lstrip())
    if line.strip() and indent < BELOW:
        if indent == 0:
            raise Unclear(f"{' '.join(path)} --help: this line belongs nowhere: {line!r}")
        spec, _, text = line.strip().partition("  ")
        section.append(Entry(spec, [text.strip()]))
    elif line.strip() and not section:
        raise Unclear(f"{' '.join(path)} --help: this line explains nothing: {line!r}")
    elif section:
        section[-1].text.append(line[BELOW:])


def trimmed(lines):
    """Without empty lines at both ends, and without blanks at the ends of lines."""
    return "\n".join(line.rstrip() for line in lines).strip("\n").split("\n")
