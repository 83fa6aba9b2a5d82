#!/usr/bin/env python3
"""Watches the peers of a configuration through the C interface alone: no compiler, no binding.

    watch.py CONFIG        ends gracefully when its input ends (Ctrl-D); the loader finds libpeermon.so.0
"""

import ctypes
import os
import selectors
import sys


class Event(ctypes.Structure):
    """The fields of monitor_event_t that are needed here: the first ones, which never move."""

    _fields_ = [(name, ctypes.c_uint32) for name in ("size", "kind", "reason", "flags")]
    _fields_ += [("epoch", ctypes.c_uint64), ("id", ctypes.c_uint64), ("peer", ctypes.c_char_p)]


peermon = ctypes.CDLL("libpeermon.so.0")
peermon.monitor_event_name.restype = peermon.monitor_reason_name.restype = ctypes.c_char_p


def call(name, *arguments):
    """Negative results are errors, and the library says what went wrong."""
    result = getattr(peermon, name)(*arguments)
    if result < 0:
        why = ctypes.create_string_buffer(1025)
        peermon.monitor_last_error(why, ctypes.c_size_t(len(why)))
        sys.exit(f"{name}: {why.value.decode()}")
    return result


@ctypes.CFUNCTYPE(None, ctypes.POINTER(Event), ctypes.c_void_p)
def on_event(pointer, _user_data):  # runs inside of monitor_dispatch; the strings live until it returns
    event = pointer.contents
    who = event.peer.decode() if event.peer else "this server"
    kind, reason = peermon.monitor_event_name(event.kind), peermon.monitor_reason_name(event.reason)
    print(f"{who}: {kind.decode()} ({reason.decode()})", flush=True)


config, monitor = ctypes.c_void_p(), ctypes.c_void_p()
call("monitor_config_new", ctypes.byref(config))
call("monitor_config_load", config, os.fsencode(sys.argv[1]))
call("monitor_init", ctypes.byref(monitor), config)
call("monitor_on_event", monitor, ctypes.c_uint32(0xFFFFFFFF), on_event, None)
with selectors.PollSelector() as loop:
    loop.register(call("monitor_event_fd", monitor), selectors.EVENT_READ, "events")
    loop.register(sys.stdin, selectors.EVENT_READ)
    call("monitor_app_start", monitor)
    serving = True
    while serving:
        for key, _ in loop.select():
            if key.data:
                call("monitor_dispatch", monitor, ctypes.c_uint32(0))
            else:
                serving = os.read(sys.stdin.fileno(), 4096) != b""
call("monitor_app_end", monitor)  # the peers hear ENDED, not DOWN
call("monitor_free", monitor)
call("monitor_config_free", config)
