"""Pairs images and masks by name: `a.jpg` and `a.png`, `a_mask.png`, `mask_a.png`, ..."""

from pathlib import Path

from tfseg.errors import UserError

# What masks' names may add to their images' names; the longest match wins.
ENDS = (
    "_l", "_mask", "_masks", "_label", "_labels", "_labelids", "_labeltrainids", "_color",
    "_instanceids", "_gtfine_labelids", "_gtfine_labeltrainids", "_gtfine_color",
    "_gtfine_instanceids", "_segmentation", "_seg", "_gt", "_annotation", "_groundtruth",
    "-mask", "-label", "-labels", "-seg", "-gt", ".mask", ".label", " mask",
)  # fmt: skip
STARTS = ("mask_", "mask-", "label_", "labels_", "seg_", "gt_", "segmentation_")
IMAGE_ENDS = ("_leftimg8bit", "_image", "_img", "_rgb", "_photo")
IMAGE_STARTS = ("image_", "img_")


def pair(images, masks, report, pattern=None):
    """([(id, image, mask)] sorted by id, files without a partner).

    Args:
        images: (folders between, path) of every image.
        masks: the same of every mask; None if they are among the images.
        report: called for two files with the same name.
        pattern: names of masks, such as "{}_mask"; other files are not masks.

    Raises:
        UserError: if an image has two masks.
    """
    fold = _fold(images, masks or [])
    if masks is None:
        images, masks = _apart(images, fold, pattern)
    found = _by_name(images, fold, report)
    truth = _by_name(_called(masks, pattern), fold, report)
    bases, alone = {}, []
    for key in found:
        for base in (key[1], *_without(key[1], IMAGE_STARTS, IMAGE_ENDS)):
            bases.setdefault((key[0], base), key)
    of = {}
    for (between, stem), mask in truth.items():
        key = _image_of(between, stem, bases, found, pattern)
        if key is None:
            alone.append(mask)
        else:
            of.setdefault(key, []).append(mask)
    for key, several in of.items():
        if len(several) > 1:
            raise _ambiguous(found[key], several)
    alone += [path for key, path in found.items() if key not in of]
    pairs = [("/".join((*key[0], found[key].stem)), found[key], of[key][0]) for key in of]
    return sorted(pairs, key=lambda entry: entry[0]), sorted(alone)


def _fold(images, masks):
    """The function that normalises names: it ignores case unless two names differ only in case."""
    for files in (images, masks):
        exact = {(between, path.stem) for between, path in files}
        if len({_lower(key) for key in exact}) < len(exact):
            return lambda key: key
    return _lower


def _lower(key):
    between, stem = key
    return tuple(part.lower() for part in between), stem.lower()


def _by_name(files, fold, report):
    """{key: path}; a second file of the same name goes to `report`."""
    named = {}
    for between, path in files:
        key = fold((between, path.stem))
        if key in named:
            report(f"{named[key]} and {path.name} have the same stem; keep one of them")
        named.setdefault(key, path)
    return named


def _without(stem, starts, ends):
    """Yields a name without one of its affixes, the longest affix first."""
    lower = stem.lower()
    for start in sorted(starts, key=len, reverse=True):
        if lower.startswith(start) and len(stem) > len(start):
            yield stem[len(start) :]
    for end in sorted(ends, key=len, reverse=True):
        if lower.endswith(end) and len(stem) > len(end):
            yield stem[: -len(end)]


def _called(masks, pattern):
    if pattern is None:
        return masks
    return [entry for entry in masks if _inside(entry[1].stem, pattern) is not None]


def _inside(stem, pattern):
    """The text for {} in a name that fits the pattern, else None."""
    start, end = pattern.lower().split("{}", 1)
    lower = stem.lower()
    fits = lower.startswith(start) and lower.endswith(end) and len(stem) > len(start) + len(end)
    return stem[len(start) : len(stem) - len(end)] if fits else None


def _image_of(between, stem, bases, found, pattern):
    """The key of the image that a mask belongs to."""
    if pattern is not None:
        return bases.get((between, _inside(stem, pattern)))
    if (between, stem) in found:
        return between, stem
    names = (stem, *_without(stem, STARTS, ENDS))
    return next((bases[between, name] for name in names if (between, name) in bases), None)


def _apart(files, fold, pattern):
    """(images, masks) of one folder: a mask is named after another file."""
    stems = {fold((between, path.stem)) for between, path in files}
    bases = {(b, base) for b, s in stems for base in (s, *_without(s, IMAGE_STARTS, IMAGE_ENDS))}
    images, masks = [], []
    for between, path in files:
        place, stem = fold((between, path.stem))
        names = [_inside(stem, pattern)] if pattern is not None else _without(stem, STARTS, ENDS)
        is_mask = any((place, name) in bases and name != stem for name in names)
        (masks if is_mask else images).append((between, path))
    return images, masks


def _ambiguous(image: Path, masks):
    choices = [_pattern(image.stem, mask.stem) for mask in masks]
    named = " and ".join(str(mask) for mask in masks)
    mend = "remove the others"
    if all(choices):
        mend = f"choose with {' or '.join(choices)} in dataset.toml"
    return UserError(f"{image} has {len(masks)} masks: {named}; {mend}")


def _pattern(image, mask):
    """The setting that assigns a mask to its image; None if their names share too little."""
    for base in (image, *_without(image, IMAGE_STARTS, IMAGE_ENDS)):
        for about in (mask.removeprefix(base), mask.removesuffix(base)):
            if len(about) + len(base) == len(mask):
                end = mask.startswith(base)
                return f'mask_name = "{"{}" + about if end else about + "{}"}"'
    return None
