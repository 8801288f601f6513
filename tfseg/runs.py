"""The folder of a run: its config, labels and checkpoints."""

import json
from dataclasses import asdict
from pathlib import Path

from tfseg import atomic
from tfseg.config import TrainConfig
from tfseg.errors import UserError
from tfseg.labels import Labels

BEST = "best.weights.h5"  # weights alone; the best on val, averaged where --ema is on


class RunFolder:
    """`config.json`, `labels.json`, `checkpoints/`, `results.json`.

    `checkpoints/last.json` names the newest `step-*.weights.h5`, which holds the optimizer's state
    too; it is replaced only when that file is whole, so a killed run always resumes.
    """

    def __init__(self, path):
        if path is None:
            raise UserError(f"which run? --run=FOLDER{_newest()}")
        self.path = Path(path)
        self.checkpoints = self.path / "checkpoints"
        self.best = self.checkpoints / BEST

    def create(self, config, labels):
        if self.best.exists() or self.last():  # a run that never got so far may be begun anew
            raise UserError(
                f"--savedir={self.path} holds a run; continue it with --resume={self.path}, "
                f"or choose another folder"
            )
        self.checkpoints.mkdir(parents=True, exist_ok=True)
        atomic.write_json(self.path / "labels.json", asdict(labels))
        self.save_config(config)

    def config(self):
        return TrainConfig.load(self.path / "config.json")

    def save_config(self, config):
        config.save(self.path / "config.json")

    def labels(self):
        values = json.loads((self.path / "labels.json").read_text())
        colors = tuple(map(tuple, values["colors"]))
        return Labels(values["dataset"], tuple(values["classes"]), colors)

    def save_best(self, network):
        """`network` must not be compiled, or the optimizer's state would come along."""
        with atomic.file(self.best) as partial:
            network.save_weights(partial)

    def save_last(self, model, state, keep):
        """Saves weights and optimizer at `state["step"]`, then drops all but `keep` older ones."""
        name = f"step-{state['step']:07d}.weights.h5"
        with atomic.file(self.checkpoints / name) as partial:
            model.save_weights(partial)
        atomic.write_json(self.checkpoints / "last.json", {**state, "weights": name})
        kept = sorted(self.checkpoints.glob("step-*.weights.h5"))
        for old in [] if keep == "all" else kept[:-keep]:
            old.unlink()

    def last(self):
        """The state that `save_last` saved last, or None before the first."""
        path = self.checkpoints / "last.json"
        return json.loads(path.read_text()) if path.exists() else None


def _newest():
    runs = sorted(Path("runs").glob("*/config.json"), key=lambda path: path.stat().st_mtime)
    return f"; the newest is --run={runs[-1].parent}" if runs else ""
