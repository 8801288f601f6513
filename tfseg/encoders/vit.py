"""Vision transformers (Dosovitskiy et al. 2020, arXiv 2010.11929), plain and distilled (Touvron et
al. 2020, arXiv 2012.12877): encoders with a single stride, with timm's names."""

import re

import numpy as np
from keras import layers

from tfseg.encoders.mit import GROWTH, linear
from tfseg.layers.blocks import conv
from tfseg.layers.gelu import Gelu
from tfseg.layers.multi_head import MultiHeadAttention
from tfseg.layers.padding import PadToMultiple
from tfseg.layers.tokens import Readout, Tokens

PATCH, EPSILON = 16, 1e-6
PARTS = ("q", "k", "v")


def _split(mapping):
    """Splits timm's `qkv` layer into one each for queries, keys and values."""
    state = {}
    for key, array in mapping.items():
        if match := re.fullmatch(r"(blocks\.\d+\.attn\.)qkv(\.\w+)", key):
            for part, third in zip(PARTS, np.split(np.asarray(array), 3), strict=True):
                state[f"{match[1]}{part}{match[2]}"] = third
        else:
            state[key] = array
    return state


def _joined(mapping):
    """Joins the class token and the distillation token into one array."""
    first = [mapping[key] for key in ("cls_token", "dist_token") if key in mapping]
    state = {k: v for k, v in mapping.items() if k not in ("cls_token", "dist_token")}
    return state | ({"tokens.first": np.concatenate(first, axis=1)} if first else {})


def _without_head(mapping):
    """Drops what a classifier has after the last block."""
    head = re.compile(r"(norm|fc_norm|pre_logits|head|head_dist)\.")
    return {key: array for key, array in mapping.items() if not head.match(key)}


KEYS = (_split, _joined, _without_head, (r"^pos_embed$", "tokens.places"))


def _block(x, heads, name):
    """Attention and a multilayer perceptron, each normalised first (figure 1)."""
    width = x.shape[-1]
    y = layers.LayerNormalization(epsilon=EPSILON, name=f"{name}.norm1")(x)
    y = MultiHeadAttention(heads)(*(linear(y, width, f"{name}.attn.{part}") for part in PARTS))
    x = layers.Add()([x, linear(y, width, f"{name}.attn.proj")])
    y = layers.LayerNormalization(epsilon=EPSILON, name=f"{name}.norm2")(x)
    y = Gelu()(linear(y, GROWTH * width, f"{name}.mlp.fc1"))
    return layers.Add()([x, linear(y, width, f"{name}.mlp.fc2")])


def vit(x, width, depth, heads, grid, prefix=1):
    """Normalised pixels (N, H, W, 3) -> the last block's map "stride16", and "tokens": the output
    of each block, (N, prefix + h·w, 1, width), for h × w patches.

    Sides are padded at the right and bottom to a multiple of 16.

    Args:
        width, depth, heads: channels, blocks, attention heads.
        grid: patches a side of the training images.
        prefix: tokens before those of the patches; 2 in distilled ones.
    """
    x = PadToMultiple(PATCH)(x)
    patches = conv(x, width, PATCH, stride=PATCH, padding=0, bias=True, name="patch_embed.proj")
    x, tokens = Tokens(grid, prefix, name="tokens")(patches), []
    for i in range(depth):
        tokens.append(x := _block(x, heads, f"blocks.{i}"))
    last = Readout(prefix)(x, patches)
    return {"stride16": last, "tokens": tokens, "patches": patches, "prefix": prefix}
