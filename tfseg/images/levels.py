"""Scales 16-bit integers and floats of sensors to uint8 levels of 0..255."""

import numpy as np

from tfseg.errors import UserError

FULL = 65535  # the highest 16-bit value
SENSOR_BITS = (8, 10, 12, 14, 16)

Range = tuple[float, float]


def to_levels(values: np.ndarray, pixel_range: Range | None, name: str) -> np.ndarray:
    """Scales `values` to uint8; `pixel_range` gives the values that become 0 and 255.

    16-bit values without a range keep their upper byte, as in TensorFlow's and Pillow's decoders.

    Raises:
        UserError: naming `name`, for floats and wider integers without a range, and for NaN.
    """
    if values.dtype == np.uint16:
        return level_table(pixel_range)[values]
    floats = values.dtype.kind == "f"
    if floats and not (finite := np.isfinite(values)).all():
        raise UserError(
            f"{name} holds {np.count_nonzero(~finite)} pixels that are NaN or infinite; replace "
            f"them, for example with the value of black"
        )
    if pixel_range is None:
        low, high = values.min(), values.max()
        start, end = likely_range(low, high)
        kind = "floats" if floats else f"{values.dtype} values"
        raise UserError(
            f"{name} holds {kind} from {low:g} to {high:g}; state which are black and white: "
            f"--pixel_range={start:.9g},{end:.9g}"
        )
    return _scaled(values, pixel_range)


def level_table(pixel_range: Range | None) -> np.ndarray:
    """The level of every 16-bit value, uint8 (65536,)."""
    values = np.arange(FULL + 1)
    if pixel_range is None:
        return (values >> 8).astype(np.uint8)
    return _scaled(values, pixel_range)


def _scaled(values, pixel_range):
    low, high = pixel_range
    scaled = (values.astype(np.float64) - low) * (255 / (high - low))
    return np.rint(scaled.clip(0, 255)).astype(np.uint8)


def likely_range(low: float, high: float) -> Range:
    """The likely range of a sensor whose values go from `low` to `high`."""
    if low < 0:
        return low, max(high, 0)
    if high <= 1:
        return 0, 1
    return 0, next((2**bits - 1 for bits in SENSOR_BITS if high < 2**bits), high)
