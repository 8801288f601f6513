"""Exports, seen by the runtimes that load them."""

import io
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

import tfseg
from tfseg.cli import main
from tfseg.config import ExportConfig
from tfseg.errors import UserError
from tfseg.export.export import export


@pytest.fixture(scope="module")
def segmenter(run):
    return tfseg.load(run)


@pytest.fixture(scope="module")
def exported(run, tmp_path_factory):
    output = tmp_path_factory.mktemp("exports") / "linknet" / "1"
    assert export(ExportConfig(run=run, output=output)) == output
    return output


def random_image(height, width, channels=3):
    return np.random.default_rng(height).integers(0, 256, (height, width, channels), "uint8")


def encoded(pixels, format="PNG", mode=None):
    image = Image.fromarray(np.squeeze(pixels))
    file = io.BytesIO()
    (image.convert(mode) if mode else image).save(file, format)
    return file.getvalue()


def test_serving_default_answers_the_same_mask_at_any_size(segmenter, exported):
    served = tf.saved_model.load(str(exported)).signatures["serving_default"]
    for images in (random_image(48, 64)[None], np.stack([random_image(61, 83)] * 2)):
        mask = served(images=tf.constant(images))["mask"]
        assert mask.dtype == tf.uint8
        for one, image in zip(mask, images, strict=True):
            np.testing.assert_array_equal(one, segmenter.predict(image))


def test_encoded_takes_files_of_any_size_and_kind_in_one_batch(segmenter, exported):
    served = tf.saved_model.load(str(exported)).signatures["encoded"]
    smooth = np.asarray(Image.fromarray(random_image(6, 8)).resize((70, 50)))
    files = [
        encoded(smooth, "JPEG"),
        encoded(smooth, "JPEG", "L"),
        encoded(random_image(61, 83)),
        encoded(random_image(33, 40, 4)),
        encoded(random_image(48, 48, 1)),
        encoded(smooth, mode="P"),
    ]
    masks = served(image_bytes=tf.constant(files))["mask_png"].numpy()
    for file, mask in zip(files, masks, strict=True):
        mask = Image.open(io.BytesIO(mask))
        assert mask.mode == "L"
        pixels = np.asarray(Image.open(io.BytesIO(file)).convert("RGB"))
        np.testing.assert_array_equal(np.asarray(mask), segmenter.predict(pixels))
    with pytest.raises(tf.errors.InvalidArgumentError, match="needs 32 pixels a side"):
        served(image_bytes=tf.constant([encoded(random_image(31, 40))]))


def test_an_export_carries_names_colours_and_config(run, exported):
    labels = json.loads((exported / "labels.json").read_text())
    of_run = json.loads((run / "labels.json").read_text())
    assert labels == {"model": "linknet", **of_run}
    assert json.loads((exported / "assets.extra" / "labels.json").read_text()) == labels
    config = (exported / "assets.extra" / "config.json").read_text()
    assert config == (run / "config.json").read_text()


def test_an_export_overwrites_nothing_and_leaves_nothing_behind(run, exported, tmp_path):
    with pytest.raises(UserError, match="exists; choose another"):
        export(ExportConfig(run=run, output=exported))
    with pytest.raises(UserError, match="x.pth does not exist"):
        export(ExportConfig(run=run, output=tmp_path / "1", checkpoint=tmp_path / "x.pth"))
    assert [path.name for path in exported.parent.iterdir()] == ["1"]
    assert list(tmp_path.iterdir()) == []


def test_a_public_checkpoint_becomes_a_model_without_a_run(tmp_path):
    network = tfseg.build("enet", 11, normalization="unit")
    network.save_weights(tmp_path / "enet.weights.h5")
    main(
        ["export", "--model=enet", f"--checkpoint={tmp_path / 'enet.weights.h5'}"]
        + ["--dataset=camvid", "--normalization=unit", f"--output={tmp_path / '1'}"]
        + ["--size=48x64", "--batch=2", "--outputs=logits,mask"]
    )
    labels = json.loads((tmp_path / "1" / "labels.json").read_text())
    assert (labels["dataset"], labels["model"]) == ("camvid", "enet")
    assert labels["classes"][0] == "Sky"
    served = tf.saved_model.load(str(tmp_path / "1")).signatures
    images = np.stack([random_image(48, 64), random_image(48, 64)[::-1]])
    results = served["serving_default"](images=tf.constant(images))
    assert results.keys() == {"logits", "mask"}
    assert served["serving_default"].inputs[0].shape == (2, 48, 64, 3)
    expected = network(images, training=False)
    np.testing.assert_allclose(results["logits"], expected, atol=1e-4)
    np.testing.assert_array_equal(results["mask"], np.argmax(expected, -1))
    files = [encoded(images[0]), encoded(random_image(61, 83))]
    masks = served["encoded"](image_bytes=tf.constant(files))["mask_png"].numpy()
    first, second = (np.asarray(Image.open(io.BytesIO(mask))) for mask in masks)
    np.testing.assert_array_equal(first, results["mask"][0])
    assert second.shape == (61, 83)


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--outputs=masks"], "unknown output 'masks'; did you mean mask?"),
        (["--size=20x64"], "--size=20x64: linknet needs 32 a side"),
        (["--model=enet"], "give one of them"),
        (["--batch=0"], "--batch=0: must be 1 or more"),
    ],
)
def test_mistakes(argv, message, run, tmp_path, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["export", f"--run={run}", f"--output={tmp_path / '1'}", *argv])
    assert stopped.value.code == 2
    assert message in capsys.readouterr().err.strip().splitlines()[-1]
    assert list(tmp_path.iterdir()) == []


def test_saved_model_cli_runs_it(exported, segmenter, tmp_path):
    image = random_image(40, 52)
    np.save(tmp_path / "image.npy", image[None])
    program = Path(sys.executable).with_name("saved_model_cli")
    subprocess.run(
        [program, "run", "--dir", exported, "--tag_set=serve", "--signature_def=serving_default"]
        + [f"--inputs=images={tmp_path / 'image.npy'}", "--outdir", tmp_path],
        check=True,
        capture_output=True,
    )
    np.testing.assert_array_equal(np.load(tmp_path / "mask.npy")[0], segmenter.predict(image))
