"""The Python API: `import tfseg` in a fresh interpreter."""

import inspect
import os
import subprocess
import sys

import pytest
from helpers.networks import NETWORKS, TWINS
from helpers.small import ROOT

import tfseg
from tfseg.commands import COMMANDS
from tfseg.models import MODELS

QUIET = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}


def python(code, cwd=ROOT):
    """Output of a fresh interpreter that runs `code`."""
    env = {**QUIET, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], cwd=cwd, env=env, capture_output=True)
    assert not done.returncode, done.stderr.decode()
    return done.stdout.decode()


def test_import_is_free_and_names_resolve_on_first_use():
    python(
        "import sys, tfseg\n"
        "assert not {'numpy', 'keras', 'tensorflow'} & sys.modules.keys()\n"
        "for name in dir(tfseg): getattr(tfseg, name)\n"
        "assert 'linknet' in tfseg.list_models() and 'resnet18' in tfseg.list_encoders()\n"
        "tfseg.metrics.ConfusionMatrix, tfseg.losses.make_loss, tfseg.weights.load_state_dict\n"
    )


@pytest.mark.parametrize("name", ["build", "build_encoder", "list_encoders", "load", "weights"])
def test_any_name_may_come_first(name):
    python(f"import tfseg; tfseg.{name}; tfseg.list_models()")


def test_asking_for_keras_does_not_keep_the_layers_from_it():
    python(
        "import importlib.util, tfseg\n"
        "assert importlib.util.find_spec('keras')\n"
        "import keras\n"
        "assert keras.saving.get_registered_object('tfseg>FitLike')"
    )


def test_a_script_converts_in_processes_without_a_guard(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "import tfseg\n"
        f"tfseg.convert(dataset='streets', output={str(tmp_path)!r}, limit=2, workers=2)\n"
        "print('once')\n"
    )
    env = {**QUIET, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, script], env=env, capture_output=True, text=True)
    assert done.stdout.splitlines().count("once") == 1, done.stderr
    assert (tmp_path / "streets" / "1.0.0" / "dataset_info.json").exists()


def test_commands_take_the_flags_as_keywords(records, tmp_path):
    run = tfseg.train(
        input=records, savedir=tmp_path / "run", epochs=1, batch_size=2, gpu=-1,
        precision="float32", crop_size=(48, 64), augment="none",
    )  # fmt: skip
    figures = tfseg.test(run=run, gpu=-1)
    assert figures["miou"] == pytest.approx(tfseg.test(run=str(run), gpu=[])["miou"])
    assert (run / "test-val.json").exists()
    curves = tfseg.plot(run=[run], output=tmp_path / "curves.png")
    assert curves.read_bytes().startswith(b"\x89PNG")
    findings = tfseg.inspect(input=records, html=tmp_path / "page.html")
    assert all(isinstance(finding.text, str) for finding in findings)
    with pytest.raises(AttributeError):
        tfseg.nothing  # noqa: B018


def test_signatures_and_docstrings_come_from_the_flags():
    parameters = inspect.signature(tfseg.train).parameters
    assert parameters["epochs"].default == 40
    assert "passes over the training frames" in tfseg.train.__doc__
    assert all(
        "Example:" in command.__doc__ for name, command in COMMANDS.items() if name != "models"
    )


@pytest.mark.parametrize(
    ("options", "option", "words"),
    [
        ({"epochs": 0}, "epochs", "epochs=0: must be 1 or more"),
        ({"epoch": 3}, "epoch", "did you mean epochs"),
        ({"crop_size": (0, 64)}, "crop_size", "crop_size=0x64: wanted a size"),
        ({"optimizer": "adamm"}, "optimizer", "optimizer=adamm: choose one of"),
        ({"gpu": -1, "input": "/nowhere"}, "input", "input=/nowhere does not exist"),
    ],
)
def test_errors_name_the_option_as_it_was_passed(options, option, words):
    with pytest.raises(tfseg.UserError) as caught:
        tfseg.train(**options)
    assert isinstance(caught.value, ValueError)
    assert caught.value.option == option
    assert words in str(caught.value)
    assert "--" not in str(caught.value)
    assert f"--{option}" in caught.value.typed


LOAD = """
import sys
{imports}
import numpy as np
for path in sys.argv[1:]:
    network = keras.saving.load_model(path)
    images = np.load(path.rpartition(".")[0] + ".npy")
    logits = np.asarray(network(images.astype("float32")))
    wanted = np.load(path.rpartition(".")[0] + "-logits.npy")
    assert np.array_equal(logits, wanted), path
"""


def check_saved(names, folder):
    """Saves networks in both formats; loads them in fresh interpreters, either import first."""
    import keras
    import numpy as np

    paths = []
    for name in names:
        keras.utils.set_random_seed(1)
        network = tfseg.build(name, 3, **NETWORKS[name][0])
        side = max(64, MODELS[name].smallest)
        images = np.random.default_rng(0).integers(0, 256, (1, side, side, 3), np.uint8)
        np.save(folder / f"{name}.npy", images)
        np.save(folder / f"{name}-logits.npy", np.asarray(network(images.astype("float32"))))
        for suffix in (".keras", ".h5"):
            paths.append(folder / f"{name}{suffix}")
            network.save(paths[-1])
    for imports in ("import tfseg, keras", "import keras, tfseg"):
        code = [sys.executable, "-c", LOAD.format(imports=imports), *map(str, paths)]
        done = subprocess.run(code, cwd=ROOT, env=QUIET, capture_output=True)
        assert not done.returncode, done.stderr.decode()[-2000:]
    for path in paths:
        path.unlink()


def test_saved_networks_load_after_import_tfseg(tmp_path):
    check_saved(["linknet", "segnet_basic"], tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("part", range(5))
def test_every_saved_network_loads(part, tmp_path):
    check_saved([name for name in NETWORKS if name not in TWINS][part::5], tmp_path)
