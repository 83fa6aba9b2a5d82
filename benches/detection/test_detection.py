"""The pure parts of the acceptance measurements: bounds, percentiles, words, tables.

    python3 -m unittest discover -s benches/detection
"""

import pathlib
import sys
import unittest

sys.dont_write_bytecode = True
HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "versus")]

import silent
import summary
import survivor

FACTS = {"date": "2026-11-26", "machine": "2 cores"}
DOWN = {
    "reason": "SILENT", "deadline": 1_010_000_000, "own_lateness": 2_000_000,
    "round_trip": 1_000_000,
}


class Bounds(unittest.TestCase):
    def test_the_bound_is_detection_time_delay_rise_and_own_lateness(self):
        # 1000 + 0.5 + 10 + 2 ms
        self.assertAlmostEqual(silent.spare(DOWN, 1.0, 1.0), 0.0125)
        self.assertAlmostEqual(silent.spare(DOWN, 1.0225, 1.0), -0.01)

    def test_a_level_that_fell_does_not_shorten_the_bound(self):
        early = DOWN | {"deadline": 990_000_000}
        self.assertEqual(silent.rise(early, 1.0), 0.0)
        self.assertAlmostEqual(silent.rise(DOWN, 1.0), 0.01)


class Percentiles(unittest.TestCase):
    def test_the_99th_of_a_hundred_is_the_second_largest(self):
        self.assertEqual(summary.percentile(range(1, 101), 99), 99)
        self.assertEqual(summary.percentile([5, 3], 99), 5)
        self.assertEqual(summary.percentile([7], 50), 7)


class Tables(unittest.TestCase):
    def test_rounds_without_a_verdict_are_counted_and_not_averaged(self):
        row = {"title": "kill", "packets_per_second": 10.21,
               "rounds": [DOWN | {"after": 0.25}, None, DOWN | {"after": 0.35}]}
        text = summary.markdown([row], FACTS)
        self.assertIn("| kill | 10.2 | 300 | 350 | 350 | 3 | 1 | SILENT 2 | 2.00 |  |  |", text)
        self.assertIn("none", summary.markdown([row | {"rounds": [None]}], FACTS))

    def test_a_promise_that_was_not_held_is_in_bold(self):
        row = {"title": "stop", "asked": "no DOWN", "counts": {"DOWN": 1}, "held": False}
        self.assertIn("| stop | no DOWN | DOWN: 1 | **no** |", summary.markdown([row], FACTS))

    def test_what_was_not_measured_says_why(self):
        row = {"title": "heap", "failed": "needs 6144 MB of free memory", "rounds": []}
        text = summary.markdown([row], FACTS)
        self.assertIn("- not measured: heap: needs 6144 MB of free memory", text)
        self.assertEqual(summary.brief(row), "heap: needs 6144 MB of free memory")

    def test_words_are_tallied_the_most_frequent_first(self):
        words = ["RECONNECTED", "RESUMED", "RESUMED"]
        self.assertEqual(survivor.tally(words), "RESUMED 2, RECONNECTED 1")
        self.assertEqual(survivor.tally([]), "")


if __name__ == "__main__":
    unittest.main()
