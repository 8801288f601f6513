"""LMDB environments, one a split, holding the same examples as the shards."""

import hashlib
import itertools
import json
import os
import shutil
from pathlib import Path

import lmdb

from tfseg.errors import UserError

METADATA = b"__metadata__"  # sorts behind every example's key
BATCH = 32  # examples a transaction
_environments = {}  # path -> (file, environment): py-lmdb refuses to open one twice in a process


def key(index):
    return b"%08d" % index


def write_split(folder, examples):
    """Writes serialized examples into the environment `folder`; returns their `checksum`.

    Raises `OSError` where it cannot.
    """
    digest = hashlib.sha256()
    shutil.rmtree(folder, ignore_errors=True)  # what a stopped conversion left
    try:
        with lmdb.open(str(folder), map_size=1 << 28, lock=False, sync=False) as environment:
            items = ((key(index), value) for index, value in enumerate(examples))
            while batch := list(itertools.islice(items, BATCH)):
                _put(environment, batch)
                for _, value in batch:
                    digest.update(value)
            environment.sync(True)
    except lmdb.Error as error:
        raise OSError(None, str(error), str(folder)) from None
    return digest.hexdigest()


def checksum(folder):
    """SHA-256 of an environment's examples, one after another, in order."""
    digest = hashlib.sha256()
    with _open(folder).begin() as transaction:
        for name, value in transaction.cursor():
            if name != METADATA:
                digest.update(value)
    return digest.hexdigest()


def write_metadata(folder, splits, metadata):
    for split in splits:
        with lmdb.open(str(folder / split), map_size=1 << 40, lock=False) as environment:
            _put(environment, [(METADATA, json.dumps(metadata).encode())])


def _put(environment, items):
    """One transaction; the map grows until it holds it."""
    while True:
        try:
            with environment.begin(write=True) as transaction:
                for name, value in items:
                    transaction.put(name, value)
            return
        except lmdb.MapFullError:
            environment.set_mapsize(2 * environment.info()["map_size"])


def is_environment(folder):
    return (Path(folder) / "data.mdb").is_file()


def read_metadata(folder):
    """What `write_metadata` wrote into an environment."""
    with _open(folder).begin() as transaction:
        value = transaction.get(METADATA)
    if value is None:
        raise UserError(f"{folder} holds no class names and colours; convert again")
    return json.loads(value)


def _open(folder):
    path = str(Path(folder).resolve())
    try:
        file = os.stat(Path(path, "data.mdb"))
        known, environment = _environments.pop(path, (None, None))
        if environment and not os.path.samestat(known, file):  # converted again meanwhile
            environment.close()
            environment = None
        if environment is None:
            environment = lmdb.open(
                path, readonly=True, lock=False, readahead=False, max_readers=1024
            )
        pages = environment.info()["last_pgno"] + 1
        whole = file.st_size >= pages * environment.stat()["psize"]
    except (OSError, lmdb.Error) as error:
        raise UserError(f"{folder} is no LMDB environment that can be read: {error}") from None
    if not whole:  # reading past the end of the file would kill the process
        environment.close()
        raise UserError(f"{folder / 'data.mdb'} is truncated; convert again")
    _environments[path] = file, environment
    return environment


class Environment:
    """Random access to the examples of one environment."""

    def __init__(self, folder):
        self.folder, self.environment = Path(folder), _open(folder)
        with self.environment.begin() as transaction:
            self.keys = [k for k in transaction.cursor().iternext(values=False) if k != METADATA]
        if not self.keys:
            raise UserError(f"{folder} holds no examples")
        self.files = [0] * len(self.keys)  # that each example lies in: all in one

    def __len__(self):
        return len(self.keys)

    def read(self, index):
        with self.environment.begin() as transaction:
            return transaction.get(self.keys[index])

    def where(self, index):
        return f"{self.folder / 'data.mdb'}, example {self.keys[index].decode()}"
