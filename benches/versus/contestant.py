"""What a contestant is to the harness: two daemons that watch one another, and their notices."""

import collections
import shutil
import signal
import time

from lab import OTHER
from process import Process, strike

# What a contestant said about its peer, and when: "up", "down", or "ended" (down, and known to be
# meant so). `text` is in its own words.
Notice = collections.namedtuple("Notice", "at kind text")


class Contestant:
    """The base of all; one subclass per program, one instance per setting. The rest is data."""

    # Shown in the table.
    title = ""
    # The Debian package that it comes in; None for what is not from there.
    package = None
    # Programs that must exist, as paths or names.
    programs = ()
    # By what means it reports, and how near to the source the stamp is taken.
    means = ""
    # The detection time that its settings promise, in seconds; None where none is promised.
    bound = None
    # How long to wait for a notice before saying that there was none, in seconds.
    patience = 15.0
    # Seconds that a pair is left alone after it is up.
    settle = 1.5
    # The signal that its service manager stops it with.
    farewell = signal.SIGTERM
    # Whether b watches a too.
    mutual = True

    def __init__(self):
        self.lab = None
        self.running = {}

    def missing(self):
        """Why it cannot run here, or None."""
        lost = [program for program in self.programs if shutil.which(program) is None]
        return f"not installed: {', '.join(lost)}" if lost else None

    def launch(self, node):
        """Starts the daemons of `node`, the one that watches and is struck last; a list."""
        raise NotImplementedError

    def read(self, line):
        """The kind of notice in a line of the watching daemon and its own stamp (or None)."""
        raise NotImplementedError

    def start(self, lab, node):
        """Starts `node`; returns the instant before."""
        self.lab = lab
        at = time.monotonic_ns()
        self.running[node] = self.launch(node)
        return at

    def spawn(self, node, name, argv, private=(), environment=None):
        """A daemon on `node` with folders of its own at `private`."""
        command = self.lab.command(node, argv, private)
        return Process(f"{self.name()}-{name}-{node}", command, self.lab.folder, environment)

    def name(self):
        """Its title as a word for files and the command line."""
        words = "".join(letter if letter.isalnum() else " " for letter in self.title.lower())
        return "-".join(words.split())

    def file(self, node, ending, text):
        """Writes a configuration; returns its path."""
        path = self.lab.folder / f"{self.name()}-{node}.{ending}"
        path.write_text(text, encoding="utf-8")
        return str(path)

    def daemon(self, node):
        """The process that watches, and that faults strike."""
        return self.running[node][-1]

    def notices(self, node, since=0):
        """What the watching daemon of `node` has said since an instant, in order."""
        found = []
        for at, line in self.daemon(node).since(since):
            told = self.read(line)
            if told is not None:
                kind, stamp = told
                found.append(Notice(at if stamp is None else stamp, kind, line.strip()))
        return [notice for notice in found if notice.at >= since]

    def wait(self, node, kinds, since, patience=None):
        """The first notice of these kinds after `since`, or None in the end."""
        deadline = time.monotonic() + (self.patience if patience is None else patience)
        while True:
            for notice in self.notices(node, since):
                if notice.kind in kinds:
                    return notice
            if time.monotonic() > deadline or not self.daemon(node).is_running():
                return None
            # Stamps are taken where lines are read; how often we look does not change them.
            time.sleep(0.01)

    def believes(self, node):
        """The kind of the latest notice, None before the first."""
        told = self.notices(node)
        return told[-1].kind if told else None

    def kill(self, node):
        return self.daemon(node).kill()

    def freeze(self, node):
        return strike(self.family(node), signal.SIGSTOP)

    def thaw(self, node):
        return strike(self.family(node), signal.SIGCONT)

    def family(self, node):
        """All processes of `node`, those that are struck by a kill first."""
        members = []
        for process in reversed(self.running[node]):
            if process.is_running():
                members += process.family()
        return members

    def end(self, node):
        """A graceful stop, as its service manager would do it. Returns the instant."""
        return self.daemon(node).terminate(self.farewell)

    def restart(self, node):
        """A new life of the daemon that was killed or ended; returns the instant before."""
        self.stop_node(node)
        return self.start(self.lab, node)

    def stop_node(self, node):
        for process in reversed(self.running.pop(node, [])):
            if process.is_running():
                process.kill()

    def stop(self):
        """Ends everything, however it was left."""
        for node in OTHER:
            self.stop_node(node)
