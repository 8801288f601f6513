"""Fetches runs from the Hugging Face hub once and caches them; `push` uploads them."""

import re
from pathlib import Path

from tfseg.errors import UserError
from tfseg.fetching import PATIENCE, answered, reason_of

HUB = "hf://"
BEST = "checkpoints/best.weights.h5"
RUN_FILES = ("config.json", "labels.json", BEST, "results.json")
_REPOSITORY = re.compile(r"hf://([\w.-]+/[\w.-]+?)(?:@([\w./-]+))?")


def is_on_hub(name: object) -> bool:
    """Whether this names a run on the Hugging Face hub, like "hf://user/name"."""
    return str(name).startswith(HUB)


def fetch_run(name: str) -> Path:
    """The folder of a run on the Hugging Face hub, fetched once and then cached.

    Args:
        name: "hf://user/name", or with a branch, tag or commit "hf://user/name@v1".

    Raises:
        UserError: if it cannot be fetched or is not a run.
    """
    from huggingface_hub import get_hf_file_metadata, hf_hub_download, hf_hub_url
    from huggingface_hub.errors import EntryNotFoundError

    found = _REPOSITORY.fullmatch(name)
    if not found:
        raise UserError(
            f"{name} is not a run on the hub; give hf://user/name or hf://user/name@revision"
        )
    repository, revision = found[1], found[2] or "main"
    url, reason = hf_hub_url(repository, RUN_FILES[0], revision=revision), None
    try:  # a download retries a dead connection six times; this request tries once
        answered(lambda: get_hf_file_metadata(url, timeout=PATIENCE), PATIENCE)
    except Exception as error:  # offline, the cache may have it
        reason = reason_of(error)
    for file in RUN_FILES:
        try:
            path = hf_hub_download(
                repository, file, revision=revision, local_files_only=reason is not None
            )
        except Exception as error:
            if file == RUN_FILES[-1] and isinstance(error, EntryNotFoundError):
                break  # an unfinished run has no results
            raise UserError(
                f"{name}: {file} cannot be fetched ({reason or reason_of(error)}); did `push` "
                f"upload this run?"
            ) from None
        folder = Path(path).parents[file.count("/")]
        revision = folder.name  # take the other files from the same commit
    return folder
