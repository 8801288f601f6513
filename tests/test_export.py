"""Exports, run in the runtimes that load them."""

import io
import json
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from helpers.randomize import randomize
from PIL import Image

import tfseg
from tfseg.cli import main
from tfseg.config import ExportConfig
from tfseg.errors import UserError
from tfseg.exporting.export import export
from tfseg.exporting.folding import fold
from tfseg.exporting.formats import FORMATS, open_export
from tfseg.layers.pooling import MaxUnpool
from tfseg.models import unet
from tfseg.records.example import decode


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
    model = tf.saved_model.load(str(exported))
    smooth = np.asarray(Image.fromarray(random_image(6, 8)).resize((70, 50)))
    files = [
        encoded(smooth, "JPEG"),
        encoded(smooth, "JPEG", "L"),
        encoded(random_image(61, 83)),
        encoded(random_image(33, 40, 4)),
        encoded(random_image(48, 48, 1)),
        encoded(smooth, mode="P"),
    ]
    masks = model.signatures["encoded"](image_bytes=tf.constant(files))["mask_png"].numpy()
    named = model.signatures["encoded_rest"](image_bytes=tf.constant(files))
    np.testing.assert_array_equal(named["mask_png_bytes"], masks)
    for file, mask in zip(files, masks, strict=True):
        mask = Image.open(io.BytesIO(mask))
        assert mask.mode == "L"
        pixels = np.asarray(Image.open(io.BytesIO(file)).convert("RGB"))
        np.testing.assert_array_equal(np.asarray(mask), segmenter.predict(pixels))
    with pytest.raises(tf.errors.InvalidArgumentError, match="needs 32 pixels a side"):
        model.signatures["encoded"](image_bytes=tf.constant([encoded(random_image(31, 40))]))


def test_an_export_carries_names_colours_and_config(run, exported):
    labels = json.loads((exported / "labels.json").read_text())
    of_run = json.loads((run / "labels.json").read_text())
    assert labels == {"model": "linknet", "smallest": 32, **of_run}
    assert json.loads((exported / "assets.extra" / "labels.json").read_text()) == labels
    config = (exported / "assets.extra" / "config.json").read_text()
    assert config == (run / "config.json").read_text()


def test_an_export_overwrites_nothing_and_leaves_nothing_behind(run, exported, tmp_path):
    with pytest.raises(UserError, match="exists; choose another"):
        export(ExportConfig(run=run, output=exported))
    with pytest.raises(UserError, match="does not exist"):
        export(ExportConfig(run=run, output=tmp_path / "1", checkpoint=tmp_path / "x.pth"))
    assert [path.name for path in exported.parent.iterdir()] == ["1"]
    assert list(tmp_path.iterdir()) == []


def test_a_public_checkpoint_becomes_a_model_without_a_run(tmp_path):
    network = tfseg.build("enet", 11, normalization="unit")
    network.save_weights(tmp_path / "enet.weights.h5")
    flags = ["--dataset=camvid", "--normalization=unit", f"--output={tmp_path / '1'}"]
    flags += ["--size=48x64", "--batch=2", "--outputs=logits,mask"]
    checkpoint = f"--checkpoint={tmp_path / 'enet.weights.h5'}"
    main(["export", "--model=enet", checkpoint, *flags])
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
        (["--outputs=masks"], "--outputs=masks: choose one of mask, prob"),
        (["--size=20x64"], "--size=20x64: linknet needs 32 a side"),
        (["--model=enet"], "give one of them"),
        (["--batch=0"], "--batch=0: must be 1 or more"),
        (["--format=savedmodel"], "--format=savedmodel: choose one of saved_model, litert"),
        (["--format=litert,onnx", "--precision=int8"], "--precision=int8: not in ONNX: ONNX Run"),
        (["--format=openvino", "--precision=bfloat16"], "it turns to bfloat16 when it compiles"),
        (["--format=onnx"], "--format=onnx needs tf2onnx: python -m pip install -e '.[export]'"),
    ],
)
def test_mistakes(argv, message, run, tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "tf2onnx", None)  # as if it were not installed
    with pytest.raises(SystemExit) as stopped:
        main(["export", f"--run={run}", f"--output={tmp_path / '1'}", *argv])
    assert stopped.value.code == 2
    assert message in capsys.readouterr().err.strip().splitlines()[-1]
    assert list(tmp_path.iterdir()) == []


def test_saved_model_cli_runs_it(exported, segmenter, tmp_path):
    image = random_image(40, 52)
    np.save(tmp_path / "image.npy", image[None])
    program = Path(sys.executable).with_name("saved_model_cli")
    argv = [program, "run", "--dir", exported, "--tag_set=serve", "--outdir", tmp_path]
    argv += ["--signature_def=serving_default", f"--inputs=images={tmp_path / 'image.npy'}"]
    subprocess.run(argv, check=True, capture_output=True)
    np.testing.assert_array_equal(np.load(tmp_path / "mask.npy")[0], segmenter.predict(image))


def check_formats(network, folder, height=96, width=128):
    """Compares every format of a network with Keras, for images of any size.

    With unpooling by indices, of two neighbours that differ in the last bit, either may be the
    maximum, depending on the order of sums; one such change at the deepest level reaches a fifth
    of the frame. A fault would show in every image, so a quarter of eight images must agree in
    every pixel.
    """
    unpools = any(isinstance(layer, MaxUnpool) for layer in network.layers)
    images = pictures(8 if unpools else 1, height, width)
    logits = keras.ops.convert_to_numpy(network(images, training=False))
    folded, config = fold(network), ExportConfig(outputs=("mask", "logits"))
    for name, format in FORMATS.items():
        format.write(folded, folder, config, [])
        results = open_export(folder / format.file)(images)
        assert results["mask"].dtype == np.uint8
        np.testing.assert_array_equal(results["mask"], results["logits"].argmax(-1))
        same = np.abs(results["logits"] - logits) <= 2e-5 * np.abs(logits).max()
        same = same.all(axis=(1, 2, 3))
        assert same.mean() >= (0.25 if unpools else 1), name
        differ = (results["mask"] != logits.argmax(-1))[same]
        assert differ.mean() < 1e-3, name  # two classes may be equally likely


def pictures(count, height, width):
    coarse = np.random.default_rng(6).integers(0, 256, (count, 6, 8, 3), "uint8")
    size, filter = (width, height), Image.Resampling.BICUBIC
    return np.stack([np.asarray(Image.fromarray(image).resize(size, filter)) for image in coarse])


@pytest.fixture
def clients():
    for package in ("ai_edge_litert", "onnx", "onnxruntime", "openvino", "tf2onnx"):
        pytest.importorskip(package, reason=f"{package} is not installed: extra export")


@pytest.mark.usefixtures("clients")
def test_one_command_writes_every_format(run, segmenter, tmp_path):
    output, images = tmp_path / "1", pictures(1, 61, 83)
    formats = "--format=saved_model,litert,onnx,openvino"
    main(["export", f"--run={run}", f"--output={output}", formats])
    files = {"assets.extra", "labels.json", "model.bin", "model.onnx", "model.tflite", "model.xml"}
    assert files <= {path.name for path in output.iterdir()}
    for name, format in FORMATS.items():
        mask = open_export(output / format.file)(images)["mask"][0]
        np.testing.assert_array_equal(mask, segmenter.predict(images[0]), name)
    _openvino_reads_the_saved_model(output, images, segmenter.predict(images[0]))


def _openvino_reads_the_saved_model(folder, images, mask):
    import openvino

    model = openvino.compile_model(folder, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    np.testing.assert_array_equal(model({"images": images})["mask"][0], mask)


@pytest.mark.parametrize("precision", ["bfloat16", pytest.param("float16", marks=pytest.mark.slow)])
def test_a_saved_model_of_half_the_size(precision, run, exported, segmenter, tmp_path):
    export(ExportConfig(run=run, output=tmp_path / "1", precision=precision))
    weights = "variables/variables.data-00000-of-00001"
    sizes = [(folder / weights).stat().st_size for folder in (tmp_path / "1", exported)]
    assert sizes[0] < 0.55 * sizes[1]
    images = pictures(1, 61, 83)
    mask = open_export(tmp_path / "1")(images)["mask"][0]
    assert np.mean(mask != segmenter.predict(images[0])) < 0.05


@pytest.mark.usefixtures("clients")
@pytest.mark.parametrize("format", ["litert", pytest.param("openvino", marks=pytest.mark.slow)])
def test_int8_is_calibrated_with_the_frames_of_the_run(format, run, segmenter, tmp_path):
    if format == "openvino":
        pytest.importorskip("nncf")
    export(ExportConfig(run=run, output=tmp_path / "1", format=(format,), precision="int8"))
    file = tmp_path / "1" / FORMATS[format].file
    weights = file.with_suffix(".bin") if format == "openvino" else file
    parameters = segmenter.model.count_params()
    assert weights.stat().st_size < 1.2 * parameters  # a byte each, and little more
    split = tfseg.open_records(json.loads((run / "config.json").read_text())["input"]).splits["val"]
    images = decode(split.read(0), split.info.encoding)[0].numpy()[None]
    assert np.mean(open_export(file)(images)["mask"][0] != segmenter.predict(images[0])) < 0.1


@pytest.mark.usefixtures("clients")
def test_int8_runs_where_a_map_is_almost_always_zero(tmp_path):
    """XNNPACK, LiteRT's fast kernels, refuses such a convolution."""
    pixels = keras.Input((None, None, 3))
    dim = keras.layers.Conv2D(1, 1, kernel_initializer="ones", activation="relu")
    logits = keras.layers.Conv2D(2, 1, name="logits")(dim(pixels))
    network = keras.Model(pixels, logits)
    dim.bias.assign([-764.999])  # white is 765
    frames = [np.full((1, 8, 8, 3), level, np.uint8) for level in (0, 255)]
    FORMATS["litert"].write(network, tmp_path, ExportConfig(precision="int8"), frames)
    run = open_export(tmp_path / "model.tflite")
    for frame in frames:
        expected = np.argmax(network(frame), -1)
        np.testing.assert_array_equal(run(frame)["mask"], expected)


@pytest.mark.slow
@pytest.mark.usefixtures("clients")
def test_int8_keeps_the_scores_of_depthwise_convolutions(tmp_path):
    pytest.importorskip("nncf")
    network = randomize(tfseg.build("fast_scnn", 5))
    image = pictures(1, 96, 128)
    frames = [image, image[:, ::-1], image[:, :, ::-1], 255 - image]
    config = ExportConfig(precision="int8", outputs=("logits",))
    FORMATS["openvino"].write(fold(network), tmp_path, config, frames)
    logits = open_export(tmp_path / "model.xml")(frames[0])["logits"]
    wanted = np.asarray(network(frames[0], training=False))
    assert np.corrcoef(logits.ravel(), wanted.ravel())[0, 1] > 0.98  # 0.3 with them in int8


@pytest.mark.usefixtures("clients")
def test_enet_with_its_indices_is_the_same_in_every_runtime(tmp_path):
    check_formats(randomize(tfseg.build("enet", 5)), tmp_path, 97, 130)


@pytest.mark.slow
@pytest.mark.usefixtures("clients")
@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("linknet", {}),
        ("segnet_basic", {}),
        ("segnet_gated", {}),
        ("unet", {}),
        ("deeplabv3plus", {}),
        ("fcn8s", {"encoder": "densenet121"}),
        ("segformer", {}),
        ("dpt", {"encoder": "vit_tiny_patch16_224"}),
    ],
)
def test_small_networks_are_the_same_in_every_runtime(name, options, tmp_path, monkeypatch):
    monkeypatch.setattr(unet, "WIDTHS", (8, 16, 24, 32, 40))
    check_formats(randomize(tfseg.build(name, 5, **options)), tmp_path)
