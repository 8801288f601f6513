"""Writes `results.json`, the figures of a run's best checkpoint."""

from tfseg import atomic
from tfseg.decision import Decision
from tfseg.evaluation.score import score_network
from tfseg.networks import correct, load_run
from tfseg.prediction.engine import Engine
from tfseg.training.prior import prior_correction
from tfseg.training.sizes import validation_batch


def write_results(config, records, run, weights):
    """Scores the best checkpoint in float32, as `test` does, and writes `results.json`.

    Thresholds are tuned on val, and so is the correction for class weights, if there are any.
    """
    (run.path / "results.json").unlink(missing_ok=True)  # `load_run` would use an older correction
    network, val = load_run(run), records.splits["val"]
    batch_size = validation_batch(config, records)

    def tally(thresholds=()):
        engine = Engine(network.model, Decision(config.task, thresholds))
        return score_network(engine, val, batch_size).tally

    correction = None
    if config.task == "multiclass" and config.prior_correction and weights is not None:
        correction = prior_correction(network.model, val, batch_size, weights)
    if correction:
        correct(network.model, (correction["layer"], correction["bias"]))
        before, after = correction["miou"]
        print(f"corrected for class weights: val mIoU {before:.3f} -> {after:.3f}")
    found = tally()
    results = found.results() | ({"prior_correction": correction} if correction else {})
    if config.task != "multiclass":
        tuned = found.best_thresholds()
        names = network.labels.decided(config.task)
        results = tally(tuned).results() | {"thresholds": dict(zip(names, tuned, strict=True))}
        print("thresholds:", ", ".join(f"{n} {t:.3f}" for n, t in results["thresholds"].items()))
    atomic.write_json(run.path / "results.json", results)
    print(f"\nval mIoU {results['miou']:.3f}, pixel accuracy {results['pixel_accuracy']:.3f}")
