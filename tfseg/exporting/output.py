"""The folder that an export becomes."""

from pathlib import Path

from tfseg.errors import UserError


def check_free(output: Path) -> None:
    """Raises `UserError` where something lies there already; an empty folder will do."""
    if output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise UserError(
            f"--output={output} exists; choose another, such as the next version number"
        )
