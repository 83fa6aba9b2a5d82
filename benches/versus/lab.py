"""Two hosts on a switch, as network namespaces, and everything that can happen to the cable.

Host "a" (10.78.0.1, the survivor) and host "b" (10.78.0.2, the victim) have an eth0 each whose
other end is a port of a third namespace, the switch. There the ports hang on a bridge, or on the
relay (relay.py), which passes frames with loss, delay and forgeries. A cut at the switch betrays
itself to neither host by a carrier signal.
"""

import ctypes
import os
import pathlib
import signal
import socket
import struct
import subprocess
import threading
import time

from process import Process

ADDRESS = {"a": "10.78.0.1", "b": "10.78.0.2"}
OTHER = {"a": "b", "b": "a"}
CLONE_NEWNET = 0x40000000
# Longer than any of these commands takes on a busy machine.
PATIENCE = 30.0


class Lab:
    """The three namespaces; a context manager that removes them and whatever still runs in them."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.tag = f"pmv{os.getpid()}"
        self.relay = None
        self._netlink = None
        self._ports = {}

    def __enter__(self):
        try:
            self._build()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_exception):
        self.close()

    def space(self, node):
        """The name of the namespace of "a", "b" or "s", the switch."""
        return f"{self.tag}{node}"

    def command(self, node, argv, private=()):
        """`argv` as to be run on `node`, with empty folders of its own at the paths `private`."""
        enter = ["ip", "netns", "exec", self.space(node)]
        if not private:
            return enter + list(argv)
        script = "".join(
            f"mkdir -p {path} && mount -t tmpfs -o mode=755 tmpfs {path} && " for path in private
        )
        return enter + ["sh", "-c", script + 'exec "$@"', "sh", *argv]

    def use_bridge(self):
        """Joins the ports by the kernel's bridge: no delay to speak of, nothing to play with."""
        if self.relay is not None:
            self.relay.kill()
            self.relay = None
        for port in ("porta", "portb"):
            run("ip", "-n", self.space("s"), "link", "set", port, "master", "br0")
        self.set_cable(True)

    def use_relay(self):
        """Joins the ports by the relay, which this returns once it passes frames."""
        if self.relay is None:
            for port in ("porta", "portb"):
                run("ip", "-n", self.space("s"), "link", "set", port, "nomaster")
            script = str(pathlib.Path(__file__).with_name("relay.py"))
            argv = self.command("s", ["python3", script, "porta", "portb"])
            self.relay = Process("relay", argv, self.folder)
            self.relay.expect(lambda text: text == "ready", PATIENCE)
        return self.relay

    def set_cable(self, whole):
        """Cuts or mends b's cable at the bridge; both carriers stay. Returns the instant (ns)."""
        # RTM_SETLINK, family AF_BRIDGE: what `bridge link set dev portb state ...` sends.
        state = 3 if whole else 0  # BR_STATE_FORWARDING, BR_STATE_DISABLED
        inner = struct.pack("=HHBxxx", 5, 1, state)  # IFLA_BRPORT_STATE
        outer = struct.pack("=HH", 4 + len(inner), 12 | 0x8000) + inner  # IFLA_PROTINFO, nested
        body = struct.pack("=BxHiII", 7, 0, self._ports["portb"], 0, 0) + outer
        request = struct.pack("=IHHII", 16 + len(body), 19, 1 | 4, 1, 0) + body
        at = time.monotonic_ns()
        self._netlink.send(request)
        answer = self._netlink.recv(4096)
        kind, = struct.unpack_from("=H", answer, 4)
        code, = struct.unpack_from("=i", answer, 16)
        if kind != 2 or code != 0:
            raise OSError(-code, "the bridge refuses: " + os.strerror(-code))
        return at

    def frames(self):
        """Frames that a and b have sent so far, as the switch counts them: {"a": n, "b": n}."""
        text = run(*self.command("s", ["cat", "/proc/net/dev"]))
        return parse_frames(text)

    def close(self):
        """Ends what still runs in the namespaces, and removes them."""
        if self.relay is not None:
            self.relay.kill()
            self.relay = None
        if self._netlink is not None:
            self._netlink.close()
            self._netlink = None
        for node in "abs":
            known = subprocess.run(
                ["ip", "netns", "pids", self.space(node)], capture_output=True, text=True,
                timeout=PATIENCE, check=False,
            )
            # These namespaces are ours, so whoever is in them was started by us.
            for pid in known.stdout.split():
                try:
                    os.kill(int(pid), signal.SIGKILL)
                except ProcessLookupError:
                    pass
            subprocess.run(
                ["ip", "netns", "del", self.space(node)], capture_output=True, timeout=PATIENCE,
                check=False,
            )

    def _build(self):
        switch = self.space("s")
        run("ip", "netns", "add", switch)
        run("ip", "-n", switch, "link", "add", "br0", "type", "bridge", "stp_state", "0",
            "mcast_snooping", "0")
        self._quiet("s")
        run("ip", "-n", switch, "link", "set", "br0", "up")
        for node, address in ADDRESS.items():
            space, port = self.space(node), f"port{node}"
            run("ip", "netns", "add", space)
            self._quiet(node)
            run("ip", "-n", space, "link", "set", "lo", "up")
            run("ip", "-n", switch, "link", "add", port, "type", "veth", "peer", "name", "eth0",
                "netns", space)
            run("ip", "-n", switch, "link", "set", port, "master", "br0", "up")
            run("ip", "-n", space, "address", "add", f"{address}/24", "dev", "eth0")
            run("ip", "-n", space, "link", "set", "eth0", "up")
        self._netlink = socket_in(switch, socket.AF_NETLINK, socket.SOCK_RAW, 0)
        self._netlink.settimeout(PATIENCE)
        listing = run("ip", "-n", switch, "-o", "link")
        for line in listing.splitlines():
            number, name = line.split(": ")[:2]
            self._ports[name.split("@")[0]] = int(number)

    def _quiet(self, node):
        """No neighbour discovery of IPv6: only the contestants' own packets are counted."""
        run(*self.command(node, ["sh", "-c",
            "echo 1 > /proc/sys/net/ipv6/conf/default/disable_ipv6 || true"]))


def run(*argv):
    """Runs a short command to its end; returns its output, or raises with what it complained of."""
    done = subprocess.run(argv, capture_output=True, text=True, timeout=PATIENCE, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(argv)}: {done.stderr.strip() or done.returncode}")
    return done.stdout


def socket_in(namespace, *arguments):
    """A socket that lives in another network namespace; only a thread of its own ever enters it."""
    made = []

    def make():
        try:
            libc = ctypes.CDLL(None, use_errno=True)
            with open(f"/run/netns/{namespace}", "rb") as target:
                if libc.setns(target.fileno(), CLONE_NEWNET) != 0:
                    raise OSError(ctypes.get_errno(), "setns")
            made.append(socket.socket(*arguments))
        except OSError as error:
            made.append(error)

    thread = threading.Thread(target=make)
    thread.start()
    thread.join()
    if isinstance(made[0], OSError):
        raise made[0]
    return made[0]


def parse_frames(text):
    """The frames received at the two ports, from /proc/net/dev of the switch."""
    frames = {}
    for line in text.splitlines():
        name, colon, numbers = line.partition(":")
        if colon and name.strip() in ("porta", "portb"):
            frames[name.strip()[-1]] = int(numbers.split()[1])
    return frames
