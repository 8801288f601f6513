"""Checkpoint files that claim more than they hold, or try to run code."""

import os
import zipfile

import h5py
import numpy as np
import pytest
from faults import checkpoints
from helpers.torch_pickles import HEAD, old_file, refusal, zipped

from tfseg.checkpoints import read_state_dict, save_weights


@pytest.fixture
def network():
    return checkpoints.tiny_network()


def test_a_view_of_an_old_storage(tmp_path):
    path = old_file(tmp_path / "a.pth", view=("v", 2, 3), shape=(2,), offset=1)
    np.testing.assert_array_equal(read_state_dict(path)["a"], [3, 4])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"shape": (1000, 40_000), "strides": (0, 0)}, "claims more numbers"),
        ({"shape": (2, 3), "strides": (1, 1)}, "numbers overlap"),
        ({"shape": (7,)}, "reaches beyond"),
        ({"shape": (3,), "strides": (-1,), "offset": 4}, "negative"),
        ({"view": ("v", 4, 3), "shape": (3,)}, "are missing"),
        ({"given": 2**40}, "ends too early"),
    ],
)
def test_what_an_old_file_claims_is_measured(tmp_path, changes, message):
    assert message in refusal(old_file(tmp_path / "a.pth", **changes))


HARMFUL = [
    b"cos\nsystem\n(X\x0c\0\0\0touch harmedtR.",
    b"cbuiltins\neval\n(X\x03\0\0\01+1tR.",
    b"\x80\x04\x8c\x08builtins\x8c\x04exec\x93\x8c\x00\x85R.",
    b"(X\x0c\0\0\0touch harmedios\nsystem\n.",
    b"(cposix\nsystem\nX\x0c\0\0\0touch harmedo.",
]


@pytest.mark.parametrize("program", HARMFUL)
def test_programs_do_not_run(tmp_path, monkeypatch, program):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "old.pth").write_bytes(HEAD + program)
    for path in (zipped(tmp_path / "new.pth", program), tmp_path / "old.pth"):
        assert "which is a call, not a tensor; nothing was run" in refusal(path)
    assert not (tmp_path / "harmed").exists()


def nested(depth):
    return b"(K\1" + b"\x85" * depth + b"K\1d."


@pytest.mark.parametrize(
    ("program", "message"),
    [
        (b"K\1r\xff\xff\xff\xff.", "no state dict"),  # a memo of 4 billion entries
        (b"\x80\x04\x8e" + b"\xff" * 7 + b"\0.", "damaged"),  # 2**56 bytes
        (nested(200_000), "no state dict"),  # the hash of a tuple in a tuple in a tuple ...
        (b"(" * 300_000 + b".", "damaged"),
        (b"]q\0" + b"h\0h\0e" * 10 + b".", "damaged"),
        (b"}q\0X\1\0\0\0ah\0s.", "no state dict"),  # a dict that contains itself
        (b"]q\0(" + b"K\1" * 1000 + b"e0ccollections\nOrderedDict\nh\0\x85R." * 9, None),
        (b"ctorch\nSize\nq\0" + b"(" + b"K\1" * 2000 + b"lq\1" + b"h\0h\1\x85R0" * 4000 + b"N.",
         "steps"),
    ],
)  # fmt: skip
def test_pickles_that_claim_much(tmp_path, program, message):
    said = refusal(zipped(tmp_path / "a.pth", program))
    assert message is None or message in said


def test_zips_that_claim_much(tmp_path):
    zipped(tmp_path / "a.pth", b"N.", big=bytes(64 << 20))
    assert "claim to unpack to 67,1" in refusal(tmp_path / "a.pth")
    with zipfile.ZipFile(tmp_path / "a.keras", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("model.weights.h5", bytes(64 << 20))
    assert "claim to unpack" in refusal(tmp_path / "a.keras")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"shape": (1 << 40,), "chunks": (1 << 20,), "compression": "gzip"}, "HDF5 layout is not"),
        ({"shape": (1 << 40,)}, "claims more"),
        ({"data": np.zeros(9), "chunks": (3,)}, "chunks"),
    ],
)
def test_what_hdf5_claims_is_measured(tmp_path, network, options, message):
    save_weights(network, tmp_path / "a.weights.h5")
    with h5py.File(tmp_path / "a.weights.h5", "r+") as file:
        del file["layers/conv2d/vars/0"]
        file.create_dataset("layers/conv2d/vars/0", dtype="f4", **options)
    assert message in refusal(tmp_path / "a.weights.h5")


def test_hdf5_links_lead_nowhere(tmp_path, network):
    path = tmp_path / "a.weights.h5"
    for link in (h5py.SoftLink("/layers"), h5py.ExternalLink("b.h5", "/")):
        save_weights(network, path)
        with h5py.File(path, "r+") as file:
            file["layers/more"] = link
        assert "HDF5 layout is not" in refusal(path)
    save_weights(network, path)
    with h5py.File(path, "r+") as file:
        file["layers/conv2d/again"] = file["layers"]  # in a circle
    assert "overlap" in refusal(path)


def test_what_is_no_file_is_named(tmp_path):
    os.mkfifo(tmp_path / "pipe.pth")
    assert "is a pipe or a device" in refusal(tmp_path / "pipe.pth")
    assert "is a pipe or a device" in refusal("/dev/zero")
    (tmp_path / "gone.pth").symlink_to(tmp_path / "nothing")
    assert "it is a link to" in refusal(tmp_path / "gone.pth")
    (tmp_path / "empty.h5").touch()
    assert "is empty" in refusal(tmp_path / "empty.h5")
