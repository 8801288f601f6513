"""Frames that calibrate int8: of several sizes, too."""

import numpy as np

from tfseg.exporting.calibration import of_one_size


def image(height, width, level):
    return np.full((height, width, 3), level, "uint8")


def test_frames_of_several_sizes_become_of_one(capsys):
    """NNCF stacks what it averages; the size of most frames changes the fewest."""
    same = [image(8, 6, 1), image(8, 6, 2)]
    assert of_one_size(same) is same
    assert not capsys.readouterr().out
    images = [image(4, 10, 3), *same, image(9, 9, 255)]
    found = of_one_size(images)
    assert {frame.shape for frame in found} == {(8, 6, 3)}
    assert {frame.dtype for frame in found} == {np.dtype("uint8")}
    assert [int(frame.mean()) for frame in found] == [3, 1, 2, 255]
    assert found[1] is same[0]
    assert capsys.readouterr().out == "frames of 3 sizes: calibrated at 8x6, the size of most\n"
