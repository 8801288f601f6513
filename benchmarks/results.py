"""Prints the results of a benchmark, and stores them for `python -m benchmarks`."""

import json
import os

FILE = "TFSEG_BENCHMARK_FILE"  # environment variable with the file for results


def show(case, unit, figures, base, digits=1):
    """Prints {contender: result} as a Markdown table with ratios to the contender `base`.

    Ratios are result / base's result: for times (unit "ms") less is better, for rates more.
    """
    keep(case, unit, figures, base)
    print(f"\n| {case} | {unit} | ratio |\n|---|--:|--:|")
    for contender, figure in figures.items():
        print(f"| {contender} | {figure:,.{digits}f} | {figure / figures[base]:.2f} |", flush=True)


def keep(case, unit, figures, base):
    """Adds the results to the file of `python -m benchmarks`, if that is running."""
    if file := os.environ.get(FILE):
        values = {"case": case, "unit": unit, "base": base, "figures": figures}
        with open(file, "a") as lines:
            lines.write(json.dumps(values) + "\n")
