"""Rules that find problems of a data set as a whole."""

import math

from tfseg.config import TrainConfig
from tfseg.datasets.coding import Values
from tfseg.doctor.issues import NOTE, SPOILS, Finding
from tfseg.doctor.leakage import twins
from tfseg.labels import VOID
from tfseg.memory import CERTAIN, GB
from tfseg.records import truth
from tfseg.records.tally import Tally

RARE = 0.001  # share of the labelled pixels
MOST_SOFT = 0.1  # share of the label pixels; more cannot be edges
MOST_NAMED = 8  # classes or values in one finding
MOST_TRAIN_IDS = 20  # most classes of a table that could hold Cityscapes' 19 trainIds

# Cityscapes' labelIds of its 19 classes, by trainId.
LABEL_IDS = (7, 8, 11, 12, 13, 17, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 31, 32, 33)


def find(data, surveys):
    """The findings of every rule about a data set as a whole."""
    rules = (
        splits, images, black_and_white, unknown, soft, void, classes, rare, sizes, large, leaks,
    )  # fmt: skip
    return [finding for rule in rules for finding in rule(data, surveys)]


def splits(data, surveys):
    """Splits that are missing or empty."""
    if "train" not in surveys:
        there = ", ".join(surveys) or "none"
        yield Finding(SPOILS, f"there is no train split to learn from (splits: {there})")
    elif "val" not in surveys:
        yield Finding(NOTE, "there is no val split: training holds out a tenth of train")
    for split, found in surveys.items():
        if not found.frames:
            yield Finding(SPOILS, f"{split} has no frames; add frames, or remove its folder")


def images(data, surveys):
    """Images with almost no content, and with content that is ignored."""
    every = Tally()
    for found in surveys.values():
        every.merge(found.tally)
    yield from (Finding(spoils, text) for spoils, text in every.findings())
    yield from (Finding(NOTE, text) for text in every.left_out())


def black_and_white(data, surveys):
    """Masks of two classes with the values 0 and 255, where 255 is read as void."""
    file = _half_is_void(data, surveys)
    if file:
        (first, second), color = data.classes, ",".join(map(str, data.colors[1]))
        again = ", and convert again" if data.kind == "records" else ""
        yield Finding(
            SPOILS,
            f"labels hold only 0 and 255, and 255 is void: {second} never occurs (the first: "
            f"{file}); say in classes.csv what the values mean, in a last column `value`: "
            f"`{second},{color},255`, and 0 for {first}{again}",
        )


def _half_is_void(data, surveys):
    """The first label with void, if there are two classes and labels hold only 0 and 255."""
    if len(data.classes) != 2 or not isinstance(data.coding, Values):
        return None
    if _seen(surveys) != [0, VOID] or dict(data.coding.table).get(VOID, VOID) != VOID:
        return None
    return next(found.with_void for found in surveys.values() if found.with_void)


def unknown(data, surveys):
    """Label pixels that belong to no class, and the likely cause."""
    first = next((found for found in surveys.values() if found.unknown_in), None)
    if first is None:
        return
    first = f"the first: {first.example} in {first.unknown_in[0]}"
    if _are_label_ids(data, surveys):
        last = len(data.classes) - 1
        yield Finding(
            SPOILS,
            f"labels look like Cityscapes' labelIds, not trainIds 0 to {last}: they go up to 33, "
            f"and 7 (road as a labelId) is more frequent than 0 (road as a trainId); "
            f"{first}; take the files *_labelTrainIds.png, or give each class its labelId in the "
            f"table (road: value 7)",
        )
        return
    pixels = sum(found.unknown for found in surveys.values())
    share = pixels / sum(found.pixels.sum() for found in surveys.values())
    files = sum(len(found.unknown_in) for found in surveys.values())
    mend = "or convert --allow_unknown makes them void"
    if data.kind == "records":
        mend = "and convert again"
    yield Finding(
        SPOILS if isinstance(data.coding, Values) or share > _most_unknown() else NOTE,
        f"{pixels} of the label pixels ({share:.2%}), in {files} of the labels, belong to no class "
        f"({_which(data, surveys)}{first}); complete the table of classes, {mend}",
    )


def soft(data, surveys):
    """Pixels between colours of the table, which took the nearer one's class."""
    pixels = sum(found.soft for found in surveys.values())
    if not pixels:
        return
    share = pixels / sum(found.pixels.sum() for found in surveys.values())
    example, file = next(found.soft_in[0] for found in surveys.values() if found.soft_in)
    files = sum(len(found.soft_in) for found in surveys.values())
    yield Finding(
        SPOILS if share > MOST_SOFT else NOTE,
        f"{pixels} of the label pixels ({share:.2%}), in {files} of the labels, lie between the "
        f"table's colours, as soft edges do, and take the nearer one's class (the first: {example} "
        f"in {file}); resize masks by nearest neighbour to keep edges sharp",
    )


def _which(data, surveys):
    """Details of unknown pixels besides the first."""
    if isinstance(data.coding, Values):
        known = dict(data.coding.table)
        outside = [str(value) for value in _seen(surveys) if value not in known]
        return f"values {_listed(outside)}; "
    gray = any(kind in ("1", "L") for found in surveys.values() for kind in found.kinds)
    return "the masks are gray, but the table has colours; " if gray else ""


def _most_unknown():
    from tfseg.records.written import MOST_UNKNOWN

    return MOST_UNKNOWN


def _are_label_ids(data, surveys):
    """Whether the labels hold Cityscapes' labelIds instead of trainIds.

    TrainIds are positions in a table of about 19 classes, at most 18. So the labels hold labelIds
    if several of these are beyond the table, only void is above 33, and 7 is more frequent than 0:
    as trainIds these are traffic sign and road, as labelIds road and unlabelled.
    """
    if not isinstance(data.coding, Values) or len(data.classes) > MOST_TRAIN_IDS:
        return False
    if any(index not in (value, VOID) for value, index in data.coding.table):
        return False
    values, seen = _values(surveys), _seen(surveys)
    beyond = [value for value in LABEL_IDS if value >= len(data.classes) and value in seen]
    return len(beyond) >= 3 and not values[34:VOID].any() and values[7] > values[0]


def _values(surveys):
    return sum(found.values for found in surveys.values())


def _seen(surveys):
    return _values(surveys).nonzero()[0].tolist()


def void(data, surveys):
    """Labels and splits with too few labelled pixels."""
    for split, found in surveys.items():
        if found.pixels.sum() == found.void > 0 and not found.unknown:
            yield Finding(SPOILS, truth.all_void(split))
        elif found.void_in:
            first = found.void_in[0]
            yield Finding(
                NOTE,
                f"{split}: {len(found.void_in)} of {found.frames} labels are entirely void "
                f"(the first: {first}); they add nothing and can be removed",
            )
        total = found.pixels.sum()
        if total > found.void > total / 2:
            yield Finding(
                NOTE,
                f"{split}: {found.void / total:.0%} of the label pixels are void; a class may be "
                f"missing from the table",
            )


def classes(data, surveys):
    """Classes without pixels: they cannot be learned in train, or measured in other splits."""
    if _half_is_void(data, surveys) or _are_label_ids(data, surveys):
        return  # another rule reports it
    for split, found in surveys.items():
        counts = found.pixels[: len(data.classes)]
        missing = [name for name, pixels in zip(data.classes, counts, strict=True) if not pixels]
        if not counts.any():
            continue  # another rule reports it
        if len(data.classes) - len(missing) == 1 < len(data.classes):
            name = next(name for name in data.classes if name not in missing)
            yield Finding(SPOILS, truth.one_class(split, name))
        if missing and split == "train":
            yield Finding(SPOILS, truth.without_pixels(split, missing))
        elif missing:
            yield Finding(
                NOTE,
                f"{split} has no pixel of {_listed(missing)}: they have no IoU and are left out of "
                f"the mean",
            )


def rare(data, surveys):
    if "train" not in surveys:
        return
    counts = surveys["train"].pixels[: len(data.classes)]
    few = [
        f"{name} ({pixels / counts.sum():.3%})"
        for name, pixels in zip(data.classes, counts, strict=True)
        if 0 < pixels < RARE * counts.sum()
    ]
    if few:
        yield Finding(
            NOTE,
            f"train has few pixels of {_listed(few)}: expect a low, unstable IoU; more frames "
            f"with them help most",
        )


def sizes(data, surveys):
    """Frames of several sizes, which training crops to the smallest."""
    found = list(surveys["train"].sizes) if "train" in surveys else []
    if len(found) > 1:
        height, width = (min(sides) for sides in zip(*found, strict=True))
        yield Finding(
            NOTE,
            f"train has frames of {len(found)} sizes: training crops {height}x{width} from each, "
            f"unless --crop_size is set; convert --size resizes them",
        )


def large(data, surveys):
    """Frames so large that training crops them, because a step would not fit into memory."""
    found = list(surveys["train"].sizes) if "train" in surveys else []
    frame = tuple(map(min, zip(*found, strict=True)))
    if not frame or math.prod(frame) * TrainConfig().batch_size <= CERTAIN:
        return
    from tfseg.training.sizes import find_fit  # imports TensorFlow

    fit = find_fit(TrainConfig(), frame, len(data.classes))
    if fit.crop == frame:
        return
    share = min(crop / side for crop, side in zip(fit.crop, frame, strict=True))
    height, width = (round(share * side) for side in frame)
    yield Finding(
        NOTE,
        f"train has frames of {frame[0]}x{frame[1]}: {TrainConfig().batch_size} whole ones take "
        f"{TrainConfig().model} about {fit.wanted_bytes / GB:.0f} GB a step, and "
        f"{fit.free / GB:.0f} GB are free here; training crops {fit.batch} of "
        f"{fit.crop[0]}x{fit.crop[1]}; --scale={share / 2:.2f},{share:.2f}, or convert "
        f"--size={height}x{width}, shows more of a frame in a crop",
    )


def leaks(data, surveys):
    """Frames that are both in train and in another split."""
    train = surveys.get("train")
    for split, found in surveys.items():
        if train is None or found is train:
            continue
        pairs = twins(found.thumbnails, train.thumbnails)
        if pairs:
            index, twin, distance = min(pairs, key=lambda pair: pair[2])
            yield Finding(
                SPOILS,
                f"{len(pairs)} of {found.frames} frames of {split} are in train too, or nearly "
                f"(the nearest: {data.where(split, index)} and {data.where('train', twin)}, "
                f"{distance:.1f} gray levels apart): metrics on {split} would be too high; "
                f"remove them from one of the two",
            )


def _listed(names):
    names = list(names)
    more = len(names) - MOST_NAMED
    return ", ".join(names[:MOST_NAMED]) + (f" and {more} more" if more > 0 else "")
