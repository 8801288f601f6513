"""The command line (Fire): flags -> config -> one call that does the work."""

import atexit
import dataclasses
import os
import signal
import sys
import textwrap
import threading

from tfseg import __version__
from tfseg._registration import prepare_command
from tfseg.addresses import spelled
from tfseg.commands import COMMANDS
from tfseg.errors import Terminated, UserError, unknown
from tfseg.flags import spell
from tfseg.parsing import switch

# Keras imports these where they are installed, for plots and wrappers that no command uses: 0.7 s
# for Matplotlib, 1.7 s for scikit-learn.
UNUSED = ("matplotlib.pyplot", "sklearn")
INTERRUPTED, TERMINATED = 128 + signal.SIGINT, 128 + signal.SIGTERM  # as in shells


def _tell_train(cfg, run):
    return (
        f"\nrun: {run}\nwatch: tensorboard --logdir={cfg.logdir or run / 'tensorboard'}\n"
        f"next: {_me()} test --run={run}"
    )


def _tell_convert(cfg, records):
    return (
        f"{records}\nnext: {_me()} inspect --input={records}\n      {_me()} train --input={records}"
    )


# What to print about a command's result, unless the command has printed it.
_TELL = {
    "train": _tell_train,
    "convert": _tell_convert,
    "export": lambda cfg, folder: f"wrote {folder}",
    "plot": lambda cfg, picture: f"wrote {picture}",
}


def main(argv=None):
    """Runs one command.

    A user's mistake ends with one line on stderr and exit code 2, Ctrl-C with 130, and SIGTERM,
    which schedulers send, with 143. Training saves its state before both.
    """
    argv = list(sys.argv[1:] if argv is None else argv)
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, _terminate)
    try:
        if not argv or {"-h", "--help", "help"} & set(argv):
            print(_help(argv))
            return
        if argv == ["--version"]:
            print(f"tfseg {__version__}")
            return
        checked = _checked(argv)
        import fire  # takes 80 ms and is not needed for --help

        fire.Fire({name: _command(name) for name in COMMANDS}, command=checked, name=_me())
    except UserError as error:
        print(f"error: {error.typed}", file=sys.stderr)
        sys.exit(2)
    except OSError as error:  # a full disk, a read-only folder
        place = spelled(str(error.filename or "writing"))
        print(f"error: {place}: {error.strerror or error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt as stop:
        # A second Ctrl-C while Python exits would replace the exit code.
        atexit.register(signal.signal, signal.SIGINT, signal.SIG_IGN)
        print(f"\nstopped {spelled(str(stop))}", file=sys.stderr)
        sys.exit(TERMINATED if isinstance(stop, Terminated) else INTERRUPTED)


def _terminate(number, frame):
    raise Terminated


def _command(name):
    from fire.decorators import SetParseFn

    @SetParseFn(str)  # Fire would turn --gpu=0,1 into a tuple and --name=None into None
    def command(**flags):
        cfg = COMMANDS[name].config.of(**flags)
        prepare_command(UNUSED, gpus=hasattr(cfg, "gpu"))
        result = COMMANDS[name](**flags)
        if name in _TELL:
            print(spelled(_TELL[name](cfg, result)))
        if name == "inspect" and any(finding.spoils for finding in result):
            sys.exit(1)

    return command


def _checked(argv):
    """Checks the arguments and rewrites them for Fire. Raises `UserError` for unknown ones.

    Fire runs a command before it rejects an unknown flag; a training must not run first and
    complain afterwards.
    """
    name, *rest = argv
    if name not in COMMANDS:
        raise unknown("command", name, COMMANDS)
    fields = {field.name: field for field in dataclasses.fields(COMMANDS[name].config)}
    words = iter(rest)
    checked = [name]
    for word in words:
        if not word.startswith("--") or word == "--":
            raise UserError(f"unexpected {word!r}; write flags as --name=value")
        flag, equals, value = word[2:].partition("=")
        flag = flag.replace("-", "_")
        if flag not in fields:
            raise unknown(f"flag of {name}", f"--{flag}", [f"--{known}" for known in fields])
        if not equals:
            is_switch = fields[flag].metadata["parse"] is switch
            value = "True" if is_switch else next(words, "--")
            if value.startswith("--"):
                raise UserError(f"--{flag} needs a value: --{flag}=...")
        checked.append(f"--{flag}={value}")
    return checked


def _help(argv):
    """The help of the program, or of the command in `argv`."""
    names = [word for word in argv if word in COMMANDS]
    if not names:
        rows = [(name, command.config.__doc__) for name, command in COMMANDS.items()]
        return (
            f"tfseg: semantic segmentation, from raw folders to served masks\n\n"
            f"usage: {_me()} COMMAND --flag=value ...\n\n{_columns(rows)}\n\n"
            f"{_me()} COMMAND --help lists the flags of a command.\n"
            f"{_me()} --version prints the version."
        )
    fields = dataclasses.fields(COMMANDS[names[0]].config)
    rows = [(f"--{field.name}={_shown(field)}", _described(field)) for field in fields]
    return (
        f"{COMMANDS[names[0]].config.__doc__}\n\n"
        f"usage: {_me()} {names[0]} --flag=value ...\n\n{_columns(rows)}"
    )


def _columns(rows):
    """Formats two columns; after a wide first cell, the second starts on the next line."""
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


def _shown(field):
    """A flag's default as typed; empty if it has none."""
    return "" if field.default is None else spell(field, field.default)


def _me():
    """The name of this program, for commands that users can copy."""
    program = os.path.basename(sys.argv[0])
    return f"python {program}" if program.endswith(".py") else "tfseg"
