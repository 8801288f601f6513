"""Writes the files in this folder with real PyTorch (2.14 wrote the current ones):

    pip install torch numpy omegaconf
    python tests/torch_files/make.py

All hold `state()`: a 3×3 convolution, its normalisation, and a head.
"""

import argparse
import collections
import datetime
import enum
import pathlib

import numpy as np

HERE = pathlib.Path(__file__).parent
SHAPES = {
    "conv1.weight": (4, 3, 3, 3),
    "bn1.weight": (4,),
    "bn1.bias": (4,),
    "bn1.running_mean": (4,),
    "bn1.running_var": (4,),
    "bn1.num_batches_tracked": (),
    "head.weight": (2, 4, 1, 1),
    "head.bias": (2,),
}


def state(step=0):
    """{key: array} by rule; another `step` gives other numbers."""
    made = {}
    for number, (key, shape) in enumerate(SHAPES.items()):
        values = np.arange(np.prod(shape, dtype=int)).reshape(shape) + number + step
        made[key] = np.asarray(values, "int64" if "batches" in key else "float32")
    return made


class Mode(enum.Enum):
    MIN = "min"


def _tensors(torch, prefix="", step=0):
    """The tensors of a network: one in another memory format, two that share a storage."""
    tensors = {key: torch.tensor(array) for key, array in state(step).items()}
    tensors["conv1.weight"] = tensors["conv1.weight"].to(memory_format=torch.channels_last)
    pair = torch.cat([tensors["bn1.weight"], tensors["bn1.bias"]])
    tensors["bn1.weight"] = torch.nn.Parameter(pair[:4])
    tensors["bn1.bias"] = pair[4:]
    return collections.OrderedDict((prefix + key, value) for key, value in tensors.items())


def _lightning(torch):
    """What Lightning and its scripts save in addition to the weights."""
    from omegaconf import OmegaConf

    parameter = torch.nn.Parameter(torch.ones(3))
    optimizer = torch.optim.AdamW([parameter])
    parameter.sum().backward()
    optimizer.step()
    return {
        "epoch": 3,
        "pytorch-lightning_version": "2.0.0",
        "state_dict": {
            **_tensors(torch, "model.net._orig_mod."),
            "criterion.weight": torch.ones(2),
            "val_metric.total": torch.zeros(1),
        },
        "optimizer_states": [optimizer.state_dict()],
        "hyper_parameters": OmegaConf.create({"lr": 0.1, "nested": {"a": [1, 2]}}),
        "args": argparse.Namespace(lr=0.1, out=pathlib.Path("runs"), mode=Mode.MIN),
        "when": datetime.datetime(2024, 1, 2),
        "best": np.float64(0.5),
        "curve": np.arange(5.0),
        "seen": {1, 2},
        "counts": collections.defaultdict(list, {"a": [1]}),
        "scores": collections.Counter("aab"),
    }


def main():
    import torch

    torch.manual_seed(0)
    old = {"_use_new_zipfile_serialization": False}
    torch.save(_tensors(torch), HERE / "old.pth", **old)
    torch.save(_tensors(torch), HERE / "old_protocol4.pth", pickle_protocol=4, **old)
    torch.save(_tensors(torch), HERE / "new.pth")
    torch.save(_lightning(torch), HERE / "lightning.ckpt")
    torch.save(_lightning(torch), HERE / "old_lightning.pth.tar", **old)
    averaged = {"net": _tensors(torch, step=100), "ema": _tensors(torch), "epoch": 7}
    torch.save(averaged, HERE / "averaged.bin", **old)
    torch.save(torch.nn.Conv2d(3, 4, 3), HERE / "whole_network.pt")
    torch.jit.save(torch.jit.script(torch.nn.Conv2d(3, 4, 3)), HERE / "scripted.pt")


if __name__ == "__main__":
    main()
