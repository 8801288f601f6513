"""Counts odd images of a data set: alpha, a single level, 16 bits of which few are used."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from tfseg.errors import UserError
from tfseg.images import FULL, ImageData, likely_range


@dataclass(frozen=True)
class Traits:
    """One image: ignored transparency, a single colour, the highest 16-bit value."""

    alpha: bool = False
    flat: bool = False
    highest: int | None = None


def is_flat(image: np.ndarray) -> bool:
    """Whether all pixels of an image (H, W, 3) are equal."""
    first = image[0, 0]
    return bool((image[0] == first).all() and (image == first).all())


def read_traits(image: ImageData, pixel_range=None) -> tuple[np.ndarray, Traits]:
    """The pixels uint8 (H, W, 3) of an opened image, and its `Traits`."""
    values = image.values()
    unscaled = values.dtype == np.uint16 and (pixel_range or image.pixel_range) is None
    highest = int(values.max()) if unscaled else None
    pixels = image.levels(values, pixel_range)
    return pixels, Traits(image.alpha, is_flat(pixels), highest)


@dataclass
class Tally:
    """How many of `images` have each trait, and the first such file. Can be stored as JSON."""

    images: int = 0
    alpha: int = 0
    flat: int = 0
    deep: int = 0  # 16-bit images read without a range
    dim: int = 0  # deep images with all values in the lower half
    highest: int = 0  # highest value in the dim images
    first_alpha: str | None = None
    first_flat: str | None = None
    first_dim: str | None = None

    def add(self, name: str, traits: Traits) -> None:
        deep = traits.highest is not None
        dim = deep and traits.highest <= FULL // 2
        self.images += 1
        self.deep += deep
        self.highest = max(self.highest, traits.highest) if dim else self.highest
        for key, found in (("alpha", traits.alpha), ("flat", traits.flat), ("dim", dim)):
            if found:
                setattr(self, key, getattr(self, key) + 1)
                if getattr(self, f"first_{key}") is None:
                    setattr(self, f"first_{key}", name)

    def merge(self, other: "Tally") -> None:
        for key in ("images", "alpha", "flat", "deep", "dim"):
            setattr(self, key, getattr(self, key) + getattr(other, key))
        self.highest = max(self.highest, other.highest)
        for key in ("first_alpha", "first_flat", "first_dim"):
            setattr(self, key, getattr(self, key) or getattr(other, key))

    def findings(self) -> Iterator[tuple[bool, str]]:
        """Yields (whether all images have the problem, a line about it)."""
        if self.dim:
            end = likely_range(0, self.highest)[1]
            yield (
                self.dim == self.deep,
                f"{self.dim} of {self.deep} 16-bit images only use values to {self.highest} of "
                f"{FULL} (the first: {self.first_dim}), and look dark; state what is white: "
                f"--pixel_range=0,{end}",
            )
        if self.flat:
            yield (
                self.flat == self.images,
                f"{self.flat} of {self.images} images have a single gray level (the first: "
                f"{self.first_flat}); replace them, or give their --pixel_range",
            )

    def left_out(self) -> Iterator[str]:
        """Yields a line about data in the files that the pixels lack."""
        if self.alpha:
            yield (
                f"{self.alpha} of {self.images} images have transparency, which is ignored (the "
                f"first: {self.first_alpha})"
            )


SAMPLED = 16  # frames of a split that `image_faults` checks
DARK = 32  # level of 255 that some pixel should reach


def image_faults(split) -> list[str]:
    """Lines about an opened `Split` if a sample of its images is flat or nearly black.

    Damaged images are left to the code that reads all of them.
    """
    flat, highest, count = 0, 0, min(SAMPLED, len(split))
    for i in range(count):
        try:
            image = split.frame(i * len(split) // count)[0]
        except UserError:
            return []
        flat += is_flat(image)
        highest = max(highest, int(image.max()))
    if flat == count:
        return [
            f"the images of {split.name} have a single gray level ({count} of them checked), "
            f"so nothing can be learned; check that they are the right ones"
        ]
    if highest < DARK:
        return [
            f"the images of {split.name} are nearly black, {highest} of 255 at most ({count} of "
            f"them checked); if they have 16 bits, state what is white: --pixel_range"
        ]
    return []
