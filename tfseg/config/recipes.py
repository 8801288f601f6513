"""Recipes: TOML files with the flags of a training and its results."""

import tomllib
from pathlib import Path
from typing import Any

from tfseg.errors import UserError


def read_recipe(path: Path) -> dict[str, Any]:
    """The flags in the table `train` of a recipe, name -> value. Raises `UserError`."""
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8")).get("train")
    except FileNotFoundError:
        raise UserError(f"--recipe={path}: there is no such file") from None
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"--recipe={path} is not a TOML file: {error}") from None
    if not isinstance(table, dict):
        raise UserError(f"--recipe={path} has no table [train] with flags")
    for name in ("recipe", "resume"):
        if name in table:
            raise UserError(f"--recipe={path}: a recipe cannot have {name!r}")
    for name, value in table.items():
        if not isinstance(value, str | int | float | list):
            raise UserError(
                f"--recipe={path}: {name} is {value!r}; wanted text, a number or a list"
            )
    return table
