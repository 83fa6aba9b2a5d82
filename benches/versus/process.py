"""A program that the harness runs: its lines with the time of each, its family, its end.

All stamps are CLOCK_MONOTONIC of the machine in nanoseconds, which is one clock for all network
namespaces, for C (clock_gettime) and for Python (time.monotonic_ns).
"""

import bisect
import ctypes
import os
import pathlib
import signal
import subprocess
import threading
import time

PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None)


class Process:
    """A running program. Its standard error is read like its standard output."""

    def __init__(self, name, argv, folder, environment=None):
        self.name = name
        self.lines = []
        self._news = threading.Condition()
        self._log = open(pathlib.Path(folder) / f"{name}.log", "a", encoding="utf-8")
        self.started = time.monotonic_ns()
        self._child = subprocess.Popen(
            argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True, bufsize=1, errors="replace", preexec_fn=_die_with_parent,
            start_new_session=True, env=None if environment is None else os.environ | environment,
        )
        self.pid = self._child.pid
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def tell(self, command):
        """Writes a line to its standard input; returns the instant."""
        at = time.monotonic_ns()
        self._child.stdin.write(command + "\n")
        self._child.stdin.flush()
        return at

    def expect(self, wanted, patience, since=0):
        """The first (stamp, text) from line number `since` on that `wanted(text)` accepts."""
        deadline = time.monotonic() + patience
        seen = since
        with self._news:
            while True:
                for line in self.lines[seen:]:
                    if wanted(line[1]):
                        return line
                seen = len(self.lines)
                left = deadline - time.monotonic()
                if left <= 0 or not self._news.wait(left):
                    raise TimeoutError(f"{self.name}: nothing within {patience:g} s; it said last: "
                                       + " | ".join(text for _, text in self.lines[-3:]))

    def since(self, instant):
        """The lines read since an instant. What has a stamp of its own was stamped before that."""
        return self.lines[bisect.bisect_left(self.lines, instant, key=lambda line: line[0]):]

    def family(self):
        """Its process id and those of all its descendants, parents first."""
        return family_of(self.pid)

    def is_running(self):
        return self._child.poll() is None

    def kill(self):
        """SIGKILL to the whole family; returns the instant before the first of them."""
        at = strike(self.family(), signal.SIGKILL)
        self.reap()
        return at

    def terminate(self, number=signal.SIGTERM, patience=10.0):
        """A signal to the process itself; SIGKILL to what is left of it. Returns the instant."""
        members = self.family()
        at = strike([self.pid], number)
        try:
            self._child.wait(patience)
        except subprocess.TimeoutExpired:
            strike(members, signal.SIGKILL)
        self.reap()
        return at

    def reap(self, patience=30.0):
        """Waits for the end; closes the log."""
        self._child.wait(patience)
        try:
            self._child.stdin.close()
        except OSError:
            pass  # it died with a line unread
        # A surviving grandchild may keep the pipe open; the thread is a daemon for that.
        self._reader.join(1.0)

    def _read(self):
        for text in self._child.stdout:
            at = time.monotonic_ns()
            with self._news:
                self.lines.append((at, text.rstrip("\n")))
                self._news.notify_all()
            self._log.write(f"{at} {text}")
        self._log.close()


def family_of(pid):
    """`pid` and all its descendants that are alive, parents first."""
    members = [pid]
    for member in members:
        try:
            for task in os.listdir(f"/proc/{member}/task"):
                with open(f"/proc/{member}/task/{task}/children", encoding="ascii") as children:
                    members += [int(child) for child in children.read().split()]
        except OSError:
            continue  # it ended meanwhile
    return members


def strike(pids, number):
    """Sends a signal to each of `pids`; returns the instant before the first."""
    at = time.monotonic_ns()
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            pass
    return at


def _die_with_parent():
    # A harness that is itself killed leaves nothing behind.
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
