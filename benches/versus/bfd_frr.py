"""FRR's bfdd, with the zebra that tells it about the interfaces."""

import os
import re
import shutil
import time

from contestant import Contestant
from lab import ADDRESS, OTHER

FOLDER = "/usr/lib/frr"
CHANGE = re.compile(r"state-change: \[.*?\] (\S+) -> (\S+)")
# bfdd that does not find zebra looks again only after ten seconds.
ZEBRA_WITHIN = 20.0


class Frr(Contestant):
    package = "frr"
    programs = (f"{FOLDER}/zebra", f"{FOLDER}/bfdd")
    means = "bfdd's log on its standard output, stamped by the reader (below 1 ms)"

    def __init__(self, interval, multiplier):
        super().__init__()
        self.interval, self.multiplier = interval, multiplier
        self.title = f"BFD, FRR {interval} ms x {multiplier}"
        self.bound = interval * multiplier / 1000

    def launch(self, node):
        meeting = self.meeting(node)
        shutil.rmtree(meeting, ignore_errors=True)
        os.mkdir(meeting)
        # The daemons give up root for this user, as they do in service.
        shutil.chown(meeting, "frr", "frr")
        zebra = self.daemon_of_frr(node, "zebra", self.file(node, "empty", ""), [])
        deadline = time.monotonic() + ZEBRA_WITHIN
        while not os.path.exists(f"{meeting}/zserv"):
            if time.monotonic() > deadline or not zebra.is_running():
                raise RuntimeError("zebra does not open its socket")
            time.sleep(0.01)
        return [zebra, self.bfdd(node)]

    def restart(self, node):
        """bfdd alone, as watchfrr would: zebra was not struck."""
        at = time.monotonic_ns()
        self.running[node][-1] = self.bfdd(node)
        return at

    def bfdd(self, node):
        config = self.file(
            node, "conf",
            f"hostname {node}\nlog stdout debugging\nlog timestamp precision 6\n"
            f"debug bfd peer\nbfd\n peer {ADDRESS[OTHER[node]]} interface eth0\n"
            f"  detect-multiplier {self.multiplier}\n  receive-interval {self.interval}\n"
            f"  transmit-interval {self.interval}\n  no shutdown\n exit\nexit\n",
        )
        control = f"{self.meeting(node)}/bfdd.sock"
        return self.daemon_of_frr(node, "bfdd", config, ["--bfdctl", control])

    def daemon_of_frr(self, node, name, config, further):
        meeting = self.meeting(node)
        return self.spawn(node, name, [
            f"{FOLDER}/{name}", "-f", config, "-i", f"{meeting}/{name}.pid", "-P", "0",
            "-z", f"{meeting}/zserv", "--vty_socket", meeting, "--log", "stdout", *further,
        ], private=["/run/frr", "/var/tmp/frr"])

    def meeting(self, node):
        """The folder in which the two daemons of a node find one another."""
        return str(self.lab.folder / f"{self.name()}-{node}")

    def read(self, line):
        found = CHANGE.search(line)
        if found is None:
            return None
        before, after = found.groups()
        if after == "up":
            return "up", None
        return ("down", None) if before == "up" else None
