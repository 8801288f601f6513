"""Writes `results.json`, the figures of a run's best checkpoint."""

from tfseg import atomic
from tfseg.decision import Decision
from tfseg.evaluation.score import score_network
from tfseg.networks import load_run
from tfseg.prediction.engine import Engine
from tfseg.training.sizes import validation_batch


def write_results(config, records, run):
    """Scores the best checkpoint in float32, as `test` does, and writes `results.json`."""
    network, val = load_run(run), records.splits["val"]

    def tally(thresholds=()):
        engine = Engine(network.model, Decision(config.task, thresholds))
        return score_network(engine, val, validation_batch(config, records)).tally

    found = tally()
    results = found.results()
    if config.task != "multiclass":
        tuned = found.best_thresholds()
        names = network.labels.decided(config.task)
        results = tally(tuned).results() | {"thresholds": dict(zip(names, tuned, strict=True))}
        print("thresholds:", ", ".join(f"{n} {t:.3f}" for n, t in results["thresholds"].items()))
    atomic.write_json(run.path / "results.json", results)
    print(f"\nval mIoU {results['miou']:.3f}, pixel accuracy {results['pixel_accuracy']:.3f}")
