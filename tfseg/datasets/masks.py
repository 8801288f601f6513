"""One mask file -> raw label pixels: values in one channel, or colours.

Programs write the same mask with 1, 2, 4, 8 or 16 bits, gray, with a palette, in three equal
channels, or with an alpha channel. Files that cannot be masks (JPEG, transparency, several pages)
are refused with a message.
"""

import numpy as np

from tfseg.errors import UserError
from tfseg.images import check_label_format
from tfseg.labels import VOID

GRAY = ("1", "L", "LA", "I", "F")  # "I" includes the variants of I;16
MODES = (*GRAY, "P", "PA", "RGB", "RGBA")
WIDE = 257  # 16-bit levels per 8-bit level


def values(file, coding):
    """A mask of numbers as uint8 (H, W).

    Args:
        file: a `tfseg.images.ImageData`.
        coding: the `Values` that will map the numbers.

    Raises:
        UserError: if the mask does not hold numbers 0..255.
    """
    mode, place = _checked(file)
    if mode in ("RGB", "RGBA"):
        if not coding.channels:
            raise UserError(
                f"{place} is {file.mode}, not class indices in one channel; if its colours are "
                f"the classes, the data set needs a table of colours"
            )
        raw = _channels(file)
        if not same_channels(raw):
            raise UserError(
                f"{place} holds colours instead of class indices, e.g. {_first_color(raw)}; if "
                f"colours are the classes, give them in the table and set "
                f'masks = "colors" in dataset.toml'
            )
        return _eight_bits(raw[..., 0], place)
    raw = _one_channel(file)
    return _eight_bits(raw if mode == "P" else _unscaled(raw, file, coding), place)


def colors(file):
    """A colour mask as uint8 (H, W, 3); gray levels are colours too. Raises `UserError`."""
    mode, place = _checked(file)
    if mode in ("P", "PA"):
        _opaque(file)
        return file.colors()
    if mode in ("RGB", "RGBA"):
        return _eight_bits(_channels(file), place)
    raw = _one_channel(file)
    if mode == "1":
        raw = raw * 255
    return np.repeat(_eight_bits(raw, place)[..., None], 3, axis=2)


def _checked(file):
    """(Pillow's mode for 8 bits, name) of a file; raises `UserError` if it is not a mask."""
    check_label_format(file)
    mode = file.mode.partition(";")[0]
    if mode not in MODES:
        raise UserError(
            f"{file.name} is {file.mode}, not a mask: save it as gray, palette or RGB PNG"
        )
    return mode, file.name


def _one_channel(file):
    """The channel of a gray or palette image, as stored, (H, W)."""
    raw = file.stored()
    if raw.ndim == 2:
        return raw
    _check_opaque(raw[..., -1], file.name)
    return raw[..., 0]


def _channels(file):
    """The RGB channels (H, W, 3) of an RGB or RGBA image, as stored, in 8 or 16 bits."""
    raw = file.stored()
    if raw.shape[2] == 4:
        _check_opaque(raw[..., 3], file.name)
    return raw[..., :3]


def _opaque(file):
    if file.mode == "PA":
        _check_opaque(file.stored()[..., 1], file.name)


def _check_opaque(alpha, place):
    most = np.iinfo(alpha.dtype).max
    if clear := np.count_nonzero(alpha < most):
        raise UserError(
            f"{place} has an alpha channel with {clear / alpha.size:.1%} of its pixels "
            f"transparent, so their class is unknown; save it without alpha"
        )


def _unscaled(raw, file, coding):
    """The numbers of gray with 1, 2 or 4 bits, which Pillow spreads over 0..255.

    The table may list numbers or spread levels: its values decide; numbers win if both fit.
    """
    apart = step(file)
    if apart == 1:
        return raw
    levels = raw * np.uint8(255 if file.mode == "1" else 1)
    known = {value for value, index in coding.table if index != VOID}
    numbers = levels // apart
    fits = set(np.unique(levels).tolist()) <= known
    return levels if fits and not set(np.unique(numbers).tolist()) <= known else numbers


def step(file):
    """The spacing of gray levels in an image with 1, 2 or 4 bits; 1 for any other."""
    if file.mode == "1":
        return 255
    if file.format != "PNG" or file.mode != "L" or file.data[25] != 0:
        return 1
    return 255 // (2 ** file.data[24] - 1)


def _eight_bits(raw, place):
    """Numbers of any type as uint8: unchanged, or 16-bit levels divided by 257."""
    if raw.dtype == np.uint8:
        return raw
    if raw.dtype == bool:
        return raw.astype(np.uint8)
    if raw.dtype.kind == "f" and not (np.isfinite(raw).all() and (raw == np.floor(raw)).all()):
        raise UserError(f"{place} holds fractions; class indices are whole numbers 0 to 255")
    if raw.min(initial=0) < 0:
        raise UserError(f"{place} holds values from {raw.min():.0f}; class indices start at 0")
    most = raw.max(initial=0)
    if 255 < most <= 255 * WIDE and not (raw % WIDE).any():
        raw = raw // WIDE
    elif most > 255:
        raise UserError(f"{place} holds values to {most:.0f}; class indices end at 255")
    return raw.astype(np.uint8)


def same_channels(raw):
    """Whether the three channels of (H, W, 3) are equal."""
    return bool((raw[..., :1] == raw[..., 1:]).all())


def _first_color(raw):
    place = (raw[..., :1] != raw[..., 1:]).any(axis=-1).argmax()
    return ",".join(map(str, raw.reshape(-1, 3)[place].tolist()))
