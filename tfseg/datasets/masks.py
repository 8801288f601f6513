"""One mask file -> raw label pixels: values in one channel, or colours.

Programs write the same mask with 1, 2, 4, 8 or 16 bits, gray, with a palette, in three equal
channels, with an alpha channel. What is no mask (JPEG, transparency, many pages) is refused by
name.
"""

import cv2
import numpy as np

from tfseg.errors import UserError
from tfseg.labels import VOID

GRAY = ("1", "L", "LA", "I", "F")  # and the kinds of I;16
MODES = (*GRAY, "P", "PA", "RGB", "RGBA")
WIDE = 257  # 16-bit levels for each 8-bit one


def values(picture, data, place, coding):
    """A mask of numbers as uint8 (H, W).

    Args:
        picture: the file, opened by Pillow.
        data: its bytes.
        place: what errors call it.
        coding: the `Values` that the numbers are for.

    Raises:
        UserError: for what holds no numbers 0..255.
    """
    check(picture, data, place)
    if picture.mode in ("RGB", "RGBA"):
        if not coding.channels:
            raise UserError(
                f"{place} is {picture.mode}, not class indices in one channel; if its colours name "
                f"the classes, the data set needs a table of them"
            )
        raw = _channels(picture, data, place)
        if not same_channels(raw):
            raise UserError(
                f"{place} holds colours where class indices are wanted, as "
                f"{_first_color(raw)}; if colours name the classes, give them in the table and say "
                f'masks = "colors" in dataset.toml'
            )
        return _eight_bits(raw[..., 0], place)
    raw = _one_channel(picture, place)
    return _eight_bits(raw if picture.mode == "P" else _unscaled(raw, picture, data, coding), place)


def colors(picture, data, place):
    """A mask of colours as uint8 (H, W, 3); gray levels are colours too. Raises `UserError`."""
    check(picture, data, place)
    if picture.mode in ("P", "PA"):
        _opaque(picture, place)
        return np.asarray(picture.convert("RGB"))
    if picture.mode in ("RGB", "RGBA"):
        return _eight_bits(_channels(picture, data, place), place)
    raw = _one_channel(picture, place)
    if picture.mode == "1":
        raw = raw.astype(np.uint8) * 255
    return np.repeat(_eight_bits(raw, place)[..., None], 3, axis=2)


def check(picture, data, place):
    """Raises `UserError` for a file that is no mask, whatever its pixels."""
    smears = picture.format == "JPEG" and "JPEG"
    smears = smears or (picture.format == "WEBP" and data[12:16] != b"VP8L" and _lossy(data))
    smears = smears or (picture.info.get("compression") == "jpeg" and "JPEG-compressed TIFF")
    if smears:
        raise UserError(f"{place} is a {smears}, which smears label values; labels must be PNG")
    if picture.mode not in MODES and not picture.mode.startswith("I;16"):
        raise UserError(f"{place} is {picture.mode}, no mask: save it as gray, palette or RGB PNG")
    pages = getattr(picture, "n_frames", 1)
    if pages > 1:
        raise UserError(f"{place} holds {pages} images, and a mask is one; save it as PNG")


def _lossy(data):
    """Whether a WebP has a lossy part: its chunk is "VP8 "."""
    return b"VP8 " in data[12:4096] and "lossy WebP"


def _one_channel(picture, place):
    """The channel of a gray or palette picture, as it is stored; (H, W)."""
    if picture.mode in ("LA", "PA"):
        _opaque(picture, place)
        return np.asarray(picture.getchannel(0))
    return np.asarray(picture)


def _opaque(picture, place):
    if "A" not in picture.getbands():
        return
    alpha = np.asarray(picture.getchannel("A"))
    if clear := np.count_nonzero(alpha < 255):
        raise _transparent(place, clear / alpha.size)


def _transparent(place, share):
    return UserError(
        f"{place} has an alpha channel with {share:.1%} of its pixels transparent, and what their "
        f"class is cannot be told; save it without alpha"
    )


def _channels(picture, data, place):
    """RGB (H, W, 3) as stored, in 8 or 16 bits, of a picture with three channels or four."""
    if not _is_wide(picture, data):
        _opaque(picture, place)
        return np.asarray(picture)[..., :3]
    raw = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if raw is None or raw.ndim != 3:
        raise UserError(f"{place}: its 16-bit colours cannot be read; save it with 8 bits")
    if raw.shape[2] == 4 and (clear := np.count_nonzero(raw[..., 3] < np.iinfo(raw.dtype).max)):
        raise _transparent(place, clear / raw[..., 3].size)
    return raw[..., 2::-1]


def _is_wide(picture, data):
    """Whether three channels have 16 bits, of which Pillow would read the upper half."""
    if picture.format == "PNG":
        return data[24] == 16
    return picture.format == "TIFF" and 16 in picture.tag_v2.get(258, (8,))


def _unscaled(raw, picture, data, coding):
    """The numbers of gray with 1, 2 or 4 bits, which Pillow spreads over 0..255.

    A table may mean either: its classes' values tell, and the numbers count where both would do.
    """
    apart = step(picture, data)
    if apart == 1:
        return raw
    levels = raw.astype(np.uint8) * (255 if raw.dtype == bool else 1)
    known = {value for value, index in coding.table if index != VOID}
    numbers = levels // apart
    fits = set(np.unique(levels).tolist()) <= known
    return levels if fits and not set(np.unique(numbers).tolist()) <= known else numbers


def step(picture, data):
    """Levels between two neighbours of a gray picture with 1, 2 or 4 bits; 1 for any other."""
    if picture.mode == "1":
        return 255
    if picture.format != "PNG" or picture.mode != "L" or data[25] != 0:
        return 1
    return 255 // (2 ** data[24] - 1)


def _eight_bits(raw, place):
    """Numbers of any kind as uint8: as they are, or 16-bit levels that are 257 times 8-bit ones."""
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
    """Whether the channels of (H, W, 3) are equal everywhere."""
    return bool((raw[..., :1] == raw[..., 1:]).all())


def _first_color(raw):
    place = (raw[..., :1] != raw[..., 1:]).any(axis=-1).argmax()
    return ",".join(map(str, raw.reshape(-1, 3)[place].tolist()))
