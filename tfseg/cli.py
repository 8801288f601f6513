"""The command line (Fire): flags -> config -> one call into the room that does the work."""

import dataclasses
import os
import sys
import textwrap
from contextlib import contextmanager
from pathlib import Path

import fire
from fire.decorators import SetParseFn

from tfseg import config
from tfseg.errors import UserError, unknown
from tfseg.flags import switch


def _train(cfg, given):
    from tfseg.training.fit import resume, train

    run = resume(cfg, given) if cfg.resume else train(cfg)
    print(
        f"\nrun: {run}\nlook: tensorboard --logdir={cfg.logdir or run / 'tensorboard'}\n"
        f"next: {_me()} test --run={run}"
    )


def _test(cfg, given):
    from tfseg.evaluation.evaluate import test

    test(cfg)


def _predict(cfg, given):
    from tfseg.evaluation.predict import predict

    predict(cfg)


def _export(cfg, given):
    from tfseg.export.export import export

    print(f"wrote {export(cfg)}")


def _serve(cfg, given):
    from tfseg.serving.server import serve

    serve(cfg)


def _convert(cfg, given):
    from tfseg.datasets import get_dataset
    from tfseg.datasets.download import download
    from tfseg.records.convert import convert

    if cfg.dataset is None:
        raise UserError("convert needs --dataset, as --dataset=streets")
    spec = get_dataset(cfg.dataset, cfg.source, **_values(cfg, DATASET_OPTIONS))
    source = download(spec, cfg.source) if cfg.download else cfg.source
    path = convert(spec, source, cfg.output, **_values(cfg, CONVERSION_OPTIONS))
    print(f"{path}\nnext: {_me()} inspect --input={path}\n      {_me()} train --input={path}")


# What a data set itself can be told, and what its conversion can.
DATASET_OPTIONS = ("classes", "mapping", "labels", "val_scene", "sbd")
CONVERSION_OPTIONS = (
    "format", "size", "encoding", "overwrite", "shards", "splits", "limit", "workers",
    "allow_unknown",
)  # fmt: skip


def _values(cfg, names):
    return {name: getattr(cfg, name) for name in names}


def _inspect(cfg, given):
    from tfseg.doctor import inspect
    from tfseg.records.reader import find_raw, open_records

    raw = find_raw(cfg.input, cfg.dataset)
    if cfg.augment:
        _show_augmentation(cfg)
    elif cfg.verify and raw:
        raise UserError(f"--verify is for records; {cfg.input} is a raw folder")
    elif cfg.verify:
        _verify(open_records(cfg.input, cfg.dataset))
    else:
        data = (raw, cfg.input) if raw else open_records(cfg.input, cfg.dataset)
        if inspect(data, output=cfg.output, html=cfg.html, workers=cfg.workers):
            sys.exit(1)


def _verify(records):
    from tfseg.records.verify import changed_shards

    changed = changed_shards(records)
    print("\n".join(changed) or f"{records.path}: every shard is what was written")
    if changed:
        sys.exit(1)


def _show_augmentation(cfg):
    from tfseg.data.augment import parse_augment
    from tfseg.data.examples import augment_sheet
    from tfseg.records.example import decode
    from tfseg.records.reader import open_records
    from tfseg.visualize import write_picture

    augment = parse_augment(cfg.augment)
    split = next(iter(open_records(cfg.input, cfg.dataset).splits.values()))
    image, label = (array.numpy() for array in decode(split.read(0), split.info.encoding))
    scale = config.TrainConfig().scale
    path = cfg.output or Path("augment.png")
    path.parent.mkdir(parents=True, exist_ok=True)
    write_picture(path, augment_sheet(image, label, split.info.colors, augment, scale=scale))
    print(f"wrote {path}")


def _models(cfg, given):
    from tfseg.catalog import show_models

    show_models(cfg)


def _plot(cfg, given):
    from tfseg.evaluation.curves import plot

    print(f"wrote {plot(cfg)}")


COMMANDS = {
    "train": (config.TrainConfig, _train),
    "test": (config.TestConfig, _test),
    "predict": (config.PredictConfig, _predict),
    "export": (config.ExportConfig, _export),
    "serve": (config.ServeConfig, _serve),
    "convert": (config.ConvertConfig, _convert),
    "inspect": (config.InspectConfig, _inspect),
    "models": (config.ModelsConfig, _models),
    "plot": (config.PlotConfig, _plot),
}


def main(argv=None):
    """Runs one command; a user's mistake ends in one line on stderr and exit code 2."""
    argv = list(sys.argv[1:] if argv is None else argv)
    try:
        if not argv or {"-h", "--help", "help"} & set(argv):
            print(_help(argv))
            return
        fire.Fire({name: _command(name) for name in COMMANDS}, command=_checked(argv), name=_me())
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    except OSError as error:  # a full disk, a folder that may not be written
        print(f"error: {error.filename or 'writing'}: {error.strerror or error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt as stop:
        print(f"\nstopped {stop}", file=sys.stderr)
        sys.exit(130)


def _command(name):
    config_class, run = COMMANDS[name]

    @SetParseFn(str)  # as typed: Fire would make a tuple of --gpu=0,1 and None of --name=None
    def command(**flags):
        cfg = config_class.parse(flags)
        with _quiet_tensorflow():
            import tensorflow as tf

            tf.config.list_physical_devices()
        run(cfg, set(flags))

    return command


def _checked(argv):
    """The arguments as Fire shall see them. Raises `UserError` for what no command knows.

    Fire calls a command before it rejects a flag that the command lacks; a training must not run
    first and complain afterwards.
    """
    name, *rest = argv
    if name not in COMMANDS:
        raise unknown("command", name, COMMANDS)
    fields = {field.name: field for field in dataclasses.fields(COMMANDS[name][0])}
    words = iter(rest)
    checked = [name]
    for word in words:
        if not word.startswith("--") or word == "--":
            raise UserError(f"unexpected {word!r}; flags are spelt --name=value")
        flag, equals, value = word[2:].partition("=")
        flag = flag.replace("-", "_")
        if flag not in fields:
            raise unknown(f"flag of {name}", f"--{flag}", [f"--{known}" for known in fields])
        if not equals:
            is_switch = fields[flag].metadata["parse"] is switch
            value = "True" if is_switch else next(words, "--")
            if value.startswith("--"):
                raise UserError(f"--{flag} needs a value, as --{flag}=...")
        checked.append(f"--{flag}={value}")
    return checked


def _help(argv):
    """What the program, or the command in `argv`, can be told."""
    names = [word for word in argv if word in COMMANDS]
    if not names:
        rows = [(name, entry[0].__doc__) for name, entry in COMMANDS.items()]
        return (
            f"tfseg: semantic segmentation, from raw folders to served masks\n\n"
            f"usage: {_me()} COMMAND --flag=value ...\n\n{_columns(rows)}\n\n"
            f"{_me()} COMMAND --help lists the flags of a command."
        )
    fields = dataclasses.fields(COMMANDS[names[0]][0])
    rows = [(f"--{field.name}={_shown(field.default)}", _described(field)) for field in fields]
    return (
        f"{COMMANDS[names[0]][0].__doc__}\n\n"
        f"usage: {_me()} {names[0]} --flag=value ...\n\n{_columns(rows)}"
    )


def _columns(rows):
    """Two columns; what is too wide for the first puts the second on a line of its own."""
    lines = []
    for name, text in rows:
        head = f"  {name:<32}"
        body = textwrap.wrap(text, 66)
        lines.append(head + body[0] if len(name) < 32 else f"{head}\n{' ' * 34}{body[0]}")
        lines += [" " * 34 + line for line in body[1:]]
    return "\n".join(lines)


def _described(field):
    choices = field.metadata["choices"]
    return field.metadata["help"] + (f" ({'|'.join(map(str, choices))})" if choices else "")


def _shown(default):
    """A default as it would be typed; nothing where there is none."""
    if default is None:
        return ""
    if isinstance(default, tuple):
        return ",".join(map(str, default))
    return str(default)


def _me():
    """How this program was called, for lines that can be typed again."""
    program = os.path.basename(sys.argv[0])
    return f"python {program}" if program.endswith(".py") else "tfseg"


@contextmanager
def _quiet_tensorflow():
    """Keeps the notes that TensorFlow's libraries write while they load off the terminal."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    sys.stderr.flush()
    kept = os.dup(2)
    with open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
