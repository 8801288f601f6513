"""The test-time flags of `predict` and `test`."""

import json

import cv2
import numpy as np
import pytest
from helpers.pictures import picture
from helpers.refusals import refused
from PIL import Image

import tfseg
from tfseg.cli import main
from tfseg.prediction.crf import CRF


@pytest.fixture(scope="module")
def photo(tmp_path_factory):
    """An image with edges, 61×83."""
    pixels = cv2.GaussianBlur(picture(61, 83), (0, 0), 4)
    pixels = (pixels - pixels.min()) * np.float32(255 / np.ptp(pixels))
    path = tmp_path_factory.mktemp("photos") / "photo.png"
    Image.fromarray(pixels.astype(np.uint8)).save(path)
    return path


def predicted(run, photo, folder, *flags):
    main(["predict", f"--run={run}", f"--input={photo}", f"--output={folder}", "--gpu=-1", *flags])
    return np.asarray(Image.open(folder / "photo.png"))


def test_flags_reach_the_engine(run, photo, tmp_path):
    pixels = np.asarray(Image.open(photo))
    flags = ("--scales=1,1.5", "--flip", "--tile=40", "--overlap=0.5")
    found = predicted(run, photo, tmp_path, *flags)
    segmenter = tfseg.load(run, scales=(1.0, 1.5), flip=True, tile=40, overlap=0.5)
    np.testing.assert_array_equal(found, segmenter.predict(pixels))


def test_crf_by_flags(run, photo, tmp_path):
    pixels, plain = np.asarray(Image.open(photo)), tfseg.load(run, size=(40, 56))
    crf = CRF(iterations=3, bilateral_srgb=20, gaussian_compat=1.5)
    flags = ("--crf", "--crf_iterations=3", "--crf_bilateral_srgb=20", "--crf_gaussian_compat=1.5")
    found = predicted(run, photo, tmp_path, "--size=40x56", *flags)
    wanted = crf(pixels, plain.probabilities(pixels)).argmax(-1)
    np.testing.assert_array_equal(found, wanted)
    assert (found != plain.predict(pixels)).any()


def test_test_with_every_option(run, tmp_path):
    flags = ["--scales=1,0.75", "--flip", "--crf", "--crf_iterations=1", "--batch_size=2"]
    main(["test", f"--run={run}", "--gpu=-1", f"--output={tmp_path}", *flags])
    figures = json.loads((tmp_path / "test-val.json").read_text())
    assert 0 < figures["miou"] < 1


@pytest.mark.parametrize("command", ["test", "predict"])
def test_parameters_of_a_crf_need_it(command, run, photo, capsys):
    argv = [command, f"--run={run}", "--gpu=-1", "--crf_gaussian_sxy=2"]
    argv += [f"--input={photo}"] if command == "predict" else []
    assert "--crf_gaussian_sxy needs --crf" in refused(capsys, *argv)
