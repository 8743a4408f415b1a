"""Tables, and a picture, of what `bench/run.py --json` measured.

    bench/tables.py FILE… [--svg PICTURE]

Each FILE is one run on one machine. For each a table (Markdown) is printed: a row
a work, a column a way. A cell is how many times bare the work took, round by round:
the median, and behind it the least and the most of the rounds; of the start-up, it
is the milliseconds that were added to bare. Bare's column is its median. What a tool
could not do is `failed`. The picture shows the medians of the first file, without
the start-up; it is drawn by matplotlib (python3-matplotlib).
"""

import argparse
import json
import statistics

START = "start-up"


def pairs(times, way):
    """Wall seconds (bare, the way) of each round in which both were done."""
    both = zip(times["bare"], times[way])
    return [(bare[0], found[0]) for bare, found in both if bare and found]


def ratios(times, way):
    return [found / bare for bare, found in pairs(times, way)]


def cell(work, times, way):
    if work == START:
        found, form = [(one - bare) * 1e3 for bare, one in pairs(times, way)], "+%.0f ms (%.0f–%.0f)"
    else:
        found, form = ratios(times, way), "%.2f (%.2f–%.2f)"
    if not found:
        return "failed"
    return form % (statistics.median(found), min(found), max(found))


def bare_time(times):
    found = [one[0] for one in times["bare"] if one]
    return "%.0f ms" % (statistics.median(found) * 1e3) if found else "failed"


def ways_of(run):
    first = next(iter(run["times"].values()))
    return [way for way in first if way != "bare"]


def table(run):
    ways = ways_of(run)
    lines = ["| | bare | " + " | ".join(ways) + " |", "|---|" + "---:|" * (len(ways) + 1)]
    for work, times in run["times"].items():
        cells = [work, bare_time(times)] + [cell(work, times, way) for way in ways]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def heading(run):
    return "%s; %s; Linux %s; %d processors; %d rounds; load %.1f before" % (
        run["version"], run["processor"], run["kernel"], run["processors"], run["rounds"],
        run["load"])


def draw(run, path):
    import matplotlib  # only who wants a picture needs it
    matplotlib.use("svg")
    from matplotlib import pyplot

    ways, works = ways_of(run), [work for work in run["times"] if work != START]
    height = 0.8 / len(ways)
    figure, axes = pyplot.subplots(figsize=(9, 1 + 0.18 * len(ways) * len(works)))
    for number, way in enumerate(ways):
        found = [ratios(run["times"][work], way) for work in works]
        axes.barh([row + number * height for row in range(len(works))],
                  [statistics.median(one) if one else 0 for one in found], height, label=way)
    axes.set_yticks([row + 0.4 - height / 2 for row in range(len(works))], works)
    axes.set_xscale("log")
    axes.set_xticks([1, 1.5, 2, 3, 5, 10, 20], ["1", "1.5", "2", "3", "5", "10", "20"])
    axes.set_xlim(left=0.9)
    axes.axvline(1, color="black", linewidth=0.8)
    axes.invert_yaxis()
    axes.set_xlabel("times bare (wall, median of rounds; a missing bar: failed)")
    axes.set_title(heading(run), fontsize=8)
    axes.legend(fontsize=8)
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("file", nargs="+")
    parser.add_argument("--svg")
    options = parser.parse_args()
    runs = []
    for name in options.file:
        with open(name, encoding="utf-8") as file:
            runs.append(json.load(file))
    print("\n\n".join(heading(run) + "\n\n" + table(run) for run in runs))
    if options.svg:
        draw(runs[0], options.svg)


main()
