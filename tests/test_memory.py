"""Crops and batches that fit into memory."""

import math

import numpy as np
import pytest
from PIL import Image

import tfseg
from tfseg import memory
from tfseg.config import TrainConfig
from tfseg.memory import StepCost, fitting_crop, step_cost
from tfseg.training.sizes import find_fit, fitting_sizes

FRAME = (3000, 4000)


@pytest.mark.parametrize("room", [2e9, 5e9, 2e10])
def test_a_crop_shrinks_in_proportion_until_it_fits(room):
    cost = StepCost(per_pixel=1500.0, fixed=1e8)
    crop, batch = fitting_crop(FRAME, 4, cost, room)
    assert cost.bytes(crop, batch) <= room < cost.bytes((crop[0] + 64, crop[1] + 64), batch)
    assert batch == 4
    assert not any(side % 32 for side in crop)
    assert crop[1] / crop[0] == pytest.approx(4 / 3, rel=0.1)


def test_the_batch_shrinks_only_when_the_crop_cannot():
    cost = StepCost(per_pixel=1500.0, fixed=0.0)
    room = cost.bytes((256, 256), 2)
    assert fitting_crop(FRAME, 4, cost, room) == ((256, 256), 2)
    assert fitting_crop((512, 512), 4, cost, room, keep_crop=True) == ((512, 512), 1)
    assert fitting_crop((512, 512), 4, cost, room, keep_batch=True) == ((256, 256), 4)


def test_what_fits_stays():
    assert fitting_crop(FRAME, 4, StepCost(1.0, 0.0), 1e9) == (FRAME, 4)


def test_the_cost_of_a_step_grows_with_its_pixels():
    costs = [step_cost(tfseg.build("linknet", 11, input_shape=(n, n, 3))) for n in (128, 256)]
    assert costs[0].per_pixel == pytest.approx(costs[1].per_pixel, rel=0.02)
    assert costs[0].fixed == costs[1].fixed > 11.5e6 * 16


def test_small_steps_are_not_worked_out():
    assert find_fit(TrainConfig(gpu=()), (360, 480), 11) is None


def draw(folder, size):
    for name in ("images", "labels"):
        (folder / name).mkdir(parents=True)
    for i in range(2):
        pixels = np.random.default_rng(i).integers(0, 256, (*size, 3), np.uint8)
        Image.fromarray(pixels).save(folder / "images" / f"{i}.jpg")
        Image.fromarray(pixels[..., 0] // 128).save(folder / "labels" / f"{i}.png")
    (folder / "classes.csv").write_text("name,r,g,b\na,0,0,0\nb,255,0,0\n")
    return folder


def test_inspect_says_what_training_will_take(tmp_path, capsys, monkeypatch):
    """Simulates a machine with 4 GB free, because the real free memory varies."""
    monkeypatch.setattr(memory, "free_memory", lambda: 4e9)
    side = math.ceil(math.sqrt(4e9 / 2000))  # more than four of them take
    folder = draw(tmp_path / "large", (side, side))
    capsys.readouterr()
    found = [finding.text for finding in tfseg.inspect(input=folder, workers=1)]
    [line] = [text for text in found if "whole ones take" in text]
    records = tfseg.open_records(folder)
    crop, batch = fitting_sizes(TrainConfig(gpu=()), records)
    assert batch == 4
    assert max(crop) < side
    assert "training crops 4 of" in line
    assert "crops of" in capsys.readouterr().out
    assert fitting_sizes(TrainConfig.of(gpu=-1, crop_size="64x64"), records) == ((64, 64), 4)
