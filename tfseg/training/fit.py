"""A training run: records -> batches -> network -> fit -> figures of the best checkpoint."""

import contextlib
import dataclasses
import json
import math
from pathlib import Path

import keras

from tfseg import storage
from tfseg.data.augment import parse_augment, spell_augment
from tfseg.data.pipeline import evaluation_batches, training_batches
from tfseg.errors import UserError
from tfseg.labels import labels_of
from tfseg.networks import check_labels, load_checkpoint, logits_alone, precision
from tfseg.pretrained import is_pretrained
from tfseg.records import truth
from tfseg.records.corrupt import naming_corrupt, without_corrupt
from tfseg.records.reader import open_input
from tfseg.records.tally import image_faults
from tfseg.runs import RunFolder
from tfseg.training import callbacks, workers
from tfseg.training.compilation import compiled, freeze, starting_network
from tfseg.training.onlooker import Onlooker
from tfseg.training.resolving import agreed, from_pretrained, resolved
from tfseg.training.results import write_results
from tfseg.training.sizes import (
    check_replicas,
    check_sizes,
    step_frames,
    steps_of_epoch,
    validation_batch,
)
from tfseg.training.trackers import opened
from tfseg.training.tracking import Tracking, tracking_of


def train(config, others=()):
    """Trains as `config` (a `TrainConfig`) says and returns the run's folder.

    `others` are further Keras callbacks.
    """
    # Presets are written out in full, so that a run does not change when they do.
    config = config.replace(augment=spell_augment(parse_augment(config.augment)))
    if is_pretrained(config.checkpoint):
        config = from_pretrained(config, str(config.checkpoint))
    team = workers.assemble(config.gpu, config.mem_frac)
    with team.together():
        return _begin(config, team, others)


def _begin(config, team, others):
    """Trains a new run."""
    records = _open(config)
    for split in ("train", "val"):
        for fault in truth.check(records.splits[split]) + image_faults(records.splits[split]):
            print(f"warning: {fault}")
    config = agreed(resolved(config, records), team)
    if not team.chief:
        run = Onlooker()
    elif config.savedir:
        run = RunFolder(config.savedir)
    else:
        run = RunFolder.new(records.name, config.model)
    with _kept(run, config, team):
        run.require_new()
        return _run(config, records, run, team, others)


def resume(config, others=()):
    """Continues `config.resume` where it stopped, with the flags given along with it.

    A run killed before its first checkpoint starts from the beginning.
    """
    if not workers.is_chief():
        team = workers.assemble(config.gpu, config.mem_frac)
        with team.together():
            return _go_on(agreed(config, team), Onlooker(), team, others)
    run = RunFolder(config.resume)
    saved = run.config()
    fixed = sorted(config.given - config.having("resumable"))
    if fixed:
        raise UserError(
            f"--{fixed[0]} cannot change when a run is resumed; leave it out, "
            f"or start a new run with --checkpoint={run.path}"
        )
    changes = {name: getattr(config, name) for name in config.given - {"resume"}}
    config = saved.replace(**changes)
    team = workers.assemble(config.gpu, config.mem_frac)
    with team.together():
        return _go_on(agreed(config, team), run, team, others)


def _go_on(config, run, team, others):
    """Continues a run."""
    records = _open(config)
    if team.chief:
        check_labels(records, run.labels(), config.task, str(run.path))
    with _kept(run, config, team):
        return _run(config, records, run, team, others)


@contextlib.contextmanager
def _kept(run, config, team):
    """Locks the run against other processes and uploads it if it is remote."""
    with run.held(), storage.uploading(*((run.path, config.logdir) if team.chief else ())):
        yield


def _open(config):
    records = open_input(config)
    for split in ("train", "val"):
        if split not in records.splits:
            raise UserError(f"{records.path} has no split {split!r}; it has {list(records.splits)}")
    if config.skip_damaged:
        sound = {name: without_corrupt(records.splits[name]) for name in ("train", "val")}
        records = dataclasses.replace(records, splits=sound)
    return records


def _run(config, records, run, team, others):
    """Trains from the run's current state to the end and returns its folder."""
    steps = steps_of_epoch(config, records)
    check_sizes(config, records)
    check_replicas(config, team.replicas)
    if config.mix != "none" and step_frames(config) == 1:
        raise UserError(f"--mix={config.mix} needs two frames in a batch; give --batch_size=2")
    if config.sampling == "rare" and config.input_weights:
        raise UserError("cannot combine --input_weights with --sampling=rare; drop one of them")
    keras.utils.set_random_seed(config.seed)
    labels = labels_of(records.info, config.task)
    path, state = json.loads(team.text(json.dumps([str(run.path), run.last()])))
    if not team.chief:
        run.know(Path(path), state)
    with team.scope(), precision(config.precision):
        full = starting_network(config, len(labels.classes), resuming=state is not None)
        model, metric = compiled(full, config, records, steps)
        network = logits_alone(full)
    stack = contextlib.ExitStack()  # trackers open before the folder counts as a run
    tracked = (config.tracker, run.path) if team.chief else ((), run.scratch)
    trackers = stack.enter_context(opened(*tracked, dataclasses.asdict(config)))
    if state and team.chief:
        load_checkpoint(model, run.checkpoints / state["weights"])
        run.save_config(config)
    elif team.chief:
        run.create(config, labels)
    team.share(model.variables + model.optimizer.variables)
    state = state or {"step": 0, "best_miou": -1.0}
    # Earlier versions did not save these two.
    state = {"best_epoch": state["step"] // steps, "validated": True} | state
    _announce(config, records, run, network, state)
    again = f"train --resume={run.path}"
    try:
        with stack, team.together(again):
            with naming_corrupt(records.splits["train"], records.splits["val"]):
                board = tracking_of(config, records, trackers, network, metric)
                _fit(model, network, config, records, run, state, steps, team, (board, *others))
            if team.chief:
                write_results(config, records, run, model.class_weights)
            team.any(False)  # wait until the chief is done
    except UserError:
        print(flush=True)  # ends the line of Keras' progress bar
        raise
    except KeyboardInterrupt as stop:
        at = f"at step {run.last()['step']}, saved" if run.last() else "before its first checkpoint"
        raise type(stop)(f"{at}; continue: {again}") from None
    return run.path


def _announce(config, records, run, network, state):
    height, width = config.crop_size
    start = f"continues from step {state['step']}" if state["step"] else "new run"
    train, val = (len(records.splits[split]) for split in ("train", "val"))
    print(
        f"{records.name}: {train} + {val} frames, {len(records.info.classes)} classes\n"
        f"{config.model}: {_trainable(network):,} parameters, {height}x{width} crops, "
        f"{config.precision}\n{run.path}: {start}"
    )


def _trainable(network):
    return sum(math.prod(variable.shape) for variable in network.trainable_variables)


def _fit(model, network, config, records, run, state, steps, team, watching):
    """Runs Keras' `fit` from `state["step"]` to the last epoch. Ctrl-C saves the run.

    `watching` are further callbacks, starting with the `Tracking`.
    """
    best = callbacks.KeepBest(run, network, config, state, steps)
    stop = callbacks.StopBetweenSteps(team)
    listening = [callbacks.StopOnNaN(run), *watching, best, stop]
    reading = {
        "cache": config.cache,
        "cache_dir": run.scratch / "cache",
        "workers": config.workers,
        "part": team.part,
    }
    shown = validation_batch(config, records)
    val = evaluation_batches(records.splits["val"], batch_size=shown, **reading)
    val_batches = team.distributed(val)

    def fit(start, end):
        model.fit(
            team.distributed(_training_batches(config, records, start, reading)),
            initial_epoch=start // steps,
            epochs=end,
            steps_per_epoch=steps - start % steps,
            validation_data=val_batches,
            callbacks=listening,
            shuffle=False,  # the batches are shuffled already
        )

    try:
        with stop:
            if not state["validated"]:  # the run stopped between an epoch and its validation
                _validate(model, val_batches, listening, best.epoch)
            for end in _ends(config, best.step, steps):
                if not best.exhausted:
                    if config.freeze_epochs:
                        freeze(model, config, best.epoch < config.freeze_epochs)
                        model.train_function = None  # traced for the old trainable variables
                    fit(best.step, end)
                if model.stop_training:
                    break
    except callbacks.Interrupted:
        best.save()
        team.any(False)  # wait until it is saved
        raise stop.asked from None
    if best.exhausted and best.epoch < config.epochs:
        print(f"stopped after {best.epoch} epochs: the best is {config.patience} epochs ago")


def _ends(config, step, steps):
    """The epochs at which a call of `fit` ends.

    These are the end of an interrupted epoch, which has fewer steps left, the end of the epochs
    with a frozen encoder, and the last epoch.
    """
    epoch, done = divmod(step, steps)
    ends = {epoch + 1 if done else epoch, config.freeze_epochs, config.epochs}
    return sorted(end for end in ends if step < end * steps <= config.epochs * steps)


def _validate(model, batches, listening, epoch):
    """Validates as `fit` does at the end of an epoch."""
    board = next(one for one in listening if isinstance(one, Tracking))
    board.set_model(model)
    board.on_train_begin()
    logs = model.evaluate(batches, callbacks=listening, return_dict=True)
    for callback in listening:
        callback.on_epoch_end(epoch - 1, {f"val_{name}": value for name, value in logs.items()})


def _training_batches(config, records, start_step, reading):
    return training_batches(
        records.splits["train"],
        batch_size=step_frames(config),
        crop_size=config.crop_size,
        scale=config.scale,
        augment=parse_augment(config.augment),
        seed=config.seed,
        start_step=start_step,
        sampling=config.sampling,
        mix=config.mix,
        **reading,
    )
