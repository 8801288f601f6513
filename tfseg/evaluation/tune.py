"""`test --tune`: finds the test-time options that score best on a split."""

import time

from tfseg import atomic, devices
from tfseg.addresses import spelled
from tfseg.errors import UserError
from tfseg.evaluation.score import score
from tfseg.evaluation.target import find_target
from tfseg.prediction.segmenter import make_engine

# Flags of a variant -> their values in a config.
WAYS = {
    "": {},
    "--flip": {"flip": True},
    "--scales=0.75,1,1.25": {"scales": (0.75, 1.0, 1.25)},
    "--flip --scales=0.75,1,1.25": {"flip": True, "scales": (0.75, 1.0, 1.25)},
    "--crf": {"crf": True},
}
WORTH = 0.001  # smallest gain in mIoU that is worth a slower variant


def tune(config):
    """Scores a `TestConfig`'s network with every variant of `WAYS`; prints a table and returns the
    content of `tune-<split>.json`: the "best" flags and the metrics of all "ways".

    Raises:
        UserError: for the split `test`, which must not choose options, and for flags that are
            tried here.
    """
    _check(config)
    devices.select(config.gpu, config.mem_frac)
    target, rows = find_target(config), {}
    for flags, engine in _engines(target, config).items():
        start = time.monotonic()
        tally = score(engine, target.split, config.batch_size, task=target.task).tally
        results = tally.results()
        seconds = (time.monotonic() - start) / len(target.split)
        kept = ("miou", "pixel_accuracy", "boundary_miou")
        rows[flags] = {"seconds": seconds} | {name: results[name] for name in kept}
    best = max(rows, key=lambda flags: rows[flags]["miou"])
    gain = rows[best]["miou"] - rows[""]["miou"]
    best = best if gain >= WORTH else ""
    path = (config.output or target.output) / f"tune-{config.split}.json"
    chosen = {"best": best, "ways": rows}
    atomic.write_json(path, chosen)
    print(_table(rows))
    words = (
        f"{best}: {100 * gain:+.1f} points of mIoU"
        if best
        else "plain; no option is worth its time"
    )
    print(spelled(f"best on {config.split}: {words}\nwrote {path}"))
    return chosen


def _check(config):
    if config.split == "test":
        raise UserError("--tune chooses on val, so that test stays unseen; leave out --split=test")
    for name in sorted({"flip", "scales", "crf", *config.group("crf")} & config.given):
        raise UserError(f"--{name} does not work with --tune, which tries it; leave it out")
    for name in sorted({"html", "compare", "elab_names"} & config.given):
        raise UserError(f"--{name} does not work with --tune, which writes no report; leave it out")


def _engines(target, config):
    """An `Engine` per variant; checks first that all accept the frames' sizes."""
    engines = {
        flags: make_engine(target.network, config.replace(**way))
        for flags, way in WAYS.items()
        if not (target.task == "multilabel" and "crf" in way)
    }
    for engine in engines.values():
        for size in target.split.sizes:
            engine.check_size(*size, f"a frame of {target.split.name}")
    return engines


def _table(rows):
    lines = [f"{'':<28}  mIoU  pixel acc  boundary mIoU  s/frame"]
    for flags, row in rows.items():
        figures = [100 * row[name] for name in ("miou", "pixel_accuracy", "boundary_miou")]
        lines.append(
            f"{flags or 'plain':<28}  {figures[0]:4.1f}  {figures[1]:9.1f}  {figures[2]:13.1f}"
            f"  {row['seconds']:7.2f}"
        )
    return "\n".join(lines)
