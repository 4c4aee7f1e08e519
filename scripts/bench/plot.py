#!/usr/bin/env python3
"""Draw what the guests of `make bench` have measured (see figures.py).

  plot.py FILE DIR   writes DIR/plot.gp, for gnuplot, and its data beside it
"""
import sys

from figures import MAPPINGS, fail, figures, rate, read


def draw(lines, write, points, title):
    """One line more of a panel, unless nothing of it was measured"""
    if points:
        lines.append(f"{write(points)} with linespoints title '{title}'")


def panel_handoff(data, write):
    lines = []
    for mapping in "identity", "siblings", "shuffled":
        for form, text in ("staged", "copied by BPF"), ("direct", "in the arena"):
            points = [(bits, data["series", "handoff", f"{form}/{mapping}/{bits}"].median)
                      for bits in (8, 64, 256, 4096)
                      if ("series", "handoff", f"{form}/{mapping}/{bits}") in data]
            draw(lines, write, points, f"{text}, {MAPPINGS[mapping]}")
    return lines and """set title 'handoff: a cmask from kernel to BPF'
set logscale xy
set yrange [10:1e7]
set xlabel 'CPUs'
set ylabel 'instructions'
set key left top
plot """ + ", ".join(lines)


def panel_fault(data, write):
    parts = ("exception", "stack walk", "install", "report")
    rows = [(f'"{f.what.split(" (")[0]}"', f.new.median) for f in figures(data)
            if f.bench == "fault" and f.what.split(" (")[0] in parts]
    return rows and f"""set title 'fault: first touch of a page by the kernel'
set style fill solid 0.6
set logscale y
set yrange [10:1e6]
set ylabel 'instructions'
set boxwidth 0.6
plot {write(rows)} using 0:2:xtic(1) with boxes notitle, \\
     '' using 0:2:(sprintf('%.0f', $2)) with labels offset 0,0.7 notitle"""


def panel_alloc(data, write):
    lines = []
    for kind in "sleepable", "nonsleepable":
        points = []
        for pages in 1, 16, 512, 4096:
            base, new = (data.get((guest, "alloc", f"alloc+free/{kind}/{pages}"))
                         for guest in ("base", "series"))
            if base and new:
                points.append((pages, base.median / new.median))
        draw(lines, write, points, kind)
    return lines and """set title 'alloc: rate, base = 1'
set logscale x
set yrange [0:1.4]
set xlabel 'pages'
set key right bottom
plot 1 with lines dashtype 2 linecolor 'gray' notitle, """ + ", ".join(lines)


def panel_dead(data, write):
    lines = []
    for pages in 1, 16:
        points = [(max(dead, 1), data["series", "alloc", f"dead/{pages}/{dead}"].median)
                  for dead in (0, 10, 100, 1000)
                  if ("series", "alloc", f"dead/{pages}/{dead}") in data]
        draw(lines, write, points, f"pages: {pages}")
    return lines and """set title 'alloc: with dead pages (the leftmost: none)'
set logscale x
set yrange [0:*]
set xlabel 'dead pages'
set ylabel 'instructions, alloc and free'
set key right bottom
plot """ + ", ".join(lines)


def panel_setaffinity(data, write):
    lines = []
    for form in "cid", "cpu":
        points = [(cpus, rate(data[f"{form}/{cpus}", "setaffinity", "round-trip"]).median)
                  for cpus in (2, 16, 255)
                  if (f"{form}/{cpus}", "setaffinity", "round-trip") in data]
        draw(lines, write, points, f"{form} form")
    return lines and """set title 'setaffinity: round trips under a scheduler'
set logscale x
set yrange [0:*]
set xlabel 'possible CPUs'
set ylabel 'per 10^9 instructions'
set key right bottom
plot """ + ", ".join(lines)


def plot(data, where):
    """A panel for each bench that there are measurements of"""
    count = 0

    def write(points):
        nonlocal count
        count += 1
        name = f"{where}/plot.{count}.dat"
        with open(name, "w", encoding="utf-8") as f:
            f.writelines(" ".join(map(str, p)) + "\n" for p in points)
        return f"'{name}'"

    panels = [p for p in (panel(data, write) for panel in (
        panel_handoff, panel_fault, panel_alloc, panel_dead, panel_setaffinity)) if p]
    if not panels:
        return  # not everything is worth a picture
    columns = min(2, len(panels))
    rows = (len(panels) + columns - 1) // columns
    with open(f"{where}/plot.gp", "w", encoding="utf-8") as f:
        f.write(f"set terminal svg size {columns * 560},{rows * 400} background 'white'\n"
                f"set multiplot layout {rows},{columns}\n")
        for panel in panels:
            f.write(f"reset\nset grid\n{panel}\n")


def main():
    if len(sys.argv) != 3:
        fail("plot.py: a file and a directory")
    plot(read(sys.argv[1]), sys.argv[2])


main()
