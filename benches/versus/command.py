"""What the two commands of the harness share: how they begin, and how they end when interrupted."""

import os
import shutil
import signal
import sys
import time


def run(main):
    """Calls `main` and says how long it took. Ctrl-C and SIGTERM take everything down first."""
    if os.geteuid() != 0 or shutil.which("ip") is None:
        sys.exit("needs root and ip (iproute2), for network namespaces")
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, interrupt)
    began = time.monotonic()
    try:
        main()
    except KeyboardInterrupt:
        sys.exit("interrupted; everything that was started is ended")
    print(f"took {time.monotonic() - began:.0f} s")


def interrupt(*_):
    # Only once: a second one would interrupt the taking down.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt
