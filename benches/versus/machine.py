"""Where, when and of what a result was made."""

import datetime
import os
import platform
import subprocess


def facts():
    """The day (UTC) and the machine."""
    return {
        "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d"),
        "machine": f"{os.cpu_count()} cores, {platform.machine()}, "
                   f"Linux {'.'.join(platform.release().split('.')[:2])}",
    }


def version(package):
    """The version of a Debian package that is installed; None without one."""
    if package is None:
        return None
    asked = subprocess.run(["dpkg-query", "-W", "-f=${Version}", package], capture_output=True,
                           text=True, timeout=60, check=False)
    return asked.stdout or None
