"""A picture of the results as SVG, written by hand: there is nothing to install."""

import math
import statistics
from xml.sax.saxutils import escape

import alarms

WIDTH, HEIGHT = 1080, 640
# The height of one contestant in the list on the right.
STEP = 36
LEFT, TOP, RIGHT, BOTTOM = 80, 50, 560, 560
COLOURS = ["#0b6", "#d62", "#26c"]
MARKS = {"kill": "circle", "cut": "square"}


def picture(results):
    """Detection time against packets per second, and a list with the false alarms of each."""
    good = [result for result in results if not result["failed"]]
    height = max(HEIGHT, 80 + STEP * len(good))
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
        'font-family="sans-serif" font-size="12">',
        f'<rect width="{WIDTH}" height="{height}" fill="white"/>',
        text(LEFT, 26, "Detection time (median) against packets per second, both ways", 15),
    ]
    points = [
        (index, kind, result["packets_per_second"], median(result["faults"].get(kind, [])))
        for index, result in enumerate(good, 1) for kind in MARKS
    ]
    points = [point for point in points if point[2] > 0 and point[3] is not None]
    if points:
        across = axis([point[2] for point in points], LEFT, RIGHT)
        upwards = axis([point[3] * 1000 for point in points], BOTTOM, TOP)
        parts += grid(across, upwards)
        parts += [mark(point, across, upwards) for point in points]
    parts += legend(good)
    return "\n".join(parts + ["</svg>"]) + "\n"


def median(rounds):
    known = [taken["detected"] for taken in rounds if taken["detected"] is not None]
    return statistics.median(known) if known else None


def axis(values, low, high):
    """A logarithmic scale over whole decades: (function to pixels, the decades)."""
    first = math.floor(math.log10(min(values)))
    last = max(math.ceil(math.log10(max(values))), first + 1)

    def place(value):
        return low + (math.log10(value) - first) / (last - first) * (high - low)

    return place, range(first, last + 1)


def grid(across, upwards):
    parts = []
    for decade in across[1]:
        x = across[0](10.0**decade)
        parts += [line(x, TOP, x, BOTTOM), text(x, BOTTOM + 18, label(decade), anchor="middle")]
    for decade in upwards[1]:
        y = upwards[0](10.0**decade)
        parts += [line(LEFT, y, RIGHT, y), text(LEFT - 8, y + 4, label(decade), anchor="end")]
    parts.append(text((LEFT + RIGHT) / 2, BOTTOM + 40, "packets per second", anchor="middle"))
    parts.append(text(LEFT - 60, TOP - 10, "ms"))
    parts += [shape("circle", LEFT + 6, BOTTOM + 60), shape("square", LEFT + 206, BOTTOM + 60)]
    parts.append(text(LEFT + 16, BOTTOM + 64, "kill -9 of the peer's process"))
    parts.append(text(LEFT + 216, BOTTOM + 64, "silent cut"))
    return parts


def label(decade):
    return f"{10.0**decade:g}"


def mark(point, across, upwards):
    index, kind, rate, seconds = point
    x, y = across[0](rate), upwards[0](seconds * 1000)
    return shape(MARKS[kind], x, y) + text(x + 8, y + 4, str(index), 11)


def shape(kind, x, y):
    """A full circle or an empty square, so that both are seen where they meet."""
    if kind == "circle":
        return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{COLOURS[0]}"/>'
    return (f'<rect x="{x - 6:.1f}" y="{y - 6:.1f}" width="12" height="12" fill="none" '
            f'stroke="{COLOURS[1]}" stroke-width="1.5"/>')


def legend(results):
    """Number, name, and a bar of alarms per minute and watcher for each bad path."""
    parts = [text(600, 26, "False alarms per minute and watcher", 15)]
    rates = [[rate(result, path) for path in alarms.PATHS] for result in results]
    longest = max((value for row in rates for value in row), default=0) or 1
    for column, path in enumerate(alarms.PATHS):
        x = 600 + 150 * column
        parts.append(f'<rect x="{x}" y="36" width="10" height="10" fill="{COLOURS[column]}"/>')
        parts.append(text(x + 14, 45, path))
    for index, (result, row) in enumerate(zip(results, rates), 1):
        y = 66 + (index - 1) * STEP
        parts.append(text(600, y, f"{index}  {result['title']}"))
        for column, value in enumerate(row):
            # The square root keeps one alarm visible beside hundreds.
            width = math.sqrt(value / longest) * 300
            top = y + 4 + column * 6
            parts.append(f'<rect x="620" y="{top}" width="{width:.1f}" height="5" '
                         f'fill="{COLOURS[column]}"/>')
            if value:
                parts.append(text(624 + width, top + 6, f"{value:.3g}", 8))
    return parts


def rate(result, path):
    measured = result["paths"].get(path)
    if measured is None:
        return 0.0
    return measured["alarms"] / measured["watchers"] / measured["seconds"] * 60


def line(x1, y1, x2, y2):
    return (f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="#ccc"/>')


def text(x, y, words, size=12, anchor="start"):
    return (f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}">'
            f"{escape(words)}</text>")
