"""Checks the output folder of an export."""

from pathlib import Path

from tfseg.errors import UserError


def check_free(output: Path) -> None:
    """Raises `UserError` if `output` exists and is not an empty folder."""
    if output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise UserError(
            f"--output={output} exists; choose another, such as the next version number"
        )
