"""What is odd about the images of a data set, counted: alpha, one level, 16 bits hardly used."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from tfseg.errors import UserError
from tfseg.images import FULL, ImageData, likely_range


@dataclass(frozen=True)
class Traits:
    """One image: transparency that was left out, one colour all over, its highest 16-bit value."""

    alpha: bool = False
    flat: bool = False
    highest: int | None = None


def is_flat(image: np.ndarray) -> bool:
    """Whether all pixels of an image (H, W, 3) are alike."""
    first = image[0, 0]
    return bool((image[0] == first).all() and (image == first).all())


def read_traits(image: ImageData, pixel_range=None) -> tuple[np.ndarray, Traits]:
    """The pixels uint8 (H, W, 3) of an opened image, and what is odd about them."""
    values = image.values()
    unscaled = values.dtype == np.uint16 and (pixel_range or image.pixel_range) is None
    highest = int(values.max()) if unscaled else None
    pixels = image.levels(values, pixel_range)
    return pixels, Traits(image.alpha, is_flat(pixels), highest)


@dataclass
class Tally:
    """How many of `images` have a trait, and the first file that does. JSON as it is."""

    images: int = 0
    alpha: int = 0
    flat: int = 0
    deep: int = 0  # of 16 bits, read without a range
    dim: int = 0  # of these, such as use less than half of them
    highest: int = 0  # value of these
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
        """(whether it spoils training, a line on it)."""
        if self.dim:
            end = likely_range(0, self.highest)[1]
            yield (
                self.dim == self.deep,
                f"{self.dim} of {self.deep} 16-bit images use values to {self.highest} of {FULL} "
                f"alone (the first: {self.first_dim}), and look dark; state what is white: "
                f"--pixel_range=0,{end}",
            )
        if self.flat:
            yield (
                self.flat == self.images,
                f"{self.flat} of {self.images} images have a single gray level (the first: "
                f"{self.first_flat}); replace them, or give their --pixel_range",
            )

    def left_out(self) -> Iterator[str]:
        """A line on what was in the files and is not in the pixels."""
        if self.alpha:
            yield (
                f"{self.alpha} of {self.images} images have transparency, which is ignored (the "
                f"first: {self.first_alpha})"
            )


SAMPLED = 16  # frames of a split that `image_faults` looks at
DARK = 32  # levels that an image should reach, of 255


def image_faults(split) -> list[str]:
    """Lines on an opened `Split` whose images, as far as a few tell, hold next to nothing.

    One that does not decode is left to whoever reads all.
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
            f"them looked at); where they have 16 bits, state what is white: --pixel_range"
        ]
    return []
