"""Mix Transformer encoders (Xie et al. 2021, arXiv 2105.15203), with Hugging Face's names."""

import re

import numpy as np
from keras import initializers, layers

from tfseg.layers.blocks import conv, depthwise
from tfseg.layers.gelu import Gelu
from tfseg.layers.multi_head import MultiHeadAttention

HEADS = (1, 2, 5, 8)  # of the four stages, at strides 4 to 32
REDUCTIONS = (8, 4, 2, 1)
GROWTH = 4  # expansion of the channels in a Mix-FFN
DROP = 0.1  # drop rate of the last block; the rate grows from 0 in equal steps


def _split(mapping):
    """Splits the authors' `kv` layer into one for keys and one for values."""
    state = {}
    for key, array in mapping.items():
        if match := re.match(r"(block\d\.\d+\.attn\.)kv(\..*)", key):
            start, end = match.groups()
            state[f"{start}key{end}"], state[f"{start}value{end}"] = np.split(array, 2)
        else:
            state[key] = array
    return state


def _from_zero(mapping):
    """Renumbers the authors' stages, which count from 1, from 0."""

    def counted(match):
        return f"{match[1]}.{int(match[2]) - 1}."

    pattern = r"^(patch_embed|block|norm)([1-4])\."
    return {re.sub(pattern, counted, key): array for key, array in mapping.items()}


PROJECTED = {"q": "query", "k": "key", "v": "value"}
_BLOCK = r"^(block\.\d\.\d+\.)"
# Names of the authors, which segmentation_models.pytorch keeps, and of transformers 5 -> layer
# names here. The prefixes of a stage's modules are unique among all encoders.
KEYS = (
    _split,
    _from_zero,
    (r"^stages\.(\d)\.patch_embeddings\.", r"patch_embeddings.\1."),
    (r"^stages\.(\d)\.blocks\.", r"block.\1."),
    (r"^stages\.(\d)\.layer_norm\.", r"layer_norm.\1."),
    (r"^patch_embed\.(\d)\.norm\.", r"patch_embeddings.\1.layer_norm."),
    (r"^patch_embed\.", "patch_embeddings."),
    (r"^norm\.(\d)\.", r"layer_norm.\1."),
    (_BLOCK + r"(?:norm1|layernorm_before)\.", r"\1layer_norm_1."),
    (_BLOCK + r"(?:norm2|layernorm_after)\.", r"\1layer_norm_2."),
    (_BLOCK + r"attn\.q\.", r"\1attn.query."),
    (_BLOCK + r"attn\.norm\.", r"\1attn.layer_norm."),
    (_BLOCK + r"attn\.proj\.", r"\1attention.output.dense."),
    (_BLOCK + r"attn\.", r"\1attention.self."),
    (_BLOCK + r"attention\.([qkv])_proj\.", lambda m: f"{m[1]}attention.self.{PROJECTED[m[2]]}."),
    (_BLOCK + r"attention\.o_proj\.", r"\1attention.output.dense."),
    (_BLOCK + r"attention\.sequence_reduction\.sequence_reduction\.", r"\1attention.self.sr."),
    (_BLOCK + r"attention\.sequence_reduction\.layer_norm\.", r"\1attention.self.layer_norm."),
    (_BLOCK + r"mlp\.fc([12])\.", r"\1mlp.dense\2."),
)


def linear(x, filters, name):
    """A linear layer at each position, with the initial weights of transformers."""
    start = initializers.TruncatedNormal(stddev=0.02)
    return conv(x, filters, 1, bias=True, init=start, name=name)


def _norm(x, name, epsilon=1e-6):
    return layers.LayerNormalization(epsilon=epsilon, name=name)(x)


def _attention(x, heads, reduction, name):
    """Efficient attention: keys and values from a map `reduction` times as coarse (section 3.1)."""
    coarse, width, own = x, x.shape[-1], f"{name}.self"
    if reduction > 1:
        how = {"stride": reduction, "padding": 0, "bias": True}
        coarse = conv(x, width, reduction, **how, name=f"{own}.sr")
        coarse = _norm(coarse, f"{own}.layer_norm", epsilon=1e-5)
    query = linear(x, width, f"{own}.query")
    key, value = (linear(coarse, width, f"{own}.{part}") for part in ("key", "value"))
    y = MultiHeadAttention(heads)(query, key, value)
    return linear(y, width, f"{name}.output.dense")


def _mix_ffn(x, name):
    """Two linear layers; a 3×3 depthwise convolution between them encodes position (equation 3)."""
    y = linear(x, GROWTH * x.shape[-1], f"{name}.dense1")
    y = Gelu()(depthwise(y, 3, bias=True, name=f"{name}.dwconv.dwconv"))
    return linear(y, x.shape[-1], f"{name}.dense2")


def _block(x, heads, reduction, drop, name):
    """Attention and Mix-FFN, each normalised first and dropped for some images in training."""

    def add(x, y):
        y = layers.Dropout(drop, noise_shape=(None, 1, 1, 1))(y) if drop else y
        return layers.Add()([x, y])

    y = _norm(x, f"{name}.layer_norm_1")
    x = add(x, _attention(y, heads, reduction, f"{name}.attention"))
    return add(x, _mix_ffn(_norm(x, f"{name}.layer_norm_2"), f"{name}.mlp"))


def mit(x, depths, widths):
    """Normalised pixels (N, H, W, 3) -> features by name, "stride4" to "stride32".

    There is no "stride2": the first convolution goes to stride 4. Layer normalisation has the
    authors' epsilons, 1e-5 after a convolution and 1e-6 elsewhere.

    Args:
        depths, widths: blocks and channels of the four stages.
    """
    features, drops = {}, iter(np.linspace(0, DROP, sum(depths)))
    for stage, (depth, width) in enumerate(zip(depths, widths, strict=True)):
        kernel, stride, name = *((7, 4) if stage == 0 else (3, 2)), f"patch_embeddings.{stage}"
        x = conv(x, width, kernel, stride=stride, bias=True, name=f"{name}.proj")
        x = _norm(x, f"{name}.layer_norm", epsilon=1e-5)
        for i in range(depth):
            drop = float(next(drops))
            x = _block(x, HEADS[stage], REDUCTIONS[stage], drop, f"block.{stage}.{i}")
        features[f"stride{4 << stage}"] = x = _norm(x, f"layer_norm.{stage}")
    return features
