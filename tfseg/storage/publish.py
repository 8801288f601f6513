"""Uploads local files to their address: the marks of a complete folder last."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tqdm import tqdm

from tfseg.addresses import address_of
from tfseg.storage import cache, remote
from tfseg.storage.mirror import AWAY, MARKS, THREADS, mark_order


def publish(place: Path, *, replace: bool = False) -> None:
    """Uploads the new files of a mirrored path to its address; prints a line if there were any.

    Each file appears there completely. `metadata.json`, `labels.json`, `config.json` and
    `last.json`, which are needed to open a folder, come last.

    Args:
        place: a file or a folder. Paths that mirror no address are ignored, and so is a run that
            is training here, because its training uploads it.
        replace: first remove what is there, starting with its marks.

    Raises:
        UserError: if an upload fails; the same call continues from there.
    """
    address = address_of(place)
    if address is None or not place.exists() or cache.is_written(place):
        return
    found = remote.listing(address)
    if replace:
        for name in sorted(found, key=lambda name: Path(name).name not in MARKS):
            remote.remove(f"{address}/{name}")
        found = {}
    files = {name: place / name if name else place for name in names(place)}
    new = {
        name: path
        for name, path in files.items()
        if name not in found or not cache.is_current(path, found[name])
    }
    if new:
        upload(new, address, place)
        print(f"uploaded {len(new)} files to {address}")


def names(place: Path) -> list[str]:
    """Relative names of a folder's files, without hidden ones; "" for a file."""
    if place.is_file():
        return [""]
    inside = (path.relative_to(place) for path in sorted(place.rglob("*")) if path.is_file())
    return [str(path) for path in inside if not any(part.startswith(".") for part in path.parts)]


def upload(files: dict[str, Path], address: str, place: Path) -> None:
    """Uploads local files {name: file} to the address that `place` mirrors, marks last."""

    def bring(name):
        target, shape = place / name if name else place, cache.shape_of(files[name])
        stored = remote.write(files[name], f"{address}/{name}" if name else address)
        cache.remember(target, stored, shape)
        AWAY.pop(target, None)

    def is_mark(name):
        return Path(name).name in MARKS

    plain = [name for name in files if not is_mark(name)]
    marks = sorted((Path(name) for name in files if is_mark(name)), key=mark_order)
    few = len(files) < 10
    with tqdm(total=len(files), desc="uploading", unit="file", disable=few, leave=False) as bar:
        with ThreadPoolExecutor(THREADS) as pool:
            try:
                for _ in pool.map(bring, plain):
                    bar.update()
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise
        for name in marks:
            bring(str(name))
            bar.update()
