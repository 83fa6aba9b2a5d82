"""A terminal and a shell with job control around a wrapped tests/wrapper/server.py."""

import fcntl
import os
import pty
import select
import signal
import struct
import sys
import termios
import time

PATIENCE = 100
# How often a job is stopped and continued, each time a bit later after it went on.
ROUNDS = int(os.environ.get("PEERMON_JOB_ROUNDS", "500"))
story, command = sys.argv[1], sys.argv[2:]


def shell():
    """Runs the command as a foreground job; says "job stopped" and "job exit N", goes on with it at once."""
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    ready, go = os.pipe()
    job = os.fork()
    if job == 0:
        os.read(ready, 1)
        signal.signal(signal.SIGTTOU, signal.SIG_DFL)
        os.execvp(command[0], command)
    os.setpgid(job, job)
    os.tcsetpgrp(0, job)
    os.write(go, b"1")
    while True:
        _, status = os.waitpid(job, os.WUNTRACED)
        if os.WIFSTOPPED(status):
            os.tcsetpgrp(0, os.getpgrp())
            print("job stopped", os.WSTOPSIG(status), flush=True)
            os.tcsetpgrp(0, job)
            os.killpg(job, signal.SIGCONT)
        elif os.WIFSIGNALED(status):
            print("job killed", os.WTERMSIG(status), flush=True)
            os._exit(0)
        else:
            print("job exit", os.WEXITSTATUS(status), flush=True)
            os._exit(0)


child, terminal = pty.fork()
if child == 0:
    shell()
settings = termios.tcgetattr(terminal)
settings[3] &= ~termios.ECHO
termios.tcsetattr(terminal, termios.TCSANOW, settings)
seen = b""
passed = b""


def expect(text):
    """Waits for a line with this text; returns the line."""
    global seen, passed
    deadline = time.monotonic() + PATIENCE
    while True:
        for line in seen.split(b"\n")[:-1]:
            if text in line:
                before, seen = seen.split(line, 1)
                passed += before + line
                return line.decode().strip()
        left = deadline - time.monotonic()
        if left <= 0 or not select.select([terminal], [], [], left)[0]:
            sys.exit("waited in vain for %r; there was %r" % (text, seen))
        try:
            seen += os.read(terminal, 4096)
        except OSError:
            sys.exit("the terminal is gone; waited for %r, there was %r" % (text, seen))


def type_in(text):
    os.write(terminal, text)


def stat(number):
    """The fields of /proc/NUMBER/stat from the state on."""
    with open("/proc/%d/stat" % number) as file:
        return file.read().rsplit(") ", 1)[1].split()


def await_state(number, state):
    deadline = time.monotonic() + PATIENCE
    while stat(number)[0] != state:
        if time.monotonic() > deadline:
            sys.exit("process %d does not come to be %s" % (number, state))
        time.sleep(0.001)


pid = int(expect(b"started").split()[1])
wrapper = int(stat(pid)[1])
if story == "interrupt":
    type_in(b"\x03")
    expect(b"signal 2")
    # What the wrapper forwards, it forwards in this order.
    os.kill(wrapper, signal.SIGUSR1)
    expect(b"signal 10")
    type_in(b"echo end\n")
    expect(b"echo end")
    if passed.count(b"signal 2") != 1:
        sys.exit("the interrupt came more than once: %r" % passed)
    type_in(b"exit 5\n")
    if expect(b"job") != "job exit 5":
        sys.exit("another status")
elif story == "job":
    for number in range(ROUNDS):
        type_in(b"\x1a")
        expect(b"job stopped")
        type_in(b"echo round %d\n" % number)
        expect(b"echo round %d" % number)
        # Whatever the wrapper is about to do just then.
        until = time.monotonic() + number / ROUNDS * 0.0004
        while time.monotonic() < until:
            pass
    type_in(b"\x1a")
    expect(b"job stopped")
    type_in(b"echo again\n")
    expect(b"echo again")
    type_in(b"\x1a")
    expect(b"job stopped")
    type_in(b"echo third\n")
    expect(b"echo third")
    # Without a terminal: whoever continues the wrapper alone means the command.
    os.kill(pid, signal.SIGSTOP)
    await_state(pid, "T")
    os.kill(wrapper, signal.SIGCONT)
    type_in(b"echo fourth\n")
    expect(b"echo fourth")
    type_in(b"exit 3\n")
    if expect(b"job") != "job exit 3":
        sys.exit("another status")
elif story == "size":
    type_in(b"echo typed\n")
    expect(b"echo typed")
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 100, 0, 0))
    expect(b"signal 28")
    type_in(b"\x04")
    if expect(b"job") != "job exit 0":
        sys.exit("another status")
else:
    sys.exit("no such story")
