"""Recipes: files of flags, and flags in addition to them."""

import dataclasses
import tomllib

import pytest
from helpers.small import ROOT

from tfseg.config import TrainConfig
from tfseg.errors import UserError

RECIPES = sorted((ROOT / "recipes").glob("*.toml"))


def write(folder, text):
    path = folder / "recipe.toml"
    path.write_text(text)
    return path


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_every_recipe_is_understood(path):
    config = TrainConfig.of(recipe=path)
    table = tomllib.loads(path.read_text())
    assert config.given == {"recipe", *table["train"]}
    figures = table.get("figures", {})
    assert not figures or 0 < figures["miou"] < 1
    page = (ROOT / "recipes" / "README.md").read_text()
    assert f"--recipe=recipes/{path.name}" in page


def test_given_flags_count(tmp_path):
    path = write(tmp_path, "[train]\nmodel = 'enet'\nepochs = 3\nscale = [0.5, 2]\naux = true\n")
    config = TrainConfig.of(recipe=str(path), epochs="7", model=None)
    wanted = {"recipe": path, "model": "enet", "epochs": 7, "scale": (0.5, 2.0), "aux": True}
    assert config.changed() == wanted
    assert dataclasses.replace(TrainConfig(), **wanted) == config


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[train]\nmodle = 'enet'\n", "unknown option 'modle'; did you mean model"),
        ("[train]\nepochs = 'ten'\n", "epochs=ten: wanted a whole number"),
        ("[train]\nmodel = {}\n", "model is {}; wanted text, a number or a list"),
        ("epochs = 3\n", "has no table \\[train\\]"),
        ("train = 3\n", "has no table \\[train\\]"),
        ("[train\n", "is not a TOML file"),
        ("train = " + 9999 * "[", "is not a TOML file"),
        ("[train]\nresume = 'x'\n", "a recipe cannot have 'resume'"),
    ],
)
def test_mistakes_name_the_file(text, message, tmp_path):
    with pytest.raises(UserError, match=message) as refused:
        TrainConfig.of(recipe=write(tmp_path, text))
    assert "recipe.toml" in str(refused.value)


def test_a_recipe_is_for_new_runs(tmp_path):
    with pytest.raises(UserError, match="cannot combine recipe with resume"):
        TrainConfig.of(recipe=write(tmp_path, "[train]\nepochs = 3\n"), resume="run")
    with pytest.raises(UserError, match="there is no such file"):
        TrainConfig.of(recipe=tmp_path / "none.toml")
