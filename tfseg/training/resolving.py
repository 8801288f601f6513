"""Fills in the flags that depend on the records, the checkpoint or the machine."""

import dataclasses
import json

from tfseg import devices
from tfseg.errors import UserError
from tfseg.labels import BACKGROUNDS, labels_of
from tfseg.models import starting_weights
from tfseg.pretrained import PRETRAINED, fetch_pretrained
from tfseg.training.sizes import fitting_sizes


def from_pretrained(config, name):
    """The config for training from a pretrained network: its architecture and its weights."""
    row = PRETRAINED[name]
    for option, known in row.settings.items():
        given = getattr(config, option)
        if option in config.given and given != known:
            raise UserError(
                f"--{option}={_typed(given)} contradicts --checkpoint={name} ({_typed(known)}); "
                f"leave it out"
            )
    return config.replace(
        **row.settings,
        checkpoint=fetch_pretrained(name, "checkpoint"),
        skip_head=True,
    )


def _typed(value):
    """A setting as its flag takes it."""
    if value is None:
        return "its usual one"
    return ",".join(map(str, value)) if isinstance(value, tuple) else value


def resolved(config, records):
    """The config with every value filled in that depends on the data or the machine."""
    _check_task(config, records)
    crop, batch = fitting_sizes(config, records)
    return config.replace(
        dataset=records.choice,
        pixel_range=_pixel_range(config, records),
        crop_size=crop,
        batch_size=batch,
        encoder_weights=_encoder_weights(config),
        precision=devices.resolve_precision(config.precision),
    )


def agreed(config, team):
    """The chief's config in every process of a `Team`, except for flags of the machine itself."""
    if team.count == 1:
        return config
    text = team.text(json.dumps(dataclasses.asdict(config), default=str))
    own = {"input", "input_val", "cache", "workers", "gpu", "mem_frac"} & config.given
    return (
        type(config)
        .parse(json.loads(text))
        .replace(**{name: getattr(config, name) for name in own})
    )


def _check_task(config, records):
    classes = records.info.classes
    if config.task == "binary" and (len(classes) != 2 or classes[1].lower() in BACKGROUNDS):
        raise UserError(
            f"--task=binary needs two classes, the background first; {records.path} has "
            f"{len(classes)}: {', '.join(classes)}"
        )
    if config.task == "multilabel" and len(labels_of(records.info, "multilabel").classes) == 1:
        raise UserError(f"{records.path} has one class and background; give --task=binary")


def _encoder_weights(config):
    """The starting weights of the encoder; a checkpoint brings its own."""
    unsaid = config.checkpoint and config.encoder_weights == "auto"
    return (
        "none" if unsaid else starting_weights(config.model, config.encoder, config.encoder_weights)
    )


def _pixel_range(config, records):
    """The pixel range of the records. A flag must agree with it."""
    wanted, known = config.pixel_range, records.info.pixel_range
    if wanted and wanted != known:
        there = f"--pixel_range={known[0]:g},{known[1]:g}" if known else "none"
        raise UserError(
            f"--pixel_range={wanted[0]:g},{wanted[1]:g}: {records.path} was converted with "
            f"{there}; convert it again, or leave the flag out"
        )
    return known
