"""SegFormer and its encoders: all variants of key names, and stochastic depth."""

import re
import sys

import keras
import numpy as np
from helpers.small import ROOT
from keras import ops

import tfseg
from tfseg.weights import load_state_dict

sys.path.insert(0, str(ROOT / "tests" / "parity"))
import rule


def state_of(name):
    return rule.state_dict(rule.load(name)[0])


def assert_same_weights(one, two):
    for a, b in zip(one.weights, two.weights, strict=True):
        np.testing.assert_array_equal(a, b)


def as_in_files(key):
    """The key as in the hub's files, which transformers used until version 4."""
    for new, old in (
        (r"stages\.(\d)\.patch_embeddings", r"encoder.patch_embeddings.\1"),
        (r"stages\.(\d)\.blocks", r"encoder.block.\1"),
        (r"stages\.(\d)\.layer_norm", r"encoder.layer_norm.\1"),
        (r"attention\.q_proj", "attention.self.query"),
        (r"attention\.k_proj", "attention.self.key"),
        (r"attention\.v_proj", "attention.self.value"),
        (r"attention\.o_proj", "attention.output.dense"),
        (r"sequence_reduction\.sequence_reduction", "self.sr"),
        (r"sequence_reduction\.layer_norm", "self.layer_norm"),
        (r"mlp\.fc", "mlp.dense"),
        (r"layernorm_before", "layer_norm_1"),
        (r"layernorm_after", "layer_norm_2"),
        (r"linear_projections", "linear_c"),
    ):
        key = re.sub(new, old, key)
    return key


def as_by_the_authors(state):
    """smp's Segformer with NVlabs' keys: the same encoder, another head."""
    spelt = {"decode_head.conv_seg.weight": np.zeros((11, 128, 1, 1), "f4")}
    for key, array in state.items():
        key = re.sub(r"^encoder", "backbone", key)
        key = re.sub(
            r"^decoder\.mlp_stage\.(\d)\.linear",
            lambda m: f"decode_head.linear_c{4 - int(m[1])}.proj",
            key,
        )
        key = key.replace("decoder.fuse_stage.0", "decode_head.linear_fuse.conv")
        key = key.replace("decoder.fuse_stage.1", "decode_head.linear_fuse.bn")
        spelt[key.replace("segmentation_head.0", "decode_head.linear_pred")] = array
    return spelt


def test_every_spelling_of_segformer_loads():
    new = state_of("segformer_mit_b0")
    old = {as_in_files(key): array for key, array in new.items()}
    assert "segformer.encoder.block.0.1.attention.self.sr.weight" in old
    one, two = tfseg.build("segformer", 11), tfseg.build("segformer", 11)
    assert not load_state_dict(one, new)
    assert not load_state_dict(two, old)
    assert_same_weights(one, two)
    smp = state_of("segformer_smp_mit_b1")
    one, two = (tfseg.build("segformer", 11, encoder="mit_b1") for _ in range(2))
    assert not load_state_dict(one, smp)
    assert not load_state_dict(two, as_by_the_authors(smp))
    assert_same_weights(one, two)
    encoder = tfseg.build_encoder("mit_b1")
    load_state_dict(encoder, smp)
    np.testing.assert_array_equal(
        encoder.get_layer("block.1.0.attention.self.value").kernel[0, 0],
        smp["encoder.block2.0.attn.kv.weight"][128:].T,
    )


def test_training_drops_a_branch_of_whole_images_alone():
    """Deeper blocks more often (Huang et al. 2016, arXiv 1603.09382); the rest is scaled up."""
    model = tfseg.build_encoder("mit_b0")
    drops = [layer for layer in model.layers if isinstance(layer, keras.layers.Dropout)]
    rates = [drop.rate for drop in drops]
    np.testing.assert_allclose(rates, np.repeat(np.arange(1, 8) / 70, 2))
    x = np.random.default_rng(0).uniform(1, 2, (400, 2, 3, 4)).astype("f4")
    y = ops.convert_to_numpy(drops[-1](x, training=True))
    kept = y.any(axis=(1, 2, 3))
    assert 0.8 < kept.mean() < 1
    np.testing.assert_allclose(y[kept], x[kept] / 0.9, rtol=1e-5)
