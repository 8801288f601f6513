"""Writes the pages that follow from the program: every flag, every public name."""

import dataclasses

import tfseg
from tfseg.commands import COMMANDS
from tfseg.flags import spell

MARK = "<!-- written by docs/hooks.py -->"


def on_page_markdown(markdown, page, **_):
    """MkDocs calls this with every page's text."""
    write = {"reference/commands.md": every_command, "reference/python.md": every_name}
    if page.file.src_uri not in write:
        return markdown
    return markdown.replace(MARK, write[page.file.src_uri]())


def every_command():
    return "\n\n".join(map(_command, COMMANDS))


def _command(name):
    config = COMMANDS[name].config
    rows = "\n".join(_row(name, field) for field in dataclasses.fields(config))
    return (
        f"## {name}\n\n{config.__doc__}\n\n"
        f"```\npython train.py {name} --flag=value ...\n```\n\n"
        f"| flag | default | meaning |\n|---|---|---|\n{rows}"
    )


def _row(command, field):
    """A flag's row; `#train-epochs` is its address."""
    default = "" if field.default is None else spell(field, field.default)
    choices = field.metadata["choices"]
    text = field.metadata["help"] + (f" ({', '.join(map(str, choices))})" if choices else "")
    # GitHub's tables and ours end a cell at a bar; a star would start emphasis.
    text = text.replace("|", "\\|").replace("*", "\\*")
    flag = f'<span id="{command}-{field.name}">`--{field.name}`</span>'
    return f"| {flag} | {f'`{default}`' if default else ''} | {text[0].upper() + text[1:]} |"


def every_name():
    """The public names, commands first: what `tfseg.__all__` lists, in its order."""
    return "\n\n".join(map(_name, tfseg.__all__))


def _name(name):
    if name in COMMANDS:
        return (
            f"::: tfseg.{name}\n    options:\n      show_signature: false\n\n"
            f"Keyword arguments: the flags of [`{name}`](commands.md#{name}), with their defaults."
        )
    return f"::: tfseg.{name}"
