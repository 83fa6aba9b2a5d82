"""BIRD's BFD protocol, with a session to one neighbour and nothing else."""

import re

from contestant import Contestant
from lab import ADDRESS, OTHER

CHANGE = re.compile(r"Session to \S+ changed state from (\w+) to (\w+)")


class Bird(Contestant):
    package = "bird2"
    programs = ("/usr/sbin/bird",)
    means = "bird's trace of the session on its standard error, stamped by the reader (below 1 ms)"

    def __init__(self, interval=None, multiplier=None):
        super().__init__()
        if interval is None:
            # BIRD's defaults: min tx 100 ms, min rx 10 ms, multiplier 5.
            self.title, self.options, self.bound = "BFD, BIRD defaults (100 ms x 5)", "", 0.5
            return
        self.title = f"BFD, BIRD {interval} ms x {multiplier}"
        self.options = f"interval {interval} ms; multiplier {multiplier}; idle tx interval 100 ms;"
        self.bound = interval * multiplier / 1000

    def launch(self, node):
        config = self.file(
            node, "conf",
            f"router id {ADDRESS[node]};\nlog stderr all;\nprotocol device {{ }}\n"
            f"protocol bfd bfd1 {{\n  debug {{ states, events }};\n"
            f"  interface \"eth0\" {{ {self.options} }};\n"
            f"  neighbor {ADDRESS[OTHER[node]]} dev \"eth0\" local {ADDRESS[node]};\n}}\n",
        )
        return [self.spawn(node, "bird", [
            "bird", "-f", "-c", config, "-s", str(self.lab.folder / f"{self.name()}-{node}.ctl"),
        ], private=["/run/bird"])]

    def read(self, line):
        found = CHANGE.search(line)
        if found is None:
            return None
        before, after = found.groups()
        if after == "Up":
            return "up", None
        return ("down", None) if before == "Up" else None
