"""Who takes part, and with which settings. To add a setting is to add a line."""

from bfd_bird import Bird
from bfd_frr import Frr
from corosync import Corosync
from naive import Naive
from peermon import Peermon
from swim import Serf
from vrrp import KeepalivedBfd, Vrrp

CONTESTANTS = [
    Peermon("peermon, default profile (200 ms, 1 s)", 1.0),
    Peermon("peermon, detect_within 300 ms", 0.3, 'detect_within = "300ms"'),
    Peermon("peermon, detect_within 60 ms", 0.06, 'detect_within = "60ms"'),
    # The settings of their BFD and naive counterparts.
    Peermon("peermon, 50 ms x 3", 0.15, 'detect_within = "150ms"\nheartbeat_interval = "50ms"'),
    Peermon("peermon, 100 ms x 3", 0.3, 'detect_within = "300ms"\nheartbeat_interval = "100ms"'),
    Peermon("peermon, phi accrual (200 ms, 1 s)", 1.0, 'detector = "phi"'),
    Frr(50, 3),
    Frr(300, 3),
    Bird(10, 3),
    Bird(),
    KeepalivedBfd(50, 3),
    Vrrp(),
    Corosync(),
    Corosync(1000),
    Serf(),
    Naive(100, 3),
    Naive(50, 3),
]


def chosen(words):
    """The contestants whose title has one of `words` in it; all without words."""
    return [
        contestant for contestant in CONTESTANTS
        if not words or any(word.lower() in contestant.title.lower() for word in words)
    ]
