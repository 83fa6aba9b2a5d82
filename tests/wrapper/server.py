"""A server that does what it reads, line by line, and says what happens to it.

say TEXT        sends TEXT to NOTIFY_SOCKET, with | for a new line
pulse SECONDS   WATCHDOG=1 every so often, from now on
quiet           no longer
barrier         waits until everything that it has said was read
env NAME        prints the value
echo TEXT       prints it
background      goes into the background as daemons do, and says so by MAINPID=
ignore N        ignores this signal
exit N          ends
kill N          kills itself
leave N         says very much, and at last STOPPING=1, and kills itself at once
"""

import os
import signal
import socket
import sys
import threading

pulsing = None


def say(text):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
        notify.sendto(text.replace("|", "\n").encode(), os.environ["NOTIFY_SOCKET"])


def pulse(stop, seconds):
    while True:
        say("WATCHDOG=1")
        if stop.wait(seconds):
            return


def barrier():
    ready, held = os.pipe()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
        notify.connect(os.environ["NOTIFY_SOCKET"])
        socket.send_fds(notify, [b"BARRIER=1"], [held])
    os.close(held)
    os.read(ready, 1)
    os.close(ready)
    out("barrier passed")


def background():
    ready, done = os.pipe()
    if os.fork() != 0:
        os.read(ready, 1)
        os._exit(0)
    os.setsid()
    listen()
    say("MAINPID=%d" % os.getpid())
    out("background", os.getpid())
    os.write(done, b"1")


def out(*words):
    """Says a line, in one piece."""
    os.write(1, (" ".join(map(str, words)) + "\n").encode())


def listen():
    """Says every signal that the kernel delivers: a handler in Python would see two as one."""
    came, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(wake)

    def tell():
        while True:
            for number in os.read(came, 100):
                out("signal", number)

    threading.Thread(target=tell, daemon=True).start()


for number in (signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2, signal.SIGWINCH, signal.SIGRTMIN + 1):
    if signal.getsignal(number) != signal.SIG_IGN:
        signal.signal(number, lambda *_: None)
listen()
out("started", os.getpid())
while True:
    words = sys.stdin.readline().rstrip("\n").split(" ", 1)
    rest = words[1] if len(words) > 1 else ""
    if words[0] == "say":
        say(rest)
    elif words[0] == "pulse":
        pulsing = threading.Event()
        threading.Thread(target=pulse, args=(pulsing, float(rest)), daemon=True).start()
    elif words[0] == "quiet":
        pulsing.set()
    elif words[0] == "barrier":
        barrier()
    elif words[0] == "env":
        out("env", os.environ.get(rest, "nothing"))
    elif words[0] == "echo":
        out("echo", rest)
    elif words[0] == "background":
        background()
    elif words[0] == "ignore":
        signal.signal(int(rest), signal.SIG_IGN)
    elif words[0] == "exit":
        sys.exit(int(rest))
    elif words[0] == "leave":
        for number in range(300):
            say("STATUS=%d" % number)
        say("STOPPING=1")
        os.kill(os.getpid(), int(rest))
    elif words[0] == "kill":
        os.kill(os.getpid(), int(rest))
    elif words[0] == "":
        sys.exit(0)
