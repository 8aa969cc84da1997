"""Measure against the budgets: `python -m tests.benchmarks [NAME...] [--strict]`, or `make bench`.

Each module named in BENCHMARKS has a function measure() -> list[Measurement]; a further one needs
its name here and nothing else. NAME runs some of them; --strict makes a missed budget the exit status 1.
"""

from __future__ import annotations

import argparse
import importlib
import os
import statistics
import sys

from tests.benchmarks import hop
from tests.benchmarks.measure import Measurement, table, taken

BENCHMARKS = ("hop", "outage", "check_08", "importing", "work_queue", "log", "journal", "mqtt_codec", "mqtt")


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", choices=[*BENCHMARKS, []], metavar="NAME")
    parser.add_argument("--strict", action="store_true", help="a missed budget is a failure")
    options = parser.parse_args(arguments)
    measurements: list[Measurement] = []
    paces = [hop.pace()]
    with taken() as took:
        for name in options.names or BENCHMARKS:
            print(f"{name} ...", file=sys.stderr, flush=True)
            measurements += importlib.import_module(f"tests.benchmarks.{name}").measure()
            paces.append(hop.pace())
    pace = statistics.median(paces)
    missed = [each for each in measurements if each.verdict(pace) == "MISSED"]
    print(table(measurements, pace))
    print(
        f"\n{len(measurements)} measured in {took.wall:.0f} s, {took.cpu:.0f} s of them computing "
        f"({os.cpu_count()} cores, load {_load()}, Python {sys.version.split()[0]}); {len(missed)} missed. "
        f"Seconds are of the processor; at rest: divided by {pace:.2f}, the pace of this machine now."
    )
    return 1 if missed and options.strict else 0


def _load() -> str:
    return f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "unknown"


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
