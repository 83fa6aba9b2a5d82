"""Passes frames between two interfaces, as bad a path as it is told to be.

    relay.py PORT PORT        says "ready"; then takes a command a line and answers it with "ok NS"

Commands: "clean", "loss SHARE", "gilbert WORSEN MEND", "jitter MEAN SPREAD" (seconds; models.py),
"cut", "reset" (forges a RST to both ends of every TCP connection seen, see reset.py, and answers
with their number, "ok NS NUMBER"). The end of the input ends it.

Frames travel with the virtio header of the kernel (PACKET_VNET_HDR), so that check sums that the
sending host left to its hardware, which does not exist, are still completed.
"""

import heapq
import random
import select
import socket
import sys
import time

import models
from reset import Connections

ETH_P_ALL = 3
SOL_PACKET = 263
PACKET_VNET_HDR = 15
VNET_HEADER = 10
LONGEST = 70_000


class Relay:
    def __init__(self, ports):
        self.links = []
        for port in ports:
            link = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
            link.setsockopt(SOL_PACKET, PACKET_VNET_HDR, 1)
            link.bind((port, ETH_P_ALL))
            link.setblocking(False)
            self.links.append(link)
        self.connections = Connections()
        self.is_cut = False
        self.waiting = []  # (due, order, from, frame)
        self.order = 0
        self.set_models(["clean"])

    def set_models(self, words):
        """Each direction has a model, and luck, of its own."""
        self.models = [models.model(words, random.Random()) for _ in self.links]
        self.is_cut = False

    def run(self):
        commands = b""
        while True:
            wait = max(0.0, self.waiting[0][0] - time.monotonic()) if self.waiting else None
            ready = select.select([*self.links, sys.stdin], [], [], wait)[0]
            for side, link in enumerate(self.links):
                if link in ready:
                    self.take(side)
            self.pass_due()
            if sys.stdin in ready:
                text = sys.stdin.buffer.raw.read(4096)
                if not text:
                    return
                commands += text
                *lines, commands = commands.split(b"\n")
                for line in lines:
                    print(self.obey(line.decode().split()), flush=True)

    def obey(self, words):
        at = time.monotonic_ns()
        if words[0] == "cut":
            self.is_cut = True
        elif words[0] == "reset":
            forged = self.connections.resets()
            for side, frame in forged:
                # As if it had come in at `side`: it leaves by the other one.
                self.send(side, bytes(VNET_HEADER) + frame)
            return f"ok {at} {len(forged)}"
        else:
            self.set_models(words)
        return f"ok {at}"

    def take(self, side):
        while True:
            try:
                frame, origin = self.links[side].recvfrom(LONGEST)
            except BlockingIOError:
                return
            if origin[2] == socket.PACKET_OUTGOING:
                continue  # our own, on its way out
            self.connections.observe(side, frame[VNET_HEADER:])
            delay = None if self.is_cut else self.models[side].fate()
            if delay == 0.0:
                self.send(side, frame)
            elif delay is not None:
                self.order += 1
                heapq.heappush(self.waiting, (time.monotonic() + delay, self.order, side, frame))

    def pass_due(self):
        while self.waiting and self.waiting[0][0] <= time.monotonic():
            _, _, side, frame = heapq.heappop(self.waiting)
            self.send(side, frame)

    def send(self, side, frame):
        try:
            self.links[1 - side].send(frame)
        except OSError:
            pass  # the interface is down, or its queue is full: a frame is lost


if __name__ == "__main__":
    relay = Relay(sys.argv[1:3])
    print("ready", flush=True)
    relay.run()
