"""Raw data set -> records, written completely or not at all."""

import dataclasses
import hashlib
import itertools
import shutil
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tqdm import tqdm

from tfseg import atomic, storage
from tfseg.datasets.files import read_bytes
from tfseg.datasets.spec import with_range
from tfseg.errors import UserError
from tfseg.labels import VOID
from tfseg.records import lmdb_store, tfrecord_store
from tfseg.records.checksums import file_checksum, seal_holds, sealed
from tfseg.records.frames import make_example
from tfseg.records.metadata import parse_json
from tfseg.records.workers import parallel
from tfseg.records.written import Written, check_unknown, label_faults, tell

PROGRESS = "progress.json"  # in the folder until all shards are written


@dataclass(frozen=True)
class Shard:
    """Part of a split that one call writes: its file (LMDB: folder) and frames."""

    split: str
    path: Path
    frames: list


def convert(
    spec,
    source,
    output,
    *,
    format="tfrecord",
    size=None,
    encoding="keep",
    overwrite=False,
    shards=None,
    splits=None,
    limit=None,
    workers=1,
    allow_unknown=False,
    pixel_range=None,
    parallel=parallel,
):
    """Writes a data set's records and returns their folder.

    The bytes depend only on the frames and these options, not on workers or interruptions. A
    stopped conversion continues after its last complete shard. Existing records of the same
    conversion stay as they are.

    Args:
        spec: the `DatasetSpec`.
        source: its raw folder; None if the frames are generated.
        output: folder of data sets. TFRecord goes to `<name>/1.0.0/`, LMDB to `<name>_lmdb/`.
        format: "tfrecord" or "lmdb".
        size: (H, W) to resize every frame to, image bilinear, label nearest; None keeps sizes.
        encoding: of images: "keep" the file's bytes if unchanged, "png", "jpeg", or "raw".
        overwrite: replace existing records of another conversion.
        shards: TFRecord files per split; by default files of about 128 MiB.
        splits: names of the splits to convert; None takes all.
        limit: convert the first `limit` frames of each split; None takes all.
        workers: processes; None takes one per core. With several, frames must be picklable.
        allow_unknown: make pixels of no class void, however many there are.
        pixel_range: values that become 0 and 255 in images of more than 8 bits, see
            `tfseg.images.to_levels`.
        parallel: spreads the work over the workers; see `tfseg.records.workers.parallel`.

    Raises:
        UserError: for invalid raw data, naming the file, or for existing records of another
            conversion.
    """
    frames = with_range(_chosen(spec.list_frames(source), splits, limit), pixel_range)
    lmdb_format = format == "lmdb"
    if lmdb_format and shards:
        raise UserError(f"--shards={shards} is for --format=tfrecord; LMDB has one file per split")
    name = f"{spec.name}_lmdb" if lmdb_format else Path(spec.name, tfrecord_store.VERSION)
    final = Path(output) / name
    # Remote records without their mark file were never complete.
    storage.fetch(final, shards=False, mark=None if lmdb_format else "metadata.json")
    make = partial(make_example, size=size, encoding=encoding, allow_unknown=allow_unknown)
    request = _fingerprint(
        spec, frames, format, size, encoding, shards, allow_unknown, *(pixel_range or ())
    )
    if final.exists() and not overwrite:
        if _request_of(final) != request:
            raise UserError(f"{final} holds another conversion; --overwrite replaces it")
        print(f"{final} exists already, made from the same files (by name and size)")
        storage.publish(final)
        return final
    with atomic.folder(final, request) as folder:
        if lmdb_format:
            plan = [Shard(split, folder / split, listed) for split, listed in frames.items()]
        else:
            plan = _shards(folder, spec.name, frames, shards, make)
        progress = folder / PROGRESS
        kept = _kept(plan, progress, lmdb_store.checksum if lmdb_format else file_checksum)
        whole = [progress, *(shard.path for shard in plan[: len(kept)])] if kept else []
        _clear(folder, {folder / atomic.REQUEST, *whole})
        write = lmdb_store.write_split if lmdb_format else tfrecord_store.write_shard
        spread = partial(parallel, make, workers=workers)
        written = _write(plan, kept, write, spread, allow_unknown, progress)
        notes = label_faults(spec, plan, written)
        metadata = _metadata(spec, plan, written, encoding, request)
        metadata["pixel_range"] = pixel_range
        if lmdb_format:
            lmdb_store.write_metadata(folder, list(frames), metadata)
        else:
            tfrecord_store.write_metadata(folder, spec, _split_infos(plan, written), metadata)
        progress.unlink()
    storage.publish(final, replace=True)
    tell(written)
    for note in notes:
        print(f"note: {note}")
    return final


def _chosen(frames, splits, limit):
    for split in splits or ():
        if split not in frames:
            raise UserError(f"--splits: there is no split {split!r}; there are {', '.join(frames)}")
    return {name: frames[name][:limit] for name in splits or frames}


def _fingerprint(spec, frames, *options):
    """Identifies a conversion by its options and its files' names and sizes."""
    digest = hashlib.sha256()
    digest.update(repr((spec.name, spec.classes, *options)).encode())
    for split, listed in frames.items():
        for frame in listed:
            places = (frame.image, frame.label, frame.instance)
            sizes = [_bytes(place) for place in places if isinstance(place, Path)]
            sizes += _shapes(frame.label)
            digest.update(repr((split, frame.id, frame.coding, sizes)).encode())
    return digest.hexdigest()


def _bytes(path):
    try:
        return path.stat().st_size
    except OSError:
        return None  # reading the file raises the error later


def _shapes(label):
    """The shapes that a label is drawn from, if it comes from an annotation tool's export."""
    drawn = label.args if isinstance(label, partial) else ()
    own = [value for value in drawn if isinstance(value, tuple)]
    return [*own, *(value for inner in drawn for value in _shapes(inner))]


def _request_of(final):
    """The fingerprint of the records at `final`; None if they have none."""
    try:
        if (final / "metadata.json").is_file():
            return tfrecord_store.read_metadata(final).get("request")
        folder = next(final.glob("*/data.mdb")).parent
        metadata = lmdb_store.Environment(folder, folder.name).metadata()
        whole = all((final / split / "data.mdb").is_file() for split in metadata["sizes"])
        return metadata.get("request") if whole else None
    except (UserError, StopIteration):
        return None


def _shards(folder, name, frames, wanted, make):
    """The TFRecord shards of every split; a few frames' size sets their number."""
    plan = []
    for split, listed in frames.items():
        count = wanted
        if count is None:
            sample = [listed[i * (len(listed) - 1) // 2] for i in range(min(3, len(listed)))]
            mean = sum(len(make(frame).serialized) for frame in sample) / max(1, len(sample))
            count = round(mean * len(listed) / tfrecord_store.SHARD_BYTES)
        count = max(1, min(count, len(listed)))
        ends = [i * len(listed) // count for i in range(count + 1)]
        for i, (first, last) in enumerate(itertools.pairwise(ends)):
            path = tfrecord_store.shard_path(folder, name, split, i, count)
            plan.append(Shard(split, path, listed[first:last]))
    return plan


def _write(plan, written, write, spread, allow_unknown, progress):
    """Writes the shards that are not in `written`; returns the facts of all shards.

    `spread` makes examples of their frames.
    """
    total = sum(len(shard.frames) for shard in plan)
    rest = plan[len(written) :]
    frames = itertools.chain.from_iterable(shard.frames for shard in rest)
    done = sum(entry.examples for entry in written)
    examples = spread(frames)
    try:
        with tqdm(total=total, initial=done, desc="converting", unit="frame") as bar:
            for shard in rest:
                entry = Written()
                entry.checksum = write(shard.path, _counted(shard, examples, entry, bar))
                written.append(entry)
                if not allow_unknown:
                    check_unknown(written, total)
                entries = [dataclasses.asdict(entry) for entry in written]
                atomic.write_json(progress, sealed({"shards": entries}))
    except KeyboardInterrupt as stop:
        done = sum(entry.examples for entry in written)
        raise type(stop)(
            f"with {done} of {total} frames kept; run the same command to continue"
        ) from None
    finally:
        examples.close()
    return written


def _kept(plan, progress, checksum):
    """The facts of the first shards, which a stopped conversion completed.

    The list is empty if the file `progress` is damaged, and ends before a damaged shard.
    """
    try:
        values = parse_json(read_bytes(progress), progress)
    except UserError:
        return []
    written = [Written.of(entry) for entry in values["shards"]] if seal_holds(values) else []

    def is_whole(pair):
        shard, entry = pair
        try:
            return checksum(shard.path) == entry.checksum
        except UserError:
            return False

    pairs = itertools.takewhile(is_whole, zip(plan, written, strict=False))
    return [entry for _, entry in pairs]


def _clear(folder, whole):
    """Removes the incomplete files of a stopped conversion."""
    for path in set(folder.iterdir()) - whole:
        shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()


def _counted(shard, examples, entry, bar):
    for frame in shard.frames:
        example = next(examples)
        entry.add(frame, example)
        bar.update()
        yield example.serialized


def _metadata(spec, plan, written, encoding, request):
    parts = list(zip(plan, written, strict=True))
    sizes = {shard.split: set() for shard in plan}
    for shard, entry in parts:
        sizes[shard.split] |= {tuple(size) for size in entry.sizes}
    return {
        "name": spec.name,
        "classes": spec.classes,
        "colors": spec.colors,
        "void": VOID,
        "encoding": "raw" if encoding == "raw" else "encoded",
        "instances": any(frame.instance for shard in plan for frame in shard.frames),
        "sizes": {split: sorted(found) for split, found in sizes.items()},
        "unknown": sum(entry.unknown for entry in written),
        "checksums": {shard.path.name: entry.checksum for shard, entry in parts},
        "request": request,
    }


def _split_infos(plan, written):
    """{split: (examples of each shard, total bytes)}."""
    infos = {shard.split: ([], 0) for shard in plan}
    for shard, entry in zip(plan, written, strict=True):
        lengths, size = infos[shard.split]
        infos[shard.split] = ([*lengths, entry.examples], size + entry.bytes)
    return infos
