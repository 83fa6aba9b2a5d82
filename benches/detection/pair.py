"""Two hosts with peermon, and what a told about b."""

import contextlib
import os
import shutil
import tempfile
import time

import faults
import peermon
from lab import Lab

# How long a verdict may take before a round counts as without one.
PATIENCE = 30.0
# Linux sends one ICMP port unreachable per second and destination; the next fault comes later.
SETTLE = 1.2


class Pair:
    """orders (a, the survivor) and billing (b, the victim), up and acquainted."""

    def __init__(self, lab, lines, arguments):
        self.lab = lab
        self.hosts = peermon.Peermon("peermon", None, lines, arguments)
        faults.bring_up(self.hosts, lab)

    def events(self, node="a", since=0):
        """All events of a node since an instant, as peermon.parse gives them."""
        parsed = [peermon.parse(text) for _, text in self.hosts.daemon(node).since(since)]
        return [event for event in parsed if event is not None and event["at"] >= since]

    def wait(self, kinds, since, patience=PATIENCE, node="a"):
        """The first event of one of these kinds, or None after `patience` seconds."""
        deadline = time.monotonic() + patience
        while True:
            for event in self.events(node, since):
                if event["kind"] in kinds:
                    return event
            if not self.hosts.daemon(node).is_running():
                # A dead observer says nothing, and that must not pass for a verdict.
                raise RuntimeError(f"{node} ended by itself")
            if time.monotonic() > deadline:
                return None
            time.sleep(0.005)

    def downs(self, since):
        """How often either side has said DOWN since an instant: {"a": n, "b": n}."""
        return {
            node: sum(event["kind"] == "DOWN" for event in self.events(node, since))
            for node in "ab"
        }

    def recover(self):
        """Waits until both are up again, and a little longer."""
        faults.await_up(self.hosts)
        time.sleep(SETTLE)


@contextlib.contextmanager
def pair(lines="", arguments=(), relayed=False):
    """A pair in a laboratory of its own, all of it gone afterwards."""
    folder = tempfile.mkdtemp(prefix="detection-")
    os.chmod(folder, 0o755)
    try:
        with Lab(folder) as lab:
            if relayed:
                lab.use_relay()
            made = None
            try:
                made = Pair(lab, lines, arguments)
                yield made
            finally:
                if made is not None:
                    made.hosts.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
