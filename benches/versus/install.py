"""The contestants from Debian's packages, without their services."""

import os
import pathlib
import subprocess

CONTESTANTS = ("frr", "bird2", "keepalived", "corosync", "serf")
POLICY = pathlib.Path("/usr/sbin/policy-rc.d")
# Long enough for a slow mirror.
PATIENCE = 900


def packages(names):
    """Installs what is missing of `names`; no service of theirs is started or left enabled."""
    missing = [name for name in names if not is_installed(name)]
    if not missing:
        return
    # invoke-rc.d asks this script before it starts a service; 101 forbids it.
    ours = not POLICY.exists()
    if ours:
        POLICY.write_text("#!/bin/sh\nexit 101\n", encoding="ascii")
        POLICY.chmod(0o755)
    try:
        quiet = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
        add = ["install", "-y", "-q", "--no-install-recommends", *missing]
        for argv in (["update", "-q"], add):
            subprocess.run(["apt-get", *argv], env=quiet, timeout=PATIENCE, check=True)
    finally:
        if ours:
            POLICY.unlink()
    for name in missing:
        for service in services(name):
            subprocess.run(["systemctl", "disable", service], timeout=60, check=False,
                           capture_output=True)


def is_installed(name):
    asked = subprocess.run(["dpkg-query", "-W", "-f=${Status}", name], capture_output=True,
                           text=True, timeout=60, check=False)
    return "ok installed" in asked.stdout


def services(name):
    """The units that a package brings."""
    listing = subprocess.run(["dpkg-query", "-L", name], capture_output=True, text=True,
                             timeout=60, check=False).stdout
    return [
        pathlib.Path(line).name for line in listing.splitlines()
        if "/systemd/system/" in line and line.endswith(".service")
    ]
