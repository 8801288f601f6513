"""Runs all benchmarks that compare contenders; prints tables of ratios and writes a JSON file.

    python -m benchmarks [NAME ...] [--json=FILE] [--compare=OLD.json]

Run it on an idle machine. Times of two machines cannot be compared, but ratios of contenders that
took turns on one machine can, so `--compare` only compares ratios. It ends with exit code 1 if one
is worse than before by more than a tenth.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from importlib import metadata
from pathlib import Path

from tqdm import tqdm

from benchmarks.results import FILE

NAMES = ("train_step", "pipeline", "inference", "serve", "evaluate", "convert", "crf", "realtime")
PACKAGES = ("tensorflow", "keras", "numpy", "opencv-python-headless", "openvino", "onnxruntime",
            "ai-edge-litert", "torch")  # fmt: skip
INSTRUCTIONS = ("avx2", "avx512f", "avx512_bf16", "amx_bf16", "amx_int8")
WORSE = 1.1  # factor; smaller differences are noise


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("names", nargs="*", metavar="NAME", help=", ".join(NAMES))
    arguments.add_argument("--json", type=Path, help="file to write the results to")
    arguments.add_argument("--compare", type=Path, help="earlier file of --json")
    options = arguments.parse_args()
    for name in options.names:
        if name not in NAMES:
            arguments.error(f"{name!r} is not a benchmark; choose from {', '.join(NAMES)}")
    old = json.loads(options.compare.read_text()) if options.compare else None
    here = machine()
    print("; ".join(f"{name}: {value}" for name, value in here.items() if name != "packages"))
    results = [result for name in tqdm(options.names or NAMES) for result in run(name)]
    if options.json:
        values = {"machine": here, "results": results}
        options.json.write_text(json.dumps(values, indent=1) + "\n")
    if old:
        sys.exit(compare(old["results"], results))


def machine():
    """Facts that affect the results: processor, its instructions, cores, load, versions."""
    info = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    facts = dict(map(str.strip, line.split(":", 1)) for line in info.splitlines() if ":" in line)
    flags = facts.get("flags", "").split()
    return {
        "processor": facts.get("model name", platform.processor()),
        "instructions": " ".join(name for name in INSTRUCTIONS if name in flags),
        "cores": os.cpu_count(),
        "load": os.getloadavg()[0],
        "packages": {name: version for name in PACKAGES if (version := _version(name))},
    }


def _version(package):
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def run(name):
    """The results of one benchmark, which runs in its own process and prints as it goes."""
    with tempfile.NamedTemporaryFile("r") as file:
        command = [sys.executable, "-m", f"benchmarks.{name}"]
        done = subprocess.run(command, env={**os.environ, FILE: file.name})
        if done.returncode:
            print(f"{name} failed: exit code {done.returncode}", file=sys.stderr)
        return [json.loads(line) for line in file]


def compare(old, new):
    """Prints how every ratio changed; returns the exit code."""
    before, worse = {result["case"]: ratios(result) for result in old}, 0
    print("\n| case | contender | ratio before | now | |\n|---|---|--:|--:|---|")
    for result in new:
        less_is_better = result["unit"] == "ms"
        for contender, ratio in ratios(result).items():
            then = before.get(result["case"], {}).get(contender)
            if then is None or contender == result["base"]:
                continue
            loss = ratio / then if less_is_better else then / ratio
            worse += loss > WORSE
            word = "worse" if loss > WORSE else "better" if loss < 1 / WORSE else ""
            print(f"| {result['case']} | {contender} | {then:.2f} | {ratio:.2f} | {word} |")
    return int(worse > 0)


def ratios(result):
    """{contender: its result / the base's result}."""
    base = result["figures"][result["base"]]
    return {contender: figure / base for contender, figure in result["figures"].items()}


if __name__ == "__main__":
    main()
