"""The results as Markdown and, by plot.py, as a picture."""

import statistics

import alarms
import plot

HEADS = {
    "kill": "kill -9", "frozen": "SIGSTOP", "cut": "silent cut", "graceful": "graceful stop",
}


def write(folder, results):
    """versus.md and versus.svg in `folder`."""
    (folder / "versus.md").write_text(markdown(results), encoding="utf-8")
    (folder / "versus.svg").write_text(plot.picture(results), encoding="utf-8")


def markdown(results):
    good = [result for result in results if not result["failed"]]
    lines = ["Detection, ms: median (slowest) of the rounds. \"Bound\" is what the settings "
             "promise for a silent peer; packets are those of both sides together.", ""]
    lines += table(
        ["", "bound, ms", "packets/s", *HEADS.values(), "word for a graceful stop", "rounds"],
        [[result["title"], f"{result['bound'] * 1000:.0f}" if result["bound"] else "-",
          f"{result['packets_per_second']:g}",
          *[times(result["faults"][fault], "detected") for fault in HEADS],
          word(result["faults"]["graceful"]), result["rounds"]] for result in good],
    )
    lines += ["", "Recovery, ms from the restart, SIGCONT or mending: median (slowest).", ""]
    lines += table(
        ["", *HEADS.values()],
        [[result["title"], *[times(result["faults"][fault], "recovered") for fault in HEADS]]
         for result in good],
    )
    lines += ["", "False alarms about a healthy peer (share of the time it was thought down; "
              "watchers x seconds).", ""]
    lines += table(
        ["", *alarms.PATHS, "own stop of 2 s", "own starvation"],
        [[result["title"], *[alarm(result["paths"][path]) for path in alarms.PATHS],
          frozen(result["frozen_survivor"]), result["starved_survivor"]] for result in good],
    )
    bad = [result for result in results if result["failed"]]
    if bad:
        lines += ["", "Not measured:", ""]
        lines += [f"- {result['title']}: {result['failed']}" for result in bad]
    lines += ["", "How each reports, and when and where it was measured:", ""]
    lines += [
        f"- {result['title']}{version(result)}: {result['means']}; {result['date']}, "
        f"{result['machine']}"
        for result in results
    ]
    return "\n".join(lines) + "\n"


def table(heads, rows):
    """A Markdown table; the first column to the left, numbers to the right."""
    lines = ["| " + " | ".join(heads) + " |", "|---|" + "--:|" * (len(heads) - 1)]
    return lines + ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows]


def times(rounds, what):
    """Median and slowest in milliseconds, and how many rounds had no answer at all."""
    known = [taken[what] * 1000 for taken in rounds if taken[what] is not None]
    if not known:
        return "none" if rounds else "-"
    text = f"{number(statistics.median(known))} ({number(max(known))})"
    lost = len(rounds) - len(known)
    return text + (f", none in {lost} of {len(rounds)}" if lost else "")


def number(milliseconds):
    """Two digits of what is below ten, none of the fraction of what is above."""
    return f"{milliseconds:.2f}" if milliseconds < 10 else f"{milliseconds:.0f}"


def version(result):
    return f" ({result['version']})" if result.get("version") else ""


def word(rounds):
    kinds = {taken["kind"] for taken in rounds}
    if kinds == {None}:
        return "nothing"
    return "/".join(sorted("nothing" if kind is None else kind for kind in kinds))


def alarm(path):
    share = path["share_down"] * 100
    known = f" ({share:.2g} %)" if path["alarms"] else ""
    return f"{path['alarms']}{known}; {path['watchers']} x {path['seconds']:.0f}"


def frozen(blamed):
    return f"{sum(count > 0 for count in blamed)} of {len(blamed)}"
