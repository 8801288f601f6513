"""How every benchmark shows what it measured, and keeps it for `python -m benchmarks`."""

import json
import os

FILE = "TFSEG_BENCHMARK_FILE"  # the variable with the file that results are added to


def show(case, unit, figures, base, digits=1):
    """Prints {contender: figure} as a Markdown table with ratios to the contender `base`.

    Ratios are figure / base's figure: of times (the unit "ms") less is better, of rates more.
    """
    keep(case, unit, figures, base)
    print(f"\n| {case} | {unit} | ratio |\n|---|--:|--:|")
    for contender, figure in figures.items():
        print(f"| {contender} | {figure:,.{digits}f} | {figure / figures[base]:.2f} |", flush=True)


def keep(case, unit, figures, base):
    """Adds the figures to the file of `python -m benchmarks`, if that is what runs."""
    if file := os.environ.get(FILE):
        values = {"case": case, "unit": unit, "base": base, "figures": figures}
        with open(file, "a") as lines:
            lines.write(json.dumps(values) + "\n")
