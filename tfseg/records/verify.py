"""Checks that records have not changed since they were written."""

from functools import partial

from tfseg.errors import UserError
from tfseg.records import lmdb_store, tfrecord_store
from tfseg.records.checksums import file_checksum

NAMED = 3  # damaged examples named per file


def changed_shards(records):
    """A line about every file of opened `Records` whose SHA-256 differs from the recorded one.

    The line names damaged examples that their own checksums reveal. Raises `UserError` for
    records without checksums.
    """
    kind = _environments if records.format == "lmdb" else _files
    wanted, stores, found = kind(records.path)
    if not wanted:
        raise UserError(f"{records.path} has no checksums; convert again to get them")
    faults = {}
    for store in stores:
        for path, fault in _faults(store):
            faults.setdefault(path, []).append(fault)
    return [
        _line(path, faults.get(path, ()))
        for name, (path, checksum) in sorted(found.items())
        if path in faults or _of(checksum) != wanted.get(name)  # a damaged file may have no end
    ]


def _environments(path):
    """(recorded checksums, stores, {name: (file, function that computes its checksum)})."""
    here = lmdb_store.is_environment(path)
    folders = [path] if here else sorted(file.parent for file in path.glob("*/data.mdb"))
    stores = [lmdb_store.Environment(folder, folder.name, lenient=True) for folder in folders]
    found = {
        folder.name: (store.paths[0], store.checksum)
        for folder, store in zip(folders, stores, strict=True)
    }
    return stores[0].metadata().get("checksums"), stores, found


def _files(path):
    """As `_environments`."""
    metadata = tfrecord_store.read_metadata(path)
    stores = list(tfrecord_store.open_splits(path, metadata, lenient=True).values())
    wanted = metadata.get("checksums")
    found = {name: (path / name, partial(file_checksum, path / name)) for name in wanted or ()}
    return wanted, stores, found


def _of(checksum):
    try:
        return checksum()
    except UserError:  # missing or truncated
        return None


def _faults(store):
    """Yields (file, fault) for each fault that a store's own checksums reveal."""
    for path, fault in store.faults:
        yield path, fault.removeprefix(f"{path} ")
    for index in range(len(store)):
        try:
            store.read(index)
        except UserError as error:
            path = store.paths[store.files[index]]
            yield path, error.typed.partition(";")[0].removeprefix(f"{path}, ")


def _line(path, faults):
    named = "".join(f"; {fault}" for fault in faults[:NAMED])
    more = f" and {len(faults) - NAMED} more" if faults[NAMED:] else ""
    return f"{path} has changed since it was written{named}{more}; convert again"
