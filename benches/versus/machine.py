"""Where and when a result was made."""

import datetime
import os
import platform


def facts():
    return {
        "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d"),
        "machine": f"{os.cpu_count()} cores, {platform.machine()}, "
                   f"Linux {'.'.join(platform.release().split('.')[:2])}",
    }
