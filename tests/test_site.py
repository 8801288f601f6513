"""The site builds strictly, contains every flag and public name, and loads nothing external."""

import dataclasses
import os
import re
import subprocess
import sys
from html.parser import HTMLParser

import pytest
from helpers.small import ROOT

import tfseg
from tfseg.commands import COMMANDS

pytest.importorskip("mkdocstrings", reason="needs the extra `docs`")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    build = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "-d", str(folder)]
    env = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(build, cwd=ROOT, env=env, capture_output=True, text=True)
    assert not done.returncode, done.stdout + done.stderr
    return folder


class Page(HTMLParser):
    """A page's ids, and the addresses that it loads."""

    def __init__(self, path):
        super().__init__()
        self.ids, self.loads = set(), set()
        self.feed(path.read_text())

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        self.ids.add(given.get("id"))
        if tag in ("script", "img", "iframe", "source"):
            self.loads.add(given.get("src") or "")
        if tag == "link":
            self.loads.add(given["href"])


def test_every_flag_has_a_place(site):
    ids = Page(site / "reference" / "commands" / "index.html").ids
    for name, command in COMMANDS.items():
        assert name in ids
        for field in dataclasses.fields(command.config):
            assert f"{name}-{field.name}" in ids


def test_every_public_name_has_a_place(site):
    ids = Page(site / "reference" / "python" / "index.html").ids
    assert {f"tfseg.{name}" for name in tfseg.__all__} <= ids


def test_pages_load_nothing_from_elsewhere(site):
    for path in site.rglob("*.html"):
        assert not [load for load in Page(path).loads if re.match(r"(https?:)?//", load)], path


def test_readme_is_short_and_its_links_lead_somewhere():
    text = (ROOT / "README.md").read_text()
    assert len(text.splitlines()) <= 250
    for link in re.findall(r"\]\(([^)#]+)", text):
        assert link.startswith("http") or (ROOT / link).exists(), link
