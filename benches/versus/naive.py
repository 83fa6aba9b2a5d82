"""A naive UDP heartbeat: what most servers write for themselves. Contestant and program in one.

Run as `naive.py OWN OTHER INTERVAL_MS MISSES` it says "up NS", "down NS" or "ended NS", a line each
with its own stamp, and sends a last "bye" at SIGTERM.
"""

import select
import signal
import socket
import sys
import time

PORT = 28190


def watch(own, other, interval, misses):
    """Sends every `interval` nanoseconds; down after `misses` intervals without a datagram."""
    link = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    link.bind((own, PORT))
    link.setblocking(False)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    state, heard, due = None, 0, time.monotonic_ns()
    try:
        while True:
            now = time.monotonic_ns()
            if now >= due:
                send(link, b"alive", other)
                due += interval
                if due <= now:
                    due = now + interval
            deadline = heard + misses * interval if state == "up" else due
            if now >= deadline and state == "up":
                state = say("down")
            wait = max(0, min(due, deadline) - time.monotonic_ns()) / 1e9
            if select.select([link], [], [], wait)[0]:
                try:
                    text = link.recv(64)
                except OSError:
                    continue  # an ICMP error: whoever is naive does not look at it
                heard = time.monotonic_ns()
                if text == b"bye":
                    state = say("ended")
                elif state != "up":
                    state = say("up")
    finally:
        send(link, b"bye", other)


def send(link, text, other):
    try:
        link.sendto(text, (other, PORT))
    except OSError:
        pass  # no route, refused: silence is the message


def say(state):
    print(state, time.monotonic_ns(), flush=True)
    return state


if __name__ == "__main__":
    watch(sys.argv[1], sys.argv[2], int(sys.argv[3]) * 1_000_000, int(sys.argv[4]))
else:
    from contestant import Contestant
    from lab import ADDRESS, OTHER

    class Naive(Contestant):
        means = "its own stamp, printed with the line (below 0.1 ms)"

        def __init__(self, interval, misses):
            super().__init__()
            self.interval, self.misses = interval, misses
            self.title = f"naive UDP heartbeat {interval} ms x {misses}"
            self.bound = interval * misses / 1000

        def launch(self, node):
            return [self.spawn(node, "naive", [
                "python3", __file__, ADDRESS[node], ADDRESS[OTHER[node]], str(self.interval),
                str(self.misses),
            ])]

        def read(self, line):
            words = line.split()
            if len(words) != 2 or words[0] not in ("up", "down", "ended"):
                return None
            return words[0], int(words[1])
