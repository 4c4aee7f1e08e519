#!/usr/bin/env python3
"""Report what the guests of `make bench` have measured (see figures.py).

  report.py table FILE   the table, on standard output
  report.py json FILE    the same for programs, with all samples
  report.py check FILE   a result, ok or FAIL, per figure that the suite has a limit for
  report.py clock FILE   whether the guest's clock counted instructions
"""
import json
import sys

from figures import ANY, fail, figures, read


def number(value):
    return f"{value:.1f}" if abs(value) < 100 else f"{value:.0f}"


def table(data):
    rows = [("bench", "what", "", "unit", "spread", "against", "", "ratio", "aim", "met")]
    for f in figures(data):
        spread = f.new.spread()
        rows.append((f.bench, f.what, number(f.new.median), f.new.unit,
                     "" if spread is None else f"{spread:.1f} %",
                     f.base_what, number(f.base.median) if f.base else "",
                     (f"{f.ratio:.2f}" if f.ratio >= 2 else f"{f.ratio:.3f}") if f.ratio else "",
                     f.aim_text, f.met()))
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


def clock(data):
    rate_of = data.get(("series", "clock", "rate"))
    if not rate_of or not 0.999 <= rate_of.median <= 1.001:
        fail("the guest's clock does not count instructions: "
             + (f"{rate_of.median:.3f} of them per ns" if rate_of else "it was not measured"))


def main():
    reports = {"table": table, "json": as_json, "check": check, "clock": clock}
    if len(sys.argv) != 3 or sys.argv[1] not in reports:
        fail("report.py: table, json, check or clock, and a file")
    reports[sys.argv[1]](read(sys.argv[2]))


main()
