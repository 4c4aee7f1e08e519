#!/usr/bin/env python3
"""Turn what the guests of `make bench` have measured into figures.

  report.py table FILE      the table, on standard output
  report.py json FILE       the same for programs, with all samples
  report.py plot FILE DIR   what gnuplot draws it from: DIR/plot.gp and data beside it
  report.py check FILE      a result, ok or FAIL, per figure that the suite has a limit for
  report.py clock FILE      whether the guest's clock counted instructions

FILE has lines `GUEST BENCH WHAT UNIT SAMPLE...`. A figure compares the median of one
such line with that of another, its baseline. The ratio is baseline / figure where
less is better, and figure / baseline where more is: more than 1 is always better.
"""
import json
import statistics
import sys


def fail(text):
    sys.exit(f"error: {text}")


class Samples:
    def __init__(self, unit, values):
        self.unit = unit
        self.values = values
        self.median = statistics.median(values)

    def spread(self):
        """Half of the distance between the quartiles, in percent of the median."""
        if len(self.values) < 4 or not self.median:
            return None
        low, _, high = statistics.quantiles(self.values, n=4)
        return (high - low) / 2 / abs(self.median) * 100


def read(path):
    """{(guest, bench, what): Samples}"""
    data = {}
    try:
        with open(path, encoding="utf-8") as lines:
            for nr, line in enumerate(lines, 1):
                try:
                    guest, bench, what, unit, *values = line.split()
                    data[guest, bench, what] = Samples(unit, [float(v) for v in values])
                except (ValueError, statistics.StatisticsError):
                    fail(f"{path}:{nr} is no measurement: {line.strip()[:60]}")
    except OSError as e:
        fail(f"cannot read {path}: {e.strerror}")
    return data


class Figure:
    """One line of the table."""

    def __init__(self, bench, what, new, base=None, base_what="", aim=None, aim_text="",
                 limit=None, more_is_better=False, by_value=False):
        self.bench, self.what, self.new, self.base = bench, what, new, base
        self.base_what = base_what
        self.ratio = None
        if base and base.median and new.median:
            self.ratio = base.median / new.median
            if more_is_better:
                self.ratio = 1 / self.ratio
        # aim and limit are (lowest, highest) of this
        self.value = new.median if by_value or self.ratio is None else self.ratio
        self.aim, self.aim_text, self.limit = aim, aim_text, limit

    def within(self, bounds):
        return bounds[0] <= self.value <= bounds[1]

    def met(self):
        return "" if self.aim is None else "yes" if self.within(self.aim) else "NO"


def derived(unit, value):
    return Samples(unit, [value])


ANY = float("inf")
MAPPINGS = {
    "identity": "cid = CPU",
    "siblings": "siblings far apart",
    "nodes": "nodes take turns",
    "shuffled": "no order",
}


def handoff(get, add):
    for mapping, text in MAPPINGS.items():
        for bits in 8, 64, 256, 4096:
            new = get("series", "handoff", f"direct/{mapping}/{bits}")
            base = get("series", "handoff", f"staged/{mapping}/{bits}")
            if not new or not base:
                continue
            at_aim = bits == 256 and mapping == "identity"
            add(Figure("handoff", f"{bits} bits, {text}", new, base, "copied by BPF",
                       (10, ANY) if at_aim else None, "10 times fewer" if at_aim else "",
                       (5, ANY) if at_aim else (1.5, ANY) if mapping == "nodes" and bits > 8 else None))
        few, many = (get("series", "handoff", f"direct/{mapping}/{bits}") for bits in (8, 64))
        if few and many and mapping != "shuffled":
            add(Figure("handoff", f"a full word, {text}", many, few, "8 bits of it",
                       (0.95, ANY), "the same", (0.95, ANY)))


def deref(get, add):
    new, base = get("series", "deref", "arena"), get("series", "deref", "kernel")
    if new and base:
        add(Figure("deref", "read and write a page", new, base, "kernel memory",
                   (0.995, 1.005), "1.00", (0.995, 1.005)))


def fault(get, add):
    def of(what):
        return get("series", "fault", what)

    silent, reported, install = of("kernel/silent"), of("kernel/reported"), of("install")
    by_program, exception, deep = of("program/reported"), of("nofault"), of("kernel/inner/16")
    small, large, outer = of("kernel/size/2048"), of("kernel/size/1048576"), of("kernel/outer/6")
    lines = of("frames/kernel")
    if not all((silent, reported, install, by_program, exception, deep, small, large, outer, lines)):
        return
    # The report begins with two functions of its own, and does not count the program.
    frames = lines.median - 1
    frame = (deep.median - silent.median) / 16
    walk = derived("insns", frame * frames)
    add(Figure("fault", "exception (fixed up)", exception))
    add(Figure("fault", f"stack walk ({frames:.0f} frames of {frame:.0f})", walk))
    add(Figure("fault", "install", install))
    add(Figure("fault", "checks (the rest)", derived(
        "insns", silent.median - exception.median - walk.median - install.median)))
    add(Figure("fault", "report", derived("insns", reported.median - silent.median)))
    for text, new, base, lowest in (("no report", silent, of("program/silent"), 1),
                                    ("reported", reported, by_program, 0.88)):
        add(Figure("fault", f"all of it, {text}", new,
                   derived("insns", base.median + walk.median), "program's + walk",
                   (1, ANY), "less", (lowest, ANY)))
    add(Figure("fault", "arena of 2^20 pages", large, small, "of 2^11 pages",
               (0.98, 1.02), "the same", (0.98, 1.02)))
    add(Figure("fault", "6 frames more beyond", outer, silent, "without",
               (0.98, 1.02), "the same", (0.98, 1.02)))


def alloc(get, add):
    for kind in "sleepable", "nonsleepable":
        for pages in 1, 16, 512, 4096:
            what = f"alloc+free/{kind}/{pages}"
            new, base = get("series", "alloc", what), get("base", "alloc", what)
            if new and base:
                add(Figure("alloc", f"{pages} page{'s' * (pages > 1)}, {kind}", new, base, "base kernel",
                           (0.99, ANY), "0.99"))
    dead = [get("series", "alloc", f"dead/1/{nr}") for nr in (0, 10, 100, 1000)]
    many = [get("series", "alloc", f"dead/16/{nr}") for nr in (0, 1000)]
    if not all(dead + many):
        return
    add(Figure("alloc", "1 page, 1000 dead", dead[3], dead[0], "no dead page"))
    add(Figure("alloc", "16 pages, 1000 dead", many[1], many[0], "no dead page"))
    # a logarithm grows by the same amount each time that the number is ten times as high
    add(Figure("alloc", "1 page, growth to 1000 dead",
               derived("insns", dead[3].median - dead[2].median),
               derived("insns", dead[2].median - dead[1].median), "from 10 to 100",
               (0.95, ANY), "logarithmic", (0.9, ANY)))
    first = get("series", "alloc", "dead/first/1000")
    if first:
        add(Figure("alloc", "to learn of a dead page, once", derived("insns", first.median / 1000)))


def pressure(get, add):
    base = get("series", "pressure", "program/nonsleepable")
    for what, text in (("kernel/sleepable", "kernel, sleepable"),
                       ("program/sleepable", "program, sleepable")):
        new = get("series", "pressure", what)
        if new and base:
            bounds = (100, 100) if what == "kernel/sleepable" else None
            add(Figure("pressure", text, new, base, "program, non-sleepable", bounds,
                       "100 %" if bounds else "", bounds, more_is_better=True, by_value=True))


def setaffinity(get, add):
    for cpus in 2, 16, 255:
        rates = [rate(get(f"{form}/{cpus}", "setaffinity", "round-trip"))
                 for form in ("cid", "cpu")]
        if all(rates):
            add(Figure("setaffinity", f"{cpus} possible CPUs", rates[0], rates[1], "cpu form",
                       (1, ANY), "no slower", more_is_better=True))


def rate(samples):
    return samples and Samples("1/s", [1e9 / v for v in samples.values])


def size(get, add):
    for what, text in (("text", "text"), ("data", "data and bss"),
                       ("arena-text", "text, of arenas alone"), ("memory", "memory per arena")):
        new, base = get("series", "size", what), get("base", "size", what)
        if new and base:
            add(Figure("size", text, new, base, "base kernel"))
    for what, text in (("silent", "no report"), ("reported", "reported")):
        new = get("series", "size", f"stack/{what}")
        if new:
            add(Figure("size", f"stack of a fault, {text}", new))


BENCHES = [handoff, deref, fault, alloc, pressure, setaffinity, size]


def figures(data):
    found = []

    def get(*key):
        return data.get(key)

    for bench in BENCHES:
        bench(get, found.append)
    if not found:
        fail("nothing that was measured makes a figure")
    return found


def number(value):
    return f"{value:.1f}" if abs(value) < 100 else f"{value:.0f}"


def table(data):
    rows = [("bench", "what", "", "unit", "spread", "against", "", "ratio", "aim", "met")]
    for f in figures(data):
        spread = f.new.spread()
        rows.append((f.bench, f.what, number(f.new.median), f.new.unit,
                     "" if spread is None else f"{spread:.1f} %",
                     f.base_what, number(f.base.median) if f.base else "",
                     (f"{f.ratio:.2f}" if f.ratio >= 2 else f"{f.ratio:.3f}") if f.ratio else "", f.aim_text, f.met()))
    widths = [max(len(r[i]) for r in rows) for i in range(len(rows[0]))]
    for nr, row in enumerate(rows):
        cells = [c.rjust(w) if i in (2, 4, 6, 7) else c.ljust(w)
                 for i, (c, w) in enumerate(zip(row, widths))]
        print("| " + " | ".join(cells) + " |")
        if nr == 0:
            print("| " + " | ".join("-" * w for w in widths) + " |")


def as_json(data):
    out = []
    for f in figures(data):
        out.append({
            "bench": f.bench, "what": f.what, "unit": f.new.unit, "median": f.new.median,
            "spread_percent": f.new.spread(), "samples": f.new.values,
            "baseline": f.base and {"what": f.base_what, "median": f.base.median,
                                    "samples": f.base.values},
            "ratio": f.ratio, "aim": f.aim_text or None,
            "met": {"yes": True, "NO": False}.get(f.met()),
        })
    json.dump({"figures": out}, sys.stdout, indent=1)
    print()


def check(data):
    for f in figures(data):
        if f.limit is None:
            continue
        verdict = "ok" if f.within(f.limit) else "FAIL"
        name = f"{f.bench}: {f.what}"
        print(f"{verdict} {name} ({f.value:.2f}; at least {f.limit[0]:g}"
              + ("" if f.limit[1] == ANY else f", at most {f.limit[1]:g}") + ")")


def panel_handoff(data, write):
    lines = []
    for mapping in "identity", "siblings", "shuffled":
        for form, text in ("staged", "copied by BPF"), ("direct", "in the arena"):
            points = [(bits, data["series", "handoff", f"{form}/{mapping}/{bits}"].median)
                      for bits in (8, 64, 256, 4096)
                      if ("series", "handoff", f"{form}/{mapping}/{bits}") in data]
            if points:
                lines.append(f"{write(points)} with linespoints title '{text}, {MAPPINGS[mapping]}'")
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
        if points:
            lines.append(f"{write(points)} with linespoints title '{kind}'")
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
        if points:
            lines.append(f"{write(points)} with linespoints title 'pages: {pages}'")
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
        if points:
            lines.append(f"{write(points)} with linespoints title '{form} form'")
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


def clock(data):
    rate_of = data.get(("series", "clock", "rate"))
    if not rate_of or not 0.999 <= rate_of.median <= 1.001:
        fail("the guest's clock does not count instructions: "
             + (f"{rate_of.median:.3f} of them per ns" if rate_of else "it was not measured"))


def main():
    if len(sys.argv) < 3 or sys.argv[1] not in ("table", "json", "plot", "check", "clock"):
        fail("report.py: table, json, plot, check or clock, and a file")
    data = read(sys.argv[2])
    if sys.argv[1] == "plot":
        if len(sys.argv) != 4:
            fail("report.py plot: FILE and DIR")
        plot(data, sys.argv[3])
    else:
        {"table": table, "json": as_json, "check": check, "clock": clock}[sys.argv[1]](data)


main()
