"""The acceptance results as Markdown."""

import math
import statistics

import report
from survivor import tally


def markdown(rows, facts):
    """A table of times, one of counts, and what was not measured."""
    timed = [row for row in rows if row.get("rounds") and not row.get("failed")]
    counted = [row for row in rows if "counts" in row and not row.get("failed")]
    failed = [row for row in rows if row.get("failed")]
    lines = [f"{facts['date']}, {facts['machine']}.", ""]
    if timed:
        lines += ["From the fault to the entry of the callback, ms.", ""]
        lines += report.table(
            ["", "packets/s", "median", "p99", "slowest", "rounds", "without DOWN", "reasons",
             "own lateness, most", "rise of the level, most", "least left of the bound"],
            [timed_row(row) for row in timed],
        ) + [""]
    if counted:
        lines += report.table(
            ["", "asked", "seen", "held"],
            [[row["title"], row["asked"], seen(row["counts"]), "yes" if row["held"] else "**no**"]
             for row in counted],
        ) + [""]
    lines += [f"- not measured: {row['title']}: {row['failed']}" for row in failed]
    return "\n".join(lines).rstrip() + "\n"


def timed_row(row):
    known = [taken for taken in row["rounds"] if taken is not None]
    missed = len(row["rounds"]) - len(known)
    head = [row["title"], f"{row['packets_per_second']:.1f}"]
    if not known:
        return [*head, "none", "none", "none", len(row["rounds"]), missed, "", "", "", ""]
    after = [taken["after"] * 1000 for taken in known]
    return [
        *head, report.number(statistics.median(after)), report.number(percentile(after, 99)),
        report.number(max(after)), len(row["rounds"]), missed,
        tally(taken["reason"] for taken in known),
        report.number(max(taken["own_lateness"] for taken in known) / 1e6),
        extreme(known, "rise", max), extreme(known, "spare", min),
    ]


def extreme(known, field, choose):
    """In milliseconds; nothing for faults that have no bound."""
    if field not in known[0]:
        return ""
    return report.number(choose(taken[field] for taken in known) * 1000)


def percentile(values, percent):
    """The smallest value that so many per cent of all do not exceed (nearest rank)."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]


def seen(counts):
    return "; ".join(f"{name}: {value}" for name, value in counts.items())


def brief(row):
    """One line for who waits."""
    if row.get("failed"):
        return f"{row['title']}: {row['failed']}"
    if "counts" in row:
        return f"{row['title']}: {seen(row['counts'])}"
    _, _, median, p99, slowest, rounds, missed, reasons, *_ = timed_row(row)
    return (f"{row['title']}: {median}, p99 {p99}, slowest {slowest} ms; {rounds} rounds, "
            f"{missed} without; {reasons}")
