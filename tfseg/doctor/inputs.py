"""One interface to raw data and records for `inspect`: facts of frames, and samples.

Both kinds have `name`, `heading` (a line about the data), `classes`, `colors`, `coding` of the
labels (None if there are no frames), `sizes` {split: frames}, and the methods of `RawInput`.
"""

from itertools import chain

from tfseg.datasets.coding import indices
from tfseg.datasets.spec import with_range
from tfseg.doctor.survey import Facts, count, examine, sizes_differ, thumbnail
from tfseg.labels import VOID
from tfseg.records.frames import read_image, read_label
from tfseg.records.tally import Traits, is_flat
from tfseg.records.workers import parallel


class RawInput:
    """A `DatasetSpec` and its folder; faults go to `report`."""

    kind = "raw"

    def __init__(self, spec, source, report, pixel_range=None):
        self.name, self.classes, self.colors = spec.name, spec.classes, spec.colors
        self.splits = with_range(spec.list_frames(source, report), pixel_range)
        self.sizes = {split: len(frames) for split, frames in self.splits.items()}
        self.coding = next((frame.coding for frame in self._frames()), None)
        self.heading = f"{spec.name}: {source or 'drawn'} (raw, {len(spec.classes)} classes)"

    def _frames(self):
        return chain.from_iterable(self.splits.values())

    def facts(self, workers):
        """Yields the `Facts` of every frame, split by split."""
        yield from parallel(examine, self._frames(), workers)

    def where(self, split, index):
        """File and place of a frame, for findings."""
        frame = self.splits[split][index]
        return frame.id if callable(frame.image) else str(frame.image)

    def load(self, split, index):
        """Image (H, W, 3) and label (H, W) of a frame; raises `UserError` if it has none."""
        frame = self.splits[split][index]
        return read_image(frame)[1], read_label(frame).index


class RecordsInput:
    """Opened `Records`."""

    kind = "records"

    def __init__(self, records):
        info = records.info
        self.name, self.classes, self.colors = records.name, info.classes, info.colors
        self.splits, self.encoding = records.splits, info.encoding
        self.sizes = {name: len(split) for name, split in records.splits.items()}
        self.coding = indices(len(info.classes), void=(info.void,))
        self.heading = (
            f"{records.name}: {records.path} ({records.format}, {info.encoding} images, "
            f"{len(info.classes)} classes)"
        )

    def facts(self, workers):
        """As `RawInput.facts`; TensorFlow chooses the number of threads."""
        for split in self.splits.values():
            yield from self._facts(split)

    def _facts(self, split):
        import tensorflow as tf

        def look(index):
            image, label = self._decode(split, index)
            counts = tf.numpy_function(count, [label], tf.int64)
            small = tf.numpy_function(thumbnail, [image], tf.uint8)
            flat = tf.numpy_function(is_flat, [image], tf.bool)
            return index, tf.shape(image)[:2], tf.shape(label), counts, small, flat

        looks = tf.data.Dataset.range(len(split)).map(look, tf.data.AUTOTUNE).ignore_errors()
        done = 0
        for index, image_size, label_size, counts, small, flat in looks.as_numpy_iterator():
            for lost in range(done, index):
                yield _damaged(split, lost)
            done = index + 1
            sizes = tuple(map(int, image_size)), tuple(map(int, label_size))
            fact = self._fact(split.where(int(index)), *sizes, counts, small)
            fact.traits = Traits(flat=bool(flat))
            yield fact
        for lost in range(done, len(split)):
            yield _damaged(split, lost)

    def _fact(self, where, image_size, label_size, counts, small):
        known = dict(self.coding.table)
        facts = Facts(where, f"its label in {where}", image_size, label_size)
        facts.thumbnail, facts.values, facts.pixels = small, counts, 0 * counts
        for value in counts.nonzero()[0].tolist():
            facts.pixels[known.get(value, VOID)] += counts[value]
            if value not in known:
                facts.unknown += int(counts[value])
                facts.example = facts.example or f"value {value}"
        if image_size != label_size:
            facts.problems = (sizes_differ(facts),)
        return facts

    def _decode(self, split, index):
        import tensorflow as tf

        from tfseg.records.example import decode

        serialized = tf.numpy_function(split.read, [index], tf.string, stateful=False)
        return decode(serialized, self.encoding)

    def where(self, split, index):
        return self.splits[split].where(index)

    def load(self, split, index):
        return self.splits[split].frame(index)


def _damaged(split, index):
    """The facts of an example that does not decode, with the reason."""
    from tfseg.records.corrupt import corruption_of

    where = split.where(index)
    reason = corruption_of(split, index) or f"{where} could not be read; convert again"
    return Facts(where, where, problems=(f"{reason}, or train --skip_damaged",))
