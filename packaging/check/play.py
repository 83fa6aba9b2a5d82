"""Two of the example servers, on loopback, until one has seen the other start and end."""

import selectors
import signal
import socket
import subprocess
import time

# For each thing that is waited for; generous, because it only bounds a failure.
PATIENCE = 60
# A port that was free a moment ago may be taken by the time a server asks for it.
ATTEMPTS = 5

CONFIGURATION = """name = "{me}"
listen = "127.0.0.1:{mine}"

[[peer]]
name = "{other}"
address = "127.0.0.1:{theirs}"
"""


class Taken(Exception):
    """A server could not have its port."""


def free_port():
    """One that neither UDP nor TCP has in use."""
    while True:
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as tcp:
            tcp.bind(("127.0.0.1", 0))
            port = tcp.getsockname()[1]
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
                try:
                    udp.bind(("127.0.0.1", port))
                except OSError:
                    continue
                return port


def wait_for(process, wanted):
    """Reads the output of `process` until a line has `wanted` in it."""
    seen = ""
    end = time.monotonic() + PATIENCE
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while time.monotonic() < end:
            if not selector.select(end - time.monotonic()):
                break
            some = process.stdout.read1(4096).decode(errors="replace")
            seen += some
            if wanted in seen:
                return
            if not some:
                break
    if "in use" in seen:
        raise Taken(seen)
    raise AssertionError(f"waited for {wanted!r}, got {seen!r}")


def start(program, configuration, environment):
    return subprocess.Popen(
        [str(program), str(configuration)],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )


def end(process, how):
    how()
    code = process.wait(PATIENCE)
    assert code == 0, f"{process.args} ended with {code}"


def once(programs, server, environment, folder):
    mine, theirs = free_port(), free_port()
    (folder / "orders.toml").write_text(
        CONFIGURATION.format(me="orders", other="billing", mine=mine, theirs=theirs)
    )
    (folder / "billing.toml").write_text(
        CONFIGURATION.format(me="billing", other="orders", mine=theirs, theirs=mine)
    )
    running = []
    try:
        orders = start(programs / "minimal", folder / "orders.toml", environment)
        running.append(orders)
        billing = start(programs / server, folder / "billing.toml", environment)
        running.append(billing)
        wait_for(billing, "ready ")
        wait_for(orders, "billing: STARTED")
        end(billing, lambda: billing.send_signal(signal.SIGTERM))
        wait_for(orders, "billing: ENDED")
        end(orders, orders.stdin.close)
    finally:
        for process in running:
            process.kill()
            process.wait()
            process.stdout.close()
            if not process.stdin.closed:
                process.stdin.close()


def play(programs, environment, folder):
    """`minimal` watches each of the two servers; all three lie in `programs`."""
    for server in ("legacy_server", "threaded_server"):
        for attempt in range(ATTEMPTS):
            try:
                once(programs, server, environment, folder)
                break
            except Taken:
                if attempt == ATTEMPTS - 1:
                    raise
