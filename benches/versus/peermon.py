"""peermon, as host.c uses it."""

import os
import pathlib
import re
import subprocess

from contestant import Contestant
from lab import ADDRESS, OTHER

SOURCES = pathlib.Path(__file__).resolve().parents[2]
NAMES = {"a": "orders", "b": "billing"}
KEY = "00112233445566778899aabbccddeeff"
PORT = 28170
KINDS = {
    "STARTED": "up", "RECOVERED": "up", "DOWN": "down", "OVERDUE": "down", "ENDED": "ended",
}
EVENT = re.compile(r"event (\d+) (\w+) (\w+) (\S+) (\d+) (\d+) (\d+) (\d+) (\d+) (\d+)")


class Peermon(Contestant):
    means = "CLOCK_MONOTONIC at the entry of the event callback"
    programs = ("cc",)

    def __init__(self, title, bound, lines="", arguments=()):
        """`lines` go into both configurations, `arguments` to b's host."""
        super().__init__()
        self.title, self.bound, self.lines = title, bound, lines
        self.arguments = list(arguments)

    def missing(self):
        if not (library() / "libpeermon.so").exists():
            return f"not built: {library()}/libpeermon.so (make build)"
        return super().missing()

    def launch(self, node):
        config = self.file(
            node, "toml",
            f'name = "{NAMES[node]}"\nlisten = "{ADDRESS[node]}:{PORT}"\nkey = "{KEY}"\n'
            f"{self.lines}\n[[peer]]\n"
            f'name = "{NAMES[OTHER[node]]}"\naddress = "{ADDRESS[OTHER[node]]}:{PORT}"\n',
        )
        program = compile_host(self.lab.folder)
        arguments = self.arguments if node == "b" else []
        host = self.spawn(
            node, "host", [str(program), config, *arguments],
            environment={"LD_LIBRARY_PATH": str(self.lab.folder)},
        )
        _, text = host.expect(lambda text: text == "ready" or text.startswith("failed"), 60)
        if text != "ready":
            host.reap()
            raise RuntimeError(text)
        return [host]

    def read(self, line):
        event = parse(line)
        # Events about the host itself (SELF_STALLED, ...) blame nobody.
        if event is None or event["peer"] == "-" or event["kind"] not in KINDS:
            return None
        return KINDS[event["kind"]], event["at"]

    def end(self, node):
        return self.daemon(node).tell("end")


def parse(line):
    """The fields of a line of host.c, or None if it is none."""
    found = EVENT.match(line)
    if found is None:
        return None
    at, kind, reason, peer, *numbers = found.groups()
    fields = dict(zip(
        ("outage", "interval", "deadline", "own_lateness", "round_trip", "misses"),
        map(int, numbers),
    ))
    return {"at": int(at), "kind": kind, "reason": reason, "peer": peer, **fields}


def library():
    """The folder of the release build."""
    target = os.environ.get("CARGO_TARGET_DIR", "target")
    return (SOURCES / target / "release").resolve()


def compile_host(folder):
    """host.c, compiled once per folder, with the library's loader name beside it."""
    program = pathlib.Path(folder) / "host"
    if program.exists():
        return program
    link = program.with_name("libpeermon.so.0")
    if not link.is_symlink():
        link.symlink_to(library() / "libpeermon.so")
    done = subprocess.run(
        ["cc", "-O1", "-Wall", "-Wextra", "-Werror", "-pthread", "-I", str(SOURCES / "include"),
         str(pathlib.Path(__file__).with_name("host.c")), "-o", str(program),
         "-L", str(library()), "-lpeermon"],
        capture_output=True, text=True, timeout=120, check=False,
    )
    if done.returncode != 0:
        raise RuntimeError(f"host.c: {done.stderr}")
    return program
