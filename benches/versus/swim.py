"""SWIM, as serf (memberlist) has it: probes, indirect probes, a suspicion that is gossiped."""

import re
import signal

from contestant import Contestant
from lab import ADDRESS, OTHER

# serf's own log of its membership events.
EVENT = re.compile(r"serf: EventMember(Join|Failed|Leave): (\w)\b")
KINDS = {"Join": "up", "Failed": "down", "Leave": "ended"}


class Serf(Contestant):
    package = "serf"
    programs = ("/usr/bin/serf",)
    means = "serf's log of its own event on its console, stamped by the reader (below 1 ms)"
    title = "SWIM, serf lan profile"
    # At SIGTERM it leaves without a word, by default.
    farewell = signal.SIGINT
    patience = 30.0

    def launch(self, node):
        return [self.spawn(node, "serf", [
            "serf", "agent", f"-node={node}", f"-bind={ADDRESS[node]}:7946", "-profile=lan",
            f"-rpc-addr={ADDRESS[node]}:7373", f"-retry-join={ADDRESS[OTHER[node]]}",
            "-retry-interval=1s", "-log-level=debug",
        ])]

    def read(self, line):
        found = EVENT.search(line)
        return None if found is None else (KINDS[found[1]], None)

    def notices(self, node, since=0):
        """It greets itself, too: only what is about the other one counts."""
        return [
            notice for notice in super().notices(node, since)
            if EVENT.search(notice.text)[2] == OTHER[node]
        ]
