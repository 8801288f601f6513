"""Whether records are still what was written."""

from tfseg.errors import UserError
from tfseg.records import lmdb_store, tfrecord_store


def changed_shards(records):
    """One line on every shard of opened `Records` whose SHA-256 is not the one written down.

    Raises `UserError` for records without checksums.
    """
    if records.format == "lmdb":
        here = lmdb_store.is_environment(records.path)
        folders = [records.path] if here else [f.parent for f in records.path.glob("*/data.mdb")]
        metadata = lmdb_store.read_metadata(folders[0])
        found = {folder.name: folder / "data.mdb" for folder in folders}
    else:
        metadata = tfrecord_store.read_metadata(records.path)
        found = {name: records.path / name for name in metadata.get("checksums", ())}
    wanted = metadata.get("checksums")
    if not wanted:
        raise UserError(f"{records.path} has no checksums; convert again to get them")
    checksum = _lmdb_checksum if records.format == "lmdb" else tfrecord_store.checksum
    return [
        f"{path} has changed since it was written; convert again"
        for name, path in sorted(found.items())
        if checksum(path) != wanted.get(name)
    ]


def _lmdb_checksum(file):
    return lmdb_store.checksum(file.parent)
