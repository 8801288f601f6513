"""Loading of checkpoints into networks: what fits, what is skipped, and the messages."""

import keras
import numpy as np
import pytest
import safetensors.numpy
from faults.checkpoints import tiny_network
from torch_files import make

import tfseg
from tfseg.checkpoints import save_weights
from tfseg.cli import main
from tfseg.config import ExportConfig
from tfseg.errors import UserError
from tfseg.networks import find_network, load_checkpoint
from tfseg.weights import load_state_dict


def assert_same(one, two, but=()):
    for layer in one.layers:
        if layer.weights and layer.name not in but:
            for a, b in zip(layer.weights, two.get_layer(layer.name).weights, strict=True):
                np.testing.assert_array_equal(a, b)


def other_head(classes=3):
    """The tiny network with zero weights and another head."""
    network = tiny_network()
    output = keras.layers.Conv2D(classes, 1, name="head")(network.get_layer("bn1").output)
    made = keras.Model(network.inputs, output, name="tiny")
    for weight in made.weights:
        weight.assign(np.zeros(weight.shape))
    return made


def files(folder):
    """Writes the same weights in every kind of file."""
    network = tiny_network()
    save_weights(network, folder / "a.weights.h5")
    network.save(folder / "a.keras")
    safetensors.numpy.save_file(make.state(), folder / "a.safetensors")
    return [folder / "a.weights.h5", folder / "a.keras", folder / "a.safetensors"]


def test_a_head_for_other_classes_is_skipped_in_every_kind_of_file(tmp_path):
    for path in files(tmp_path):
        network = other_head()
        with pytest.raises(
            UserError, match=r"does not fit tiny: head.\w+ is \(.*\), wanted \("
        ) as no:
            load_checkpoint(network, path)
        assert str(path) in str(no.value)
        assert "--skip_head" in no.value.typed
        assert not np.any(network.get_layer("conv1").kernel)
        left = load_checkpoint(network, path, skip_head=True)
        assert [line.split(" is ")[0].partition(".")[0] for line in left] == ["head", "head"]
        assert_same(network, tiny_network(), but=["head"])


def test_missing_layers_are_named(tmp_path):
    pixels = keras.Input((None, None, 3))
    x = keras.layers.Conv2D(4, 3, use_bias=False, name="conv1")(pixels)
    network = keras.Model(pixels, keras.layers.Conv2D(2, 1, name="last")(x), name="tiny")
    for path in files(tmp_path):
        with pytest.raises(UserError, match=r"missing last\.(bias|weight); .*unexpected bn1"):
            load_checkpoint(network, path)


@pytest.mark.parametrize(
    "prefix",
    ["model.", "net.", "_orig_mod.", "module.model.", "module.", "a.b.c.", "model._orig_mod."],
)
def test_prefixes_are_taken_off(capsys, prefix):
    network = other_head(2)
    state = {prefix + key: array for key, array in make.state().items()}
    assert load_state_dict(network, {**state, "loss.weight": np.ones(2, "f4")}) == ["loss.weight"]
    assert_same(network, tiny_network())
    said = capsys.readouterr().out
    silent = prefix in ("module.", "_orig_mod.")
    assert ("is removed from its keys" in said) != silent
    assert said.count("\n") == (not silent)


def test_of_teacher_and_student_the_teacher_is_taken(capsys):
    network = other_head(2)
    state = {f"student.{key}": array for key, array in make.state(9).items()}
    state |= {f"teacher.{key}": array for key, array in make.state().items()}
    assert load_state_dict(network, state) == ["7 keys under student."]
    assert_same(network, tiny_network())
    assert "the prefix teacher. is removed" in capsys.readouterr().out


def test_a_network_of_another_kind_is_told_by_its_prefix():
    state = {f"backbone.stages.{i}.weight": np.ones((3, 3), "f4") for i in range(50)}
    with pytest.raises(UserError) as no:
        load_state_dict(other_head(), state)
    assert "unexpected backbone.stages.0.weight" in str(no.value)
    assert "(50 keys under backbone.stages.)" in str(no.value)
    assert "--model or --encoder" in no.value.typed


def test_quantized_weights_are_refused():
    state = {**make.state(), "head.weight": np.ones((2, 4, 1, 1), "int8")}
    with pytest.raises(UserError, match=r"head\.weight is int8; quantized"):
        load_state_dict(other_head(2), state)


def test_a_compiled_network_gets_all_of_its_optimizer(tmp_path):
    path, network = tmp_path / "a.weights.h5", tiny_network()
    network.compile("adam", "mse")
    network.optimizer.build(network.trainable_variables)
    network.optimizer.variables[2].assign(np.full(network.optimizer.variables[2].shape, 5.0))
    save_weights(network, path)
    other = other_head(2)
    other.compile("adam", "mse")
    other.optimizer.build(other.trainable_variables)
    load_checkpoint(other, path)
    for one, two in zip(network.optimizer.variables, other.optimizer.variables, strict=True):
        np.testing.assert_array_equal(one, two)
    save_weights(tiny_network(), path)
    with pytest.raises(UserError, match="holds the state of another optimizer"):
        load_checkpoint(other, path)


@pytest.mark.slow
def test_every_command_loads_what_train_loads(run, records, tmp_path):
    best = run / "checkpoints" / "best.weights.h5"
    segmenter = tfseg.load(run)
    assert tfseg.load(best).classes == segmenter.classes  # it is inside its run
    segmenter.model.save(tmp_path / "x.keras")
    save_weights(segmenter.model, tmp_path / "x.weights.h5")
    for path in (tmp_path / "x.keras", tmp_path / "x.weights.h5"):
        with pytest.raises(UserError, match="is a checkpoint, which does not say"):
            tfseg.load(path)
        assert_same(tfseg.load(run, checkpoint=path).model, segmenter.model)
        flags = ["--model=linknet", f"--checkpoint={path}"]
        figures = ["--gpu=-1", f"--input={records}", f"--output={tmp_path / 'figures'}"]
        main(["test", *flags, *figures])
    main(["export", *flags, f"--output={tmp_path / 'exported' / '1'}"])
    main(["test", "--model=linknet", f"--checkpoint={run}", *figures])  # its best checkpoint
    wrong = ExportConfig(model="linknet", checkpoint=best, dataset="voc2012", output=tmp_path)
    with pytest.raises(UserError, match=r"best.weights.h5 does not fit linknet: .*wanted \(.*21"):
        find_network(wrong)
