"""Training speed of LinkNet compared with PyTorch: `python -m benchmarks.train_step`.

A step is forward, loss, backward and AdamW on 4 frames of 352×480 in memory. Every contender runs
in its own process, because thread pools would compete in one. They take turns over several rounds;
the table shows medians over the rounds and ratios to PyTorch's best of the same precision. If torch
is not installed, its rows are skipped.
"""

import importlib.util
import os
import sys

from benchmarks.results import show
from benchmarks.timing import answer_turns, start_process, take_process_turns

BATCH, HEIGHT, WIDTH, CLASSES = 4, 352, 480, 11
ROUNDS, STEPS, WARM_UP = 5, 3, 2


def frames():
    import numpy as np

    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (BATCH, HEIGHT, WIDTH, 3), "uint8")
    return images, rng.integers(0, CLASSES, (BATCH, HEIGHT, WIDTH), "uint8")


def tfseg_step(precision):
    """A function that runs one step of `train`, without the mIoU metric."""
    import keras
    import tensorflow as tf

    import tfseg
    from tfseg.losses import make_loss
    from tfseg.training.optimizers import FusedAdamW
    from tfseg.training.trainer import Trainer

    keras.config.set_dtype_policy(precision)
    network = tfseg.build("linknet", CLASSES)
    network = Trainer(network.inputs, network.output)
    loss = tf.function(make_loss("cross_entropy"), jit_compile=True)
    network.compile(FusedAdamW(1e-3), loss=loss)
    batches = iter(tf.data.Dataset.from_tensors(frames()).repeat())
    network.make_train_function()
    return lambda: float(network.train_function(batches)["loss"])


def torch_step(precision, compiled):
    """A function that runs the same step in PyTorch, channels last."""
    import torch

    from benchmarks.torch_linknet import LinkNet

    torch.manual_seed(0)
    network = LinkNet(CLASSES).to(memory_format=torch.channels_last).train()
    optimizer = torch.optim.AdamW(network.parameters(), 1e-3)
    forward = torch.compile(network) if compiled else network
    images, labels = map(torch.from_numpy, frames())
    mean = torch.tensor([123.675, 116.28, 103.53]).view(1, 3, 1, 1)
    deviation = torch.tensor([58.395, 57.12, 57.375]).view(1, 3, 1, 1)

    def step():
        pixels = (images.permute(0, 3, 1, 2).float() - mean) / deviation  # keeps channels last
        with torch.autocast("cpu", torch.bfloat16, enabled=precision == "mixed_bfloat16"):
            loss = torch.nn.functional.cross_entropy(forward(pixels), labels.long())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.item()

    return step


CONTENDERS = {
    "tfseg": tfseg_step,
    "torch": lambda precision: torch_step(precision, compiled=False),
    "torch.compile": lambda precision: torch_step(precision, compiled=True),
}


def serve(name, precision):
    """The process of one contender."""
    answer_turns(CONTENDERS[name](precision), STEPS, WARM_UP)


def measure(precision):
    """{contender: median images per second}."""
    names = ["tfseg"]
    if importlib.util.find_spec("torch"):
        names += ["torch", "torch.compile"]
    processes = {name: start_process("train_step", name, precision) for name in names}
    for name in [name for name, process in processes.items() if process is None]:
        print(f"{precision:16s}{name:16s} did not start")
        del processes[name]
    return take_process_turns(processes, ROUNDS).medians(lambda seconds: BATCH / seconds)


def main():
    print(f"LinkNet, {HEIGHT}x{WIDTH}, batch {BATCH}, {os.cpu_count()} CPU cores")
    for precision in ("float32", "mixed_bfloat16"):
        speeds = measure(precision)
        best = max((name for name in speeds if name != "tfseg"), key=speeds.get, default="tfseg")
        show(f"LinkNet's training step, {precision}", "images/s", speeds, best, digits=2)


if __name__ == "__main__":
    serve(*sys.argv[1:]) if len(sys.argv) == 3 else main()
