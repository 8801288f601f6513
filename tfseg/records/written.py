"""Facts about the shards that a conversion wrote, and the notes it prints."""

import dataclasses
from dataclasses import dataclass

from tfseg.errors import UserError
from tfseg.records.tally import Tally
from tfseg.records.truth import faults

MOST_UNKNOWN = 0.01  # above this share of pixels in no class, the table must be wrong


@dataclass
class Written:
    """Facts about a written shard; `sizes` are [height, width]."""

    checksum: str = ""
    examples: int = 0
    bytes: int = 0
    pixels: int = 0
    unknown: int = 0
    example: str | None = None  # the first unknown pixel, with its file
    soft: int = 0  # pixels at soft edges, which took the nearer class
    soft_example: str | None = None
    labels: list = dataclasses.field(default_factory=list)  # values that occur, void included
    sizes: list = dataclasses.field(default_factory=list)
    tally: Tally = dataclasses.field(default_factory=Tally)

    def add(self, frame, example):
        self.examples += 1
        self.bytes += len(example.serialized)
        self.pixels += example.size[0] * example.size[1]
        self.unknown += example.unknown
        if example.unknown and self.example is None:
            self.example = f"{example.example} in {frame.label}"
        self.soft += example.soft
        if example.soft and self.soft_example is None:
            self.soft_example = f"{example.soft_example} in {frame.label}"
        self.labels = sorted({*self.labels, *example.labels})
        self.tally.add(str(frame.image), example.traits)
        if list(example.size) not in self.sizes:
            self.sizes.append(list(example.size))

    @classmethod
    def of(cls, entry):
        """Restores it from the JSON of `dataclasses.asdict`."""
        return cls(**{**entry, "tally": Tally(**entry.get("tally", {}))})


def check_unknown(written, total):
    """Fails as soon as the share of unknown pixels in `total` frames must exceed the limit."""
    unknown, pixels, done = (
        sum(getattr(entry, key) for entry in written) for key in ("unknown", "pixels", "examples")
    )
    if unknown > MOST_UNKNOWN * pixels * total / done:
        raise UserError(
            f"{unknown / pixels:.1%} of the label pixels belong to no class (the first: "
            f"{_first_unknown(written)}); complete the table of classes, or --allow_unknown "
            f"makes them void"
        )


def tell(written):
    """Prints notes about odd frames."""
    _tell_unknown(written)
    _tell_soft(written)
    _tell_odd(written)


def _tell_unknown(written):
    if unknown := sum(entry.unknown for entry in written):
        share = unknown / sum(entry.pixels for entry in written)
        print(
            f"note: {unknown} label pixels ({share:.2%}) belong to no class and became void; "
            f"the first: {_first_unknown(written)}"
        )


def _tell_soft(written):
    if soft := sum(entry.soft for entry in written):
        share = soft / sum(entry.pixels for entry in written)
        first = next(entry.soft_example for entry in written if entry.soft_example)
        print(
            f"note: {soft} label pixels ({share:.2%}) lie between the table's colours, as soft "
            f"edges do, and took the nearer one's class; the first: {first}"
        )


def label_faults(spec, plan, written):
    """Lines about splits whose labels lack classes. Raises `UserError` if all are void."""
    present = {}
    for shard, entry in zip(plan, written, strict=True):
        present.setdefault(shard.split, set()).update(entry.labels)
    return [line for split, found in present.items() for line in faults(split, spec.classes, found)]


def _tell_odd(written):
    every = Tally()
    for entry in written:
        every.merge(entry.tally)
    for line in (*(text for spoils, text in every.findings() if spoils), *every.left_out()):
        print(f"note: {line}")


def _first_unknown(written):
    return next(entry.example for entry in written if entry.example)
