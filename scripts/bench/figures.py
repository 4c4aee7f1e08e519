"""What the guests of `make bench` have measured, as figures.

FILE has lines `GUEST BENCH WHAT UNIT SAMPLE...`. A figure compares the median of one
such line with that of another, its baseline. The ratio is baseline / figure where
less is better, and figure / baseline where more is: more than 1 is always better.
"""
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
    # A logarithm grows by the same amount each time that the number is ten times as high.
    # Where nothing grows, that counts as one instruction.
    add(Figure("alloc", "1 page, growth to 1000 dead",
               derived("insns", max(dead[3].median - dead[2].median, 1)),
               derived("insns", max(dead[2].median - dead[1].median, 1)), "from 10 to 100",
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
