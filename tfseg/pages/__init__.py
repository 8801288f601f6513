"""HTML pages that need nothing but themselves: style, scripts and images are inside them.

Templates are Jinja2's. They get plain data (names, shares, RGB colours, data URIs) and do the rest:
layout, wording, rounding. All text in them is escaped, and a value that is missing is an error.
"""

import base64
import functools
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from tfseg import atomic
from tfseg.addresses import spelled


def write_page(path: Path, template: str, **values) -> None:
    """Writes the page that `render` makes, whole or not at all, and says so."""
    atomic.write_text(path, render(template, **values))
    print(spelled(f"wrote {path}"))


def render(template: str, **values) -> str:
    """The HTML of a template of this folder.

    Example:
        >>> render("serve.html", title="tfseg")
    """
    return _templates().get_template(template).render(values)


def data_uri(png: bytes) -> str:
    """A PNG as what an `img` of a page has in its `src`."""
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"


@functools.cache
def _templates():
    return Environment(
        loader=PackageLoader("tfseg", "pages"),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
