"""FRR's bfdd, with the zebra that tells it about the interfaces."""

import os
import re
import shutil

from contestant import Contestant
from lab import ADDRESS, OTHER

FOLDER = "/usr/lib/frr"
CHANGE = re.compile(r"state-change: \[.*?\] (\S+) -> (\S+)")


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
        self.launches = getattr(self, "launches", 0) + 1
        meeting = str(self.lab.folder / f"{self.name()}-{node}-{self.launches}")
        os.mkdir(meeting)
        # The daemons give up root for this user, as they do in service.
        shutil.chown(meeting, "frr", "frr")
        config = self.file(
            node, "conf",
            f"hostname {node}\nlog stdout debugging\nlog timestamp precision 6\n"
            f"debug bfd peer\nbfd\n peer {ADDRESS[OTHER[node]]} interface eth0\n"
            f"  detect-multiplier {self.multiplier}\n  receive-interval {self.interval}\n"
            f"  transmit-interval {self.interval}\n  no shutdown\n exit\nexit\n",
        )
        empty = self.file(node, "empty", "")
        common = ["-z", f"{meeting}/zserv",
                  "--vty_socket", meeting, "-P", "0", "--log", "stdout"]
        zebra = self.spawn(node, "zebra", [
            f"{FOLDER}/zebra", *common, "-f", empty, "-i", f"{meeting}/zebra.pid",
        ], private=["/run/frr", "/var/tmp/frr"])
        bfdd = self.spawn(node, "bfdd", [
            f"{FOLDER}/bfdd", *common, "-f", config, "-i", f"{meeting}/bfdd.pid",
            "--bfdctl", f"{meeting}/bfdd.sock",
        ], private=["/run/frr", "/var/tmp/frr"])
        return [zebra, bfdd]

    def read(self, line):
        found = CHANGE.search(line)
        if found is None:
            return None
        before, after = found.groups()
        if after == "up":
            return "up", None
        return ("down", None) if before == "up" else None
