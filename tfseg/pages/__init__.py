"""Self-contained HTML pages: style, scripts and images are inline.

The Jinja2 templates get plain data (names, fractions, RGB colours, data URIs) and do layout,
wording and rounding. All text is escaped, and a missing value is an error.
"""

import base64
import functools
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from tfseg import atomic
from tfseg.addresses import spelled


def write_page(path: Path, template: str, **values) -> None:
    """Writes a rendered page atomically and prints its path."""
    atomic.write_text(path, render(template, **values))
    print(spelled(f"wrote {path}"))


def render(template: str, **values) -> str:
    """The HTML of a template in this folder.

    Example:
        >>> render("serve.html", title="tfseg")
    """
    return _templates().get_template(template).render(values)


def data_uri(png: bytes) -> str:
    """The data URI of a PNG, for the `src` of an `img`."""
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
