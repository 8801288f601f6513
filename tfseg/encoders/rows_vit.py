"""Vision transformers as in timm. No public table pins their weights; a file of them loads."""

from functools import partial

from tfseg.encoders.row import Encoder
from tfseg.encoders.vit import KEYS, PATCH, vit

# channels, blocks, heads
SIZES = {
    "tiny": (192, 12, 3),
    "small": (384, 12, 6),
    "base": (768, 12, 12),
    "large": (1024, 24, 16),
}


def _row(size, side, prefix=1, normalization="symmetric"):
    width, depth, heads = SIZES[size]
    return Encoder(
        partial(vit, width=width, depth=depth, heads=heads, grid=side // PATCH, prefix=prefix),
        "vit",
        (0, 0, 0, width, 0),
        normalization=normalization,
        keys=KEYS,
    )


def _deit(size, side, prefix=1):
    return _row(size, side, prefix, "imagenet")


VIT = {
    **{f"vit_{size}_patch16_{side}": _row(size, side) for size in SIZES for side in (224, 384)},
    **{f"deit_{size}_patch16_224": _deit(size, 224) for size in ("tiny", "small", "base")},
    "deit_base_patch16_384": _deit("base", 384),
    **{
        f"deit_{size}_distilled_patch16_224": _deit(size, 224, prefix=2)
        for size in ("tiny", "small", "base")
    },
    "deit_base_distilled_patch16_384": _deit("base", 384, prefix=2),
}
