"""The same networks on JAX."""

import os
import subprocess
import sys

import pytest
from helpers.small import ROOT

JAX = """
import sys
import numpy as np, keras, tfseg
sys.path[:0] = ["tests", "tests/parity"]
import rule
from helpers.networks import PARITY
from tfseg.weights import load_state_dict
assert keras.backend.backend() == "jax" and "tensorflow" not in sys.modules
for name in ("segnet", "deeplabv3plus_resnet50", "encoder_efficientnet_lite0",
             "encoder_regnet_y_400mf", "segformer_mit_b0", "manet_resnet18", "pan_resnet18",
             "dpt_vit_tiny"):
    case, outputs = rule.load(name)
    model = PARITY[name]()
    load_state_dict(model, rule.state_dict(case))
    found = model(rule.image(case))
    found = found if isinstance(found, dict) else {"logits": found}
    for key, wanted in outputs.items():
        step = case["outputs"][key]["stride"]
        ours = np.asarray(found[key])[:, ::step, ::step]
        error = np.abs(ours - wanted).max() / np.abs(wanted).max()
        assert error <= 1e-4, (name, key, error)
assert tfseg.build("unet", 3, encoder="mobilenet_v3_small")(np.zeros((1, 33, 47, 3))).shape[1] == 33
"""


@pytest.mark.slow
def test_the_same_numbers_under_jax():
    environment = {**os.environ, "KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu"}
    command = [sys.executable, "-c", JAX]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
