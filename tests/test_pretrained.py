"""Trained public networks by name, fetched from a local server, completely or not at all."""

import hashlib
import http.server
import sys
import threading

import numpy as np
import pytest
import safetensors.numpy
from helpers import hub as huggingface
from helpers.small import ROOT, SMALL

import tfseg
from tfseg import fetching
from tfseg.cli import main
from tfseg.config import TrainConfig
from tfseg.errors import UserError
from tfseg.fetching import Hub, Torch, fetch
from tfseg.models import MODELS
from tfseg.networks import load_run
from tfseg.pretrained import PRETRAINED, Pretrained
from tfseg.training.resolving import from_pretrained

sys.path.insert(0, str(ROOT / "tests" / "parity"))
import rule

NAME = "enet_test"


class Server(http.server.ThreadingHTTPServer):
    """Serves one file; closes the connection after `cut` bytes of an answer."""

    daemon_threads = True

    def __init__(self, content):
        super().__init__(("127.0.0.1", 0), Answer)
        self.content, self.cut, self.requests = content, None, []
        threading.Thread(target=self.serve_forever, daemon=True).start()


class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        content = self.server.content
        start = int(self.headers["Range"].removeprefix("bytes=").rstrip("-"))
        self.server.requests.append(start)
        if start >= len(content):
            self.send_error(416)
            return
        self.send_response(206)
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        self.wfile.write(content[start : start + (self.server.cut or len(content))])

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def state():
    """ENet's weights by rule, with a head for VOC's 21 classes."""
    case = rule.load("enet")[0]
    head, shape = case["keys"][-1]
    case["keys"][-1] = [head, [21 if side == 11 else side for side in shape]]
    return rule.state_dict(case)


@pytest.fixture
def server(state, tmp_path, monkeypatch):
    server = Server(safetensors.numpy.save(state))
    digits = hashlib.sha256(server.content).hexdigest()[:8]
    source = Torch(f"http://127.0.0.1:{server.server_port}/enet-{digits}.pth")
    row = Pretrained("enet", None, "voc2012", source, "none", 0.0, "nothing", "unit")
    monkeypatch.setitem(PRETRAINED, NAME, row)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    yield server
    server.shutdown()
    server.server_close()


def cached(tmp_path):
    return sorted((tmp_path / "torch/hub/checkpoints").iterdir())


def fetched():
    return fetch(PRETRAINED[NAME].source, f"--model={NAME}", "--checkpoint")


def test_rows_are_pinned_and_their_networks_are_ours():
    for name, row in PRETRAINED.items():
        assert row.model in MODELS, name
        assert row.encoder in (MODELS[row.model].encoders or (None,)), name
        assert len(row.labels().classes) == len(row.labels().colors), name
        digits = row.source.sha256
        assert digits is None or len(bytes.fromhex(digits)) in (4, 32), name
        if isinstance(row.source, Hub):
            assert len(bytes.fromhex(row.source.revision)) == 20, name


def test_a_network_is_fetched_once_and_labels_images(server, state, tmp_path):
    image = rule.image(rule.load("enet")[0])[0]
    segmenter = tfseg.load(NAME)
    assert segmenter.classes[1] == "aeroplane"
    network = tfseg.build("enet", 21, normalization="unit")
    tfseg.weights.load_state_dict(network, state)
    logits = np.asarray(network(image[None].astype("float32")))
    np.testing.assert_array_equal(segmenter.predict(image), logits[0].argmax(-1))
    tfseg.load(NAME)
    assert server.requests == [0]
    assert [path.suffix for path in cached(tmp_path)] == [".pth"]


def test_a_download_that_was_cut_off_goes_on(server, tmp_path):
    server.cut = 10_000
    with pytest.raises(UserError, match=r"cut off after 10000 of \d+ bytes; try again") as no:
        tfseg.load(NAME)
    assert "\n" not in no.value.typed
    assert [path.suffix for path in cached(tmp_path)] == [".partial"]
    server.cut = None
    assert fetched().read_bytes() == server.content
    assert server.requests == [0, 10_000]
    whole = cached(tmp_path)[0]
    whole.rename(f"{whole}.partial")  # left by a process that was killed at the very end
    assert fetched().read_bytes() == server.content


def test_a_damaged_download_leaves_nothing(server, tmp_path):
    whole = server.content
    server.content = whole[:-4] + b"\1\2\3\4"
    with pytest.raises(UserError, match=rf"model={NAME}: .*the download was damaged; try again"):
        fetched()
    assert not cached(tmp_path)
    server.content = whole
    assert fetched().read_bytes() == whole
    cached(tmp_path)[0].write_bytes(b"rot")
    with pytest.raises(UserError, match=r"has SHA-256 \w{12}\.\.\., wanted .*; delete it to"):
        fetched()


def test_without_a_server_a_file_does(server, state, tmp_path, monkeypatch, capsys):
    server.shutdown()
    server.server_close()
    with pytest.raises(SystemExit, match="2"):
        main(["export", f"--model={NAME}", f"--output={tmp_path / 'export'}"])
    line = capsys.readouterr().err.strip().splitlines()[-1]
    assert "offline, set --checkpoint to its path" in line
    monkeypatch.setattr(fetching, "PATIENCE", 0.2)
    monkeypatch.setattr("urllib.request.urlopen", lambda *_, **__: threading.Event().wait(5))
    with pytest.raises(UserError, match=r"no answer in 0\.2 s"):
        fetched()
    safetensors.numpy.save_file(state, tmp_path / "enet.safetensors")
    assert len(tfseg.load(NAME, tmp_path / "enet.safetensors").classes) == 21


def test_what_is_settled_or_unknown_is_refused(server, records, tmp_path):
    for flags, line in (
        ({"model": NAME, "encoder": "resnet18"}, "encoder=resnet18: enet_test is trained"),
        ({"model": NAME, "dataset": "camvid"}, "dataset=camvid: enet_test is trained"),
        ({"model": "fcn_resnet50_coc"}, "did you mean fcn_resnet50_coco"),
    ):
        with pytest.raises(UserError, match=line):
            tfseg.export(output=tmp_path / "export", **flags)
    with pytest.raises(UserError, match="unknown trained network 'linknet'"):
        tfseg.serve(model="linknet")
    with pytest.raises(UserError, match="model=linknet contradicts checkpoint=enet_test"):
        tfseg.train(input=records, model="linknet", checkpoint=NAME)
    assert not server.requests


def test_training_starts_from_a_name(server, state, records, tmp_path):
    """All weights except the head, which is for other classes."""
    run = tfseg.train(
        input=records, checkpoint=NAME, savedir=tmp_path / "run", epochs=1, optimizer="sgd",
        learning_rate_init=1e-12, **SMALL,
    )  # fmt: skip
    network = load_run(run).model
    assert (network.name, network.output_shape[-1]) == ("enet", 11)
    np.testing.assert_allclose(
        network.get_layer("initial_block.main_branch").kernel,
        state["initial_block.main_branch.weight"].transpose(2, 3, 1, 0),
        rtol=1e-5,
    )


REPOSITORY = Hub("smp-hub/network", huggingface.COMMIT)
BY_SMP = [
    ("segformer_smp_narrow_mit_b0", "segformer_smp", "mit_b0", "imagenet", (64,)),
    ("dpt_vit_tiny", "dpt", "vit_tiny_patch16_224", "symmetric", None),
]


@pytest.fixture
def hub(tmp_path, monkeypatch):
    hub = huggingface.Hub()
    hub.serve(monkeypatch, tmp_path / "cache")
    yield hub
    hub.shutdown()
    hub.server_close()


@pytest.mark.parametrize(("case", "model", "encoder", "normalization", "channels"), BY_SMP)
def test_what_smp_pushed_answers_as_smp(
    case, model, encoder, normalization, channels, hub, monkeypatch
):
    """A repository as its `push_to_hub` fills it; the wanted logits are smp's own."""
    case, outputs = rule.load(case)
    weights = safetensors.numpy.save(rule.state_dict(case))
    hub.repositories[REPOSITORY.repository] = {"config.json": b"{}", "model.safetensors": weights}
    row = Pretrained(
        model, encoder, "camvid", REPOSITORY, "none", None, "–", normalization, channels
    )
    monkeypatch.setitem(PRETRAINED, NAME, row)
    mask = tfseg.load(NAME).predict(rule.image(case)[0])
    stride = case["outputs"]["logits"]["stride"]
    wanted = outputs["logits"][0].argmax(-1)
    assert len(np.unique(wanted)) > 1
    np.testing.assert_array_equal(mask[::stride, ::stride], wanted)
    hub.down = True  # the cache needs no hub
    config = from_pretrained(TrainConfig.of(checkpoint=NAME), NAME)
    assert (config.model, config.decoder_channels) == (model, channels)
    assert config.checkpoint.read_bytes() == weights
    known = channels[0] if channels else "its usual one"
    with pytest.raises(UserError, match=rf"channels=32 contradicts .* \({known}\); leave it out"):
        from_pretrained(TrainConfig.of(checkpoint=NAME, decoder_channels="32"), NAME)


def test_an_export_is_made_for_serving(server, tmp_path, monkeypatch):
    served = []
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("tfseg.serving.server.serve", served.append)
    tfseg.serve(model=NAME)
    assert (tmp_path / served[0].export / "1" / "saved_model.pb").is_file()


def test_the_table_lists_them(server, capsys):
    main(["models", "--pretrained"])
    table = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in table[1 : len(PRETRAINED) + 1]] == list(PRETRAINED)
