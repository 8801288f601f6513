"""The folder of a served network, with a numbered folder per version."""

from pathlib import Path

from tfseg.errors import UserError


def list_versions(folder: Path) -> list[tuple[int, Path]]:
    """(number, folder) of every version on disk, newest first."""
    if not folder.is_dir():
        return []
    named = (path for path in folder.iterdir() if path.name.isdecimal() and path.is_dir())
    return sorted(((int(path.name), path) for path in named), reverse=True)


def find_versions(folder: Path) -> list[tuple[int, Path]]:
    """As `list_versions`. Raises `UserError` if there are none."""
    if (folder / "saved_model.pb").exists():
        raise UserError(f"--export={folder} is one version; give its parent, {folder.parent}")
    found = list_versions(folder)
    if not found:
        raise UserError(
            f"--export={folder} has no version; write one: export --output={folder / '1'}"
        )
    return found
