"""keepalived: VRRP, in which the backup notices that the master is gone; and its BFD."""

import re

from contestant import Contestant
from lab import ADDRESS, OTHER

STATE = re.compile(r"\(watch\) Entering (MASTER|BACKUP) STATE")
SESSION = re.compile(r"\(peer\) Entering (Up|Down) state")


class Keepalived(Contestant):
    """What both of its protocols share: one parent, one child per protocol."""

    package = "keepalived"
    programs = ("/usr/sbin/keepalived",)

    def body(self, node):
        """The part of the configuration that differs."""
        raise NotImplementedError

    def launch(self, node):
        config = self.file(node, "conf", self.body(node))
        return [self.spawn(node, "keepalived", [
            "keepalived", "--dont-fork", "--log-console", "--log-detail", "--no-syslog",
            "-f", config,
        ], private=["/run"])]


class Vrrp(Keepalived):
    """Two instances, of which b is the master: only a watches, and only b sends."""

    mutual = False
    # It announces its virtual address again 5 s after it became master.
    settle = 6.0
    means = "its state change on its console, stamped by the reader (below 1 ms)"
    title = "VRRP, keepalived 1 s"
    # master_down_interval = 3 s + (256 - priority) / 256 s
    bound = 3 + (256 - 100) / 256

    def body(self, node):
        return (
            "vrrp_instance watch {\n  interface eth0\n  virtual_router_id 77\n  advert_int 1\n"
            f"  state {'MASTER' if node == 'b' else 'BACKUP'}\n"
            f"  priority {200 if node == 'b' else 100}\n"
            f"  unicast_src_ip {ADDRESS[node]}\n  unicast_peer {{ {ADDRESS[OTHER[node]]} }}\n"
            "  virtual_ipaddress { 10.78.0.77/24 dev eth0 }\n}\n"
        )

    def read(self, line):
        found = STATE.search(line)
        if found is None:
            return None
        return ("down" if found[1] == "MASTER" else "up"), None


class KeepalivedBfd(Keepalived):
    means = Vrrp.means

    def __init__(self, interval, multiplier):
        super().__init__()
        self.interval, self.multiplier = interval, multiplier
        self.title = f"BFD, keepalived {interval} ms x {multiplier}"
        self.bound = interval * multiplier / 1000

    def body(self, node):
        return (
            f"bfd_instance peer {{\n  neighbor_ip {ADDRESS[OTHER[node]]}\n"
            f"  source_ip {ADDRESS[node]}\n  min_rx {self.interval}\n  min_tx {self.interval}\n"
            f"  idle_tx 1000\n  multiplier {self.multiplier}\n}}\n"
        )

    def read(self, line):
        found = SESSION.search(line)
        if found is None:
            return None
        return found[1].lower(), None
