"""The pure parts of the harness: what it reads from lines and frames, how it counts, its tables.

    python3 -m unittest discover -s benches/versus
"""

import random
import sys
import unittest
from xml.etree import ElementTree

sys.dont_write_bytecode = True

import alarms
import lab
import models
import peermon
import plot
import report
import reset
from bfd_bird import Bird
from bfd_frr import Frr
from contestant import Notice
from corosync import Corosync
from field import CONTESTANTS, chosen
from naive import Naive
from swim import Serf
from vrrp import KeepalivedBfd, Vrrp


class Lines(unittest.TestCase):
    """Lines are as the daemons wrote them."""

    def kinds(self, contestant, lines):
        told = [contestant.read(line) for line in lines]
        return [None if notice is None else notice[0] for notice in told]

    def test_frr_says_up_and_down_but_not_what_lies_between(self):
        head = "2026/11/26 20:31:00.776822 BFD: [J1C6V-VMRW5] state-change: [mhop:no "
        tail = "peer:10.78.0.2 local:0.0.0.0 vrf:default ifname:eth0] "
        changes = ["down -> init", "init -> up", "up -> down reason:control-expired"]
        lines = [head + tail + change for change in changes]
        self.assertEqual(self.kinds(Frr(50, 3), lines), [None, "up", "down"])

    def test_bird_says_up_and_down_but_not_what_lies_between(self):
        head = "2026-11-26 20:29:37.033 <TRACE> bfd1: Session to 10.78.0.2 changed state from "
        lines = [head + change for change in ["Down to Init", "Init to Up", "Up to Down"]]
        self.assertEqual(self.kinds(Bird(10, 3), lines), [None, "up", "down"])

    def test_a_backup_that_becomes_master_has_noticed_that_the_master_is_gone(self):
        head = "Thu Nov 26 20:31:52 2026: (watch) "
        lines = [head + "Entering BACKUP STATE (init)", head + "Receive advertisement timeout",
                 head + "Entering MASTER STATE"]
        self.assertEqual(self.kinds(Vrrp(), lines), ["up", None, "down"])

    def test_keepalived_says_up_and_down_of_its_session(self):
        head = "Thu Nov 26 20:36:02 2026: (peer) "
        lines = [head + "Entering Up state", head + "Starting poll sequence",
                 head + "Entering Down state (Local diagnostic - Control Detection Time Expired)"]
        self.assertEqual(self.kinds(KeepalivedBfd(50, 3), lines), ["up", None, "down"])

    def test_a_naive_heartbeat_brings_its_own_stamp(self):
        self.assertEqual(Naive(100, 3).read("down 1073378448915"), ("down", 1073378448915))
        self.assertIsNone(Naive(100, 3).read("Traceback (most recent call last):"))

    def test_an_event_of_peermon_has_its_stamp_and_its_numbers(self):
        line = "event 15 DOWN SILENT billing 1000304854 200000000 1000004977 7 144811 5"
        event = peermon.parse(line)
        self.assertEqual((event["at"], event["reason"], event["own_lateness"]), (15, "SILENT", 7))
        self.assertEqual(CONTESTANTS[0].read(line), ("down", 15))
        late = "event 14 LATE NONE billing 600355192 200000000 1000004977 0 144811 3"
        self.assertIsNone(CONTESTANTS[0].read(late))

    def test_a_stall_of_its_own_is_no_word_about_a_peer(self):
        line = "event 15 SELF_STALLED NONE - 0 0 0 2000000000 0 0"
        self.assertIsNone(CONTESTANTS[0].read(line))


class Recorded:
    """A daemon that has said these lines."""

    def __init__(self, lines):
        self.lines = list(enumerate(lines, 1))

    def since(self, instant):
        return [line for line in self.lines if line[0] >= instant]


class Corosyncs(unittest.TestCase):
    def told(self, lines):
        contestant = Corosync()
        contestant.running = {"a": [Recorded(lines)]}
        return [notice.kind for notice in contestant.notices("a")]

    def test_a_member_that_said_goodbye_has_ended_and_another_is_down(self):
        left = "[TOTEM ] A new membership (1.15) was formed. Members left: 2"
        failed = "[TOTEM ] Failed to receive the leave message. failed: 2"
        joined = "[TOTEM ] A new membership (1.19) was formed. Members joined: 2"
        members = "[QUORUM] Members[1]: 1"
        self.assertEqual(self.told([joined, members, left, failed, members]), ["up", "down"])
        self.assertEqual(self.told([left, members]), ["ended"])

    def test_which_of_the_two_it_is_stays_open_until_the_next_line(self):
        left = "[TOTEM ] A new membership (1.15) was formed. Members left: 2"
        self.assertEqual(self.told([left]), [])


class Serfs(unittest.TestCase):
    def test_it_greets_itself_and_only_the_other_counts(self):
        contestant = Serf()
        head = "2026/11/26 20:38:28 [INFO] serf: "
        contestant.running = {"a": [Recorded([
            head + "EventMemberJoin: a 10.78.0.1", head + "EventMemberJoin: b 10.78.0.2",
            head + "EventMemberFailed: b 10.78.0.2", head + "EventMemberLeave: b 10.78.0.2",
        ])]}
        kinds = [notice.kind for notice in contestant.notices("a")]
        self.assertEqual(kinds, ["up", "down", "ended"])


class Models(unittest.TestCase):
    def losses(self, words, number=200_000):
        model = models.model(words.split(), random.Random(7))
        return [model.fate() is None for _ in range(number)]

    def test_independent_loss_loses_its_share(self):
        lost = self.losses("loss 0.1")
        self.assertAlmostEqual(sum(lost) / len(lost), 0.1, delta=0.005)

    def test_correlated_loss_loses_its_share_in_bursts(self):
        lost = self.losses("gilbert 0.1 0.3")
        bursts = sum(now and not before for before, now in zip([False, *lost], lost))
        self.assertAlmostEqual(sum(lost) / len(lost), 0.25, delta=0.01)
        self.assertAlmostEqual(sum(lost) / bursts, 1 / 0.3, delta=0.1)

    def test_jitter_stays_within_its_bounds(self):
        model = models.model(["jitter", "0.020", "0.015"], random.Random(7))
        delays = [model.fate() for _ in range(10_000)]
        self.assertGreaterEqual(min(delays), 0.005)
        self.assertLessEqual(max(delays), 0.035)
        self.assertAlmostEqual(sum(delays) / len(delays), 0.020, delta=0.001)

    def test_the_paths_of_the_table_are_models(self):
        for command in alarms.PATHS.values():
            models.model(command.split(), random.Random(7))


class Resets(unittest.TestCase):
    def segment(self, sequence, flags, data=b""):
        macs = bytes(range(12))
        ends = (b"\x0a\x4e\x00\x01", 40000, b"\x0a\x4e\x00\x02", 28170)
        frame = bytearray(reset.build(macs, ends, sequence) + data)
        frame[47] = flags
        frame[16:18] = (40 + len(data)).to_bytes(2, "big")
        return bytes(frame)

    def test_a_forged_reset_has_the_next_sequence_number(self):
        seen = reset.Connections()
        seen.observe(0, self.segment(2**32 - 2, reset.SYN))
        seen.observe(0, self.segment(2**32 - 1, reset.ACK, b"hello"))
        seen.observe(0, self.segment(2**32 - 1, reset.ACK, b"hel"))
        (side, frame), = seen.resets()
        forged = reset.parse(frame)
        self.assertEqual((side, forged["flags"], forged["next"]), (0, reset.RST, 4))
        self.assertEqual(seen.resets(), [])

    def test_its_check_sums_are_right(self):
        frame = reset.build(bytes(12), (b"\x0a\x4e\0\x01", 1, b"\x0a\x4e\0\x02", 2), 77)
        self.assertEqual(reset.checksum(frame[14:34]), 0)
        pseudo = frame[26:34] + bytes([0, 6, 0, 20])
        self.assertEqual(reset.checksum(pseudo + frame[34:]), 0)

    def test_other_frames_are_none_of_its_business(self):
        self.assertIsNone(reset.parse(b"\0" * 60))
        self.assertIsNone(reset.parse(b"short"))


class Counting(unittest.TestCase):
    def test_a_peer_is_thought_down_from_a_notice_to_the_next_that_it_is_up(self):
        told = [Notice(10, "down", ""), Notice(12, "down", ""), Notice(30, "up", ""),
                Notice(90, "ended", "")]
        self.assertEqual(alarms.down_for(told, 100), 30)
        self.assertEqual(alarms.down_for([], 100), 0)

    def test_frames_are_counted_where_they_enter_the_switch(self):
        text = ("Inter-|   Receive  |  Transmit\n face |bytes    packets errs\n"
                "   br0: 1 2 3 4\n porta: 9000 123 0 0\n portb:7 45 0 0\n")
        self.assertEqual(lab.parse_frames(text), {"a": 123, "b": 45})

    def test_contestants_are_chosen_by_a_word_of_their_title(self):
        self.assertEqual(len(chosen([])), len(CONTESTANTS))
        titles = [contestant.title for contestant in chosen(["vrrp", "serf"])]
        self.assertEqual(titles, ["VRRP, keepalived 1 s", "SWIM, serf lan profile"])
        self.assertEqual(len({contestant.name() for contestant in CONTESTANTS}), len(CONTESTANTS))


class Reports(unittest.TestCase):
    def results(self):
        taken = {"detected": 0.0123, "kind": "down", "text": "", "recovered": 0.2}
        missed = {"detected": None, "kind": None, "text": None, "recovered": None}
        path = {"alarms": 3, "share_down": 0.08, "watchers": 2, "seconds": 120.0}
        shared = {"means": "its log", "version": "1.2-3", "date": "2026-11-26",
                  "machine": "2 cores"}
        good = {
            "title": "A & B", "failed": None, "bound": 0.15, "rounds": 2,
            "packets_per_second": 20.5,
            "faults": {fault: [taken, missed] for fault in report.HEADS},
            "frozen_survivor": [1, 0], "starved_survivor": 0,
            "paths": dict.fromkeys(alarms.PATHS, path), **shared,
        }
        return [good, {"title": "C", "failed": "not installed: c", **shared}]

    def test_a_round_without_a_notice_is_said_and_not_averaged(self):
        text = report.markdown(self.results())
        self.assertIn("| A & B | 150 | 20.5 | 12 (12), none in 1 of 2 |", text)
        self.assertIn("| 3 (8 %); 2 x 120 |", text)
        self.assertIn("- C: not installed: c\n", text)
        self.assertIn("- A & B (1.2-3): its log; 2026-11-26, 2 cores\n", text)

    def test_the_picture_is_well_formed_also_without_any_result(self):
        for results in (self.results(), self.results()[1:], []):
            ElementTree.fromstring(plot.picture(results))


if __name__ == "__main__":
    unittest.main()
