"""Whether records are still what was written."""

from tfseg.errors import UserError
from tfseg.records import lmdb_store, tfrecord_store
from tfseg.records.checksums import file_checksum

NAMED = 3  # damaged examples that are named of each file


def changed_shards(records):
    """One line on every file of opened `Records` whose SHA-256 is not the one written down.

    Where the examples' own checksums tell which of them are damaged, the line names them. Raises
    `UserError` for records without checksums.
    """
    if records.format == "lmdb":
        wanted, found = _environments(records.path)
    else:
        wanted = tfrecord_store.read_metadata(records.path).get("checksums")
        found = {name: records.path / name for name in wanted or ()}
        found = {name: (path, _of_file(path)) for name, path in found.items()}
    if not wanted:
        raise UserError(f"{records.path} has no checksums; convert again to get them")
    changed = [path for name, (path, checksum) in sorted(found.items()) if checksum != wanted.get(name)]
    damaged = _damaged(records) if changed else []
    return [_line(path, damaged) for path in changed]


def _environments(path):
    """The checksums written down, and {name: (file, checksum)} of what is there."""
    here = lmdb_store.is_environment(path)
    folders = [path] if here else sorted(file.parent for file in path.glob("*/data.mdb"))
    stores = [lmdb_store.Environment(folder, folder.name, lenient=True) for folder in folders]
    found = {
        folder.name: (store.path, _of_examples(store))
        for folder, store in zip(folders, stores, strict=True)
    }
    return stores[0].metadata().get("checksums"), found


def _of_file(path):
    """The checksum of a file; None where there is none."""
    return file_checksum(path) if path.is_file() else None


def _of_examples(store):
    try:
        return store.checksum()
    except UserError:  # truncated
        return None


def _damaged(records):
    lines = []
    for split in records.splits.values():
        for index in range(len(split)):
            try:
                split.read(index)
            except UserError as error:
                lines.append(error.typed.partition(";")[0])
    return lines


def _line(path, damaged):
    start = f"{path}, "
    here = [line.removeprefix(start) for line in damaged if line.startswith(start)]
    named = "".join(f"; {line}" for line in here[:NAMED])
    more = f" and {len(here) - NAMED} more" if here[NAMED:] else ""
    return f"{path} has changed since it was written{named}{more}; convert again"
