"""What the comment of a function says: parameters, results, errors, threads, since when."""

import re
from dataclasses import dataclass, field

from blocks import Unclear
from prose import flat, paragraphs

BEGINNINGS = re.compile(r"(?P<word>Returns|Threads:|Since) (?P<rest>.*)")


@dataclass
class Manual:
    """`parameters` are (name, text), `errors` are (code, condition), `description` paragraphs."""

    description: list = field(default_factory=list)
    parameters: list = field(default_factory=list)
    success: str = ""
    remark: str = ""
    errors: list = field(default_factory=list)
    threads: str = ""
    since: str = ""


def read(function):
    """The manual of a function of the header."""
    manual = Manual()
    known = [name for _, name in function.parameters]
    for lines in paragraphs(function.doc):
        if any(line.startswith("Since ") for line in lines):
            ending(manual, function.name, lines)
        elif beginning(lines[0], known):
            manual.parameters += parameters(lines, known)
        else:
            manual.description.append(lines)
    for what in ("success", "threads", "since"):
        if not getattr(manual, what):
            raise Unclear(f"peermon.h: the comment of {function.name} does not say its {what}")
    return manual


def beginning(line, known):
    found = re.match(r"(\w+): (.*)", line)
    return found if found and found[1] in known else None


def parameters(lines, known):
    done = []
    for line in lines:
        if found := beginning(line, known):
            done.append([found[1], [found[2]]])
        else:
            done[-1][1].append(line)
    return [(name, flat(text)) for name, text in done]


def ending(manual, name, lines):
    said, now = {}, None
    for line in lines:
        if found := BEGINNINGS.match(line):
            now = found["word"]
            said[now] = [found["rest"]]
        elif now:
            said[now].append(line)
        else:
            raise Unclear(f"peermon.h: {name}: what is this about? {line!r}")
    manual.threads = flat(said.get("Threads:", []))
    manual.since = flat(said.get("Since", [])).rstrip(".")
    returns(manual, flat(said.get("Returns", [])))


def returns(manual, text):
    """Success comes first, then each error with its condition, then what else there is to say."""
    manual.success, *errors = re.split(r"; (?=MONITOR_ERR_)", text)
    for index, error in enumerate(errors):
        code, condition = re.match(r"(\w+)(.*)", error).groups()
        if index == len(errors) - 1:
            condition, _, manual.remark = condition.partition(". ")
        manual.errors.append((code, condition.rstrip(".")))
    if any("MONITOR_ERR_" in said for said in (manual.success, *[one[1] for one in manual.errors])):
        raise Unclear(f'peermon.h: errors are separated by "; " in: Returns {text}')
