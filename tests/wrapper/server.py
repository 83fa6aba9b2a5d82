"""A server that does what it reads, line by line, and says what happens to it.

say TEXT        sends TEXT to NOTIFY_SOCKET, with | for a new line
pulse SECONDS   WATCHDOG=1 every so often, from now on
quiet           no longer
env NAME        prints the value
echo TEXT       prints it
background      goes into the background as daemons do, and says so by MAINPID=
exit N          ends
kill N          kills itself
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


def background():
    ready, done = os.pipe()
    if os.fork() != 0:
        os.read(ready, 1)
        os._exit(0)
    os.setsid()
    say("MAINPID=%d" % os.getpid())
    print("background", os.getpid())
    os.write(done, b"1")


def told(number, _frame):
    print("signal", number)


for number in (signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2, signal.SIGWINCH, signal.SIGRTMIN + 1):
    if signal.getsignal(number) != signal.SIG_IGN:
        signal.signal(number, told)
print("started", os.getpid())
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
    elif words[0] == "env":
        print("env", os.environ.get(rest, "nothing"))
    elif words[0] == "echo":
        print("echo", rest)
    elif words[0] == "background":
        background()
    elif words[0] == "exit":
        sys.exit(int(rest))
    elif words[0] == "kill":
        os.kill(os.getpid(), int(rest))
    elif words[0] == "":
        sys.exit(0)
