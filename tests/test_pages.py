"""The pages' templates: escaped text, no external resources, complete installation."""

import re
import tomllib

import pytest
from helpers.small import ROOT
from jinja2 import UndefinedError

from tfseg.pages import render, write_page

PAGES = ROOT / "tfseg" / "pages"
EMPTY = {
    "title": "<t>",
    "name": "x & y",
    "heading": "<i>of</i>",
    "findings": [],
    "splits": [],
    "schemes": (),
    "classes": ("<road>",),
    "colors": ((1, 2, 3),),
    "samples": [],
}


def finding(text, spoils=True):
    return {"spoils": spoils, "text": text}


def test_text_is_escaped_and_never_html():
    page = render("inspect.html", **EMPTY | {"findings": [finding("<b>bold</b> `a<b` & more")]})
    assert "<title>&lt;t&gt;</title>" in page
    assert "<h1>x &amp; y</h1>" in page
    assert "&lt;b&gt;bold&lt;/b&gt; <code>a&lt;b</code> &amp; more" in page


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("run `x` and `y z`", "run <code>x</code> and <code>y z</code>"),
        ("`x`", "<code>x</code>"),
        ("one ` alone", "one ` alone"),
        ("`x` and ` alone", "<code>x</code> and ` alone"),
    ],
)
def test_what_stands_between_backticks_is_code(text, html):
    assert f"<span>{html}</span>" in render("inspect.html", **EMPTY | {"findings": [finding(text)]})


def test_the_verdict_counts_problems():
    for spoiling, words in (
        (0, "No serious problem."),
        (1, "1 problem would harm training."),
        (2, "2 problems would harm training."),
    ):
        findings = [finding("bad")] * spoiling + [finding("a note", spoils=False)]
        assert words in render("inspect.html", **EMPTY | {"findings": findings})


def test_a_value_that_is_missing_writes_no_page(tmp_path):
    with pytest.raises(UndefinedError, match="heading"):
        write_page(
            tmp_path / "a.html", "inspect.html", **{k: EMPTY[k] for k in EMPTY if k != "heading"}
        )
    assert not list(tmp_path.iterdir())


def test_every_page_has_the_one_stylesheet_and_fetches_nothing():
    style = (PAGES / "style.css").read_text().strip()
    for page in (render("inspect.html", **EMPTY), render("serve.html", title="tfseg")):
        assert page.count("<style>") == 1
        assert style in page
        assert 'style="' not in page.replace('style="background:rgb', "")
        assert not re.search(r'https?:|@import|url\(|<script src|src="(?!data:)|{[%#]', page)


def test_an_installation_has_every_file_of_the_room():
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    globs = settings["tool"]["setuptools"]["package-data"]["tfseg"]
    packed = {path for glob in globs for path in (ROOT / "tfseg").glob(glob)}
    assert packed == {path for path in PAGES.iterdir() if path.suffix not in ("", ".py")}
