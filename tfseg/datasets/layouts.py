"""Pairs the images and masks of a user's folder.

The words of a folder's path give its split (train, val, test) and its role (images, masks). Other
words, such as a city or a sequence, become part of the frames' names. So
`images/train/berlin/a.jpg` and `berlin/train_masks/a_mask.png` are one frame.
"""

import itertools
import os
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from tfseg.datasets.files import PICTURES
from tfseg.datasets.pairs import pair
from tfseg.errors import UserError

SPLITS = {
    "train": ("train", "training"),
    "val": ("val", "valid", "validation"),
    "test": ("test", "testing"),
}
IMAGES = (
    "images", "image", "imgs", "img", "jpegimages", "photos", "pictures", "frames", "rgb",
    "inputs", "leftimg8bit",
)  # fmt: skip
MASKS = (
    "masks", "mask", "labels", "label", "annotations", "annotation", "annots", "annot", "gt",
    "gtfine", "groundtruth", "ground_truth", "segmentations", "segmentation", "seg", "targets",
    "segmentationclass",
)  # fmt: skip
FILES = PICTURES | {".gif"}  # masks may be GIF
DEPTH = 6  # folders below the source
SKIPPED = ("__macosx",)

LAYOUTS = """images and masks (or labels, annotations), each with train and val inside or not;
train and val, each with images and masks inside; train_images and train_masks; train and
train_labels; image and image_mask side by side; or train.txt and val.txt with a line "image mask"
for each frame"""


@dataclass
class Root:
    """A folder of images or masks."""

    path: Path
    word: str | None  # the word of its path that gives its role
    files: list = field(default_factory=list)  # (folders between, path)


@dataclass(frozen=True)
class Place:
    """The meaning of a path's words: split and role (None if absent), and other words."""

    split: str | None
    role: str | None
    word: str | None
    known: tuple[str, ...]
    rest: tuple[str, ...]


class Words:
    """The words that give splits and roles; settings replace the words of a role."""

    def __init__(self, settings):
        roles = {
            "images": _own(settings.get("image_folder"), IMAGES),
            "masks": _own(settings.get("mask_folder"), MASKS),
        }
        self._known = {}
        for role, names in roles.items():
            for name in names:
                self._known[name] = (None, role, name)
        splits = [(split, name) for split, names in SPLITS.items() for name in names]
        for (split, name), (role, names) in itertools.product(splits, roles.items()):
            for word, between in itertools.product(names, ("", "_", "-", " ")):
                for both in (f"{name}{between}{word}", f"{word}{between}{name}"):
                    self._known.setdefault(both, (split, role, word))
        for split, name in splits:
            self._known.setdefault(name, (split, None, None))

    def place(self, parts):
        """The `Place` of a folder, from the parts of its path."""
        split = role = word = None
        known, rest = [], []
        for part in parts:
            told, what, name = self._known.get(part.lower(), (None, None, None))
            if (told is None and what is None) or (told and split) or (what and role):
                rest.append(part)
                continue
            split, role, word = split or told, role or what, word or name
            known.append(part)
        return Place(split, role, word, tuple(known), tuple(rest))


def _own(setting, usual):
    return usual if setting is None else (setting.lower(),)


def find_pairs(source: Path, settings: dict, report) -> dict[str, list]:
    """{split: [(id, image, mask)]} of a folder; empty if its layout is unknown.

    `settings` come from `dataset.toml`. Unpaired files go to `report`.

    Raises:
        UserError: if two folders or two masks are possible.
    """
    roots, unknown = scan(source, settings)
    splits = [split for split in SPLITS if any(key[0] == split for key in roots)] or [None]
    if splits != [None]:
        unknown += [place for key, found in roots.items() if key[0] is None for place in _in(found)]
    found = {}
    for split in splits:
        images, masks = roots.get((split, "images"), []), roots.get((split, "masks"), [])
        bare = roots.get((split, None), [])
        if images:
            unknown += _in(bare) if split else []
        else:
            images = [root for root in bare if root.files or split]
        pairs = _paired(source, split, _one(images, "images", split), masks, settings, report)
        if pairs is not None:
            found[split or "train"] = pairs
    if found:
        _tell_unused(Counter(unknown), report)
    return found


def scan(source, settings):
    """({(split, role): [`Root`]}, folders without known words, once for each of their images)."""
    words, roots, unknown = Words(settings), {}, []
    for parts, files in walk(source):
        place = words.place(parts)
        if place.split is None and place.role is None and parts:
            if files:
                unknown += [source / parts[0]] * len(files)
            continue
        if not files and place.rest:
            continue
        listed = roots.setdefault((place.split, place.role), [])
        path = source.joinpath(*place.known)
        if not place.rest:
            path = source.joinpath(*parts)
        root = next((root for root in listed if root.path == path), None)
        if root is None:
            root = Root(path, place.word)
            listed.append(root)
        root.files += [(place.rest, source.joinpath(*parts, name)) for name in files]
    return {key: _with_files(found) for key, found in roots.items()}, unknown


def _with_files(roots):
    """The roots that hold files; if none does, the first, so that it can be reported as empty."""
    return [root for root in roots if root.files] or roots[:1]


def walk(source):
    """Yields (parts of the path inside `source`, names of images and masks) of every folder."""
    for folder, names, files in os.walk(source, followlinks=True):
        parts = Path(folder).relative_to(source).parts
        names[:] = sorted(
            name
            for name in names
            if not name.startswith(".") and name.lower() not in SKIPPED and len(parts) < DEPTH
        )
        yield parts, sorted(name for name in files if _is_picture(name))


def _is_picture(name):
    return Path(name).suffix.lower() in FILES and not name.startswith(".")


def _one(roots, role, split):
    if len(roots) < 2:
        return roots[0] if roots else None
    key, named = f"{role.removesuffix('s')}_folder", " and ".join(str(root.path) for root in roots)
    of = f" of {split}" if split else ""
    words = dict.fromkeys(root.word for root in roots if root.word)
    mend = "keep one of them"
    if len(words) > 1:
        choices = " or ".join(f'{key} = "{word}"' for word in words)
        mend = f"choose one with {choices} in dataset.toml"
    raise UserError(f"the {role}{of} may be in {named}; {mend}")


def _paired(source, split, images, masks, settings, report):
    """The pairs of a split; None if it needs no masks, or has no known layout."""
    if images is None:
        if masks:
            report(f"{masks[0].path} has masks, but no folder of images matches it; add the images")
        return None
    together = not masks
    masks = _one(masks, "masks", split)
    if together:  # in one folder, distinguished by name
        pairs, alone = pair(images.files, None, report, settings.get("mask_name"))
        if not pairs:
            return _without_masks(split, images, report)
        for path in alone:
            report(f"{path} has no partner in {path.parent}; add it or remove the file")
        return pairs
    if not images.files:
        report(f"{images.path} holds no images ({', '.join(sorted(PICTURES))})")
    pairs, alone = pair(images.files, masks.files, report, settings.get("mask_name"))
    for path in alone:
        ours, theirs = (images, masks) if (path in _paths(images)) else (masks, images)
        between = path.parent.relative_to(ours.path) if ours.path in path.parents else Path()
        report(f"{path} has no partner in {theirs.path / between}; add it or remove the file")
    return pairs


def _paths(root):
    return {path for _, path in root.files}


def _without_masks(split, images, report):
    if split == "test":
        report(f"{images.path} has no masks: test is skipped", spoils=False)
    elif split:
        if images.files:
            report(
                f"the masks of {images.path} are missing: no folder of masks has a {split}; add "
                f"it, or remove {images.path}"
            )
        else:
            report(f"{images.path} holds no images ({', '.join(sorted(PICTURES))})")
            return []
    return None


def _in(roots):
    """The folder of every file in some roots."""
    return [path.parent for root in roots for _, path in root.files]


def _tell_unused(counts, report):
    for path, count in sorted(counts.items()):
        report(
            f"{path} is not used ({count} images or masks): its name gives no split (train, val, "
            f"test) or role (images, masks) that fits the other folders",
            spoils=False,
        )
