"""corosync: a totem ring of two nodes; the notice is a membership without the peer."""

import re

from contestant import Contestant
from lab import ADDRESS

FORMED = re.compile(r"A new membership \(\S+\) was formed\.(.*)")
NUMBER = {"a": 1, "b": 2}


class Corosync(Contestant):
    package = "corosync"
    programs = ("/usr/sbin/corosync",)
    means = "its log of the new membership on standard error, stamped by the reader (below 1 ms)"
    patience = 25.0

    def __init__(self, token=None):
        super().__init__()
        # corosync 3: token 3000 ms, plus consensus of 1.2 tokens to form the new membership.
        self.token = token
        self.title = "corosync, " + ("defaults" if token is None else f"token {token} ms")
        self.bound = (token or 3000) * 2.2 / 1000

    def launch(self, node):
        token = "" if self.token is None else f"  token: {self.token}\n"
        nodes = "".join(
            f"  node {{\n    ring0_addr: {ADDRESS[other]}\n    name: {other}\n"
            f"    nodeid: {number}\n  }}\n" for other, number in NUMBER.items()
        )
        config = self.file(
            node, "conf",
            f"totem {{\n  version: 2\n  cluster_name: versus\n  transport: knet\n"
            f"  crypto_cipher: none\n  crypto_hash: none\n{token}}}\n"
            f"nodelist {{\n{nodes}}}\n"
            "quorum {\n  provider: corosync_votequorum\n  two_node: 1\n  wait_for_all: 0\n}\n"
            "logging {\n  to_stderr: yes\n  to_syslog: no\n  to_logfile: no\n"
            "  timestamp: hires\n}\n",
        )
        return [self.spawn(node, "corosync", [
            "corosync", "-f", "-c", config,
        ], private=["/run", "/var/lib/corosync", "/dev/shm"])]

    def read(self, line):
        found = FORMED.search(line)
        if found is None:
            return None
        if "Members left" in found[1]:
            return "down", None
        return ("up", None) if "Members joined" in found[1] else None

    def notices(self, node, since=0):
        """A member that said goodbye has ended; only the line after the membership tells."""
        lines = [text for _, text in list(self.daemon(node).lines)]
        return [
            notice._replace(kind="ended") if was_farewell(lines, notice) else notice
            for notice in super().notices(node, since)
            if notice.text != lines[-1].strip()  # not told yet: look again
        ]


def was_farewell(lines, notice):
    if notice.kind != "down":
        return False
    following = [line for line in lines if line.strip() == notice.text]
    after = lines.index(following[-1]) + 1
    return after < len(lines) and "Failed to receive the leave message" not in lines[after]
