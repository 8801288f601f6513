"""Speed of exported networks in every runtime: `python -m benchmarks.inference`.

LinkNet and ENet, one image at a time. Our exports take uint8 pixels and return classes, so the time
includes casting, normalising and argmax. PyTorch does the same. "plain" takes float32 pixels and
returns logits (`model.export` with Keras' batch normalisation).
Every contender runs in its own process, because thread pools would compete in one. They take turns
over several rounds; the table shows medians and ratios to plain. PyTorch is skipped if it is not
installed, and has no ENet here.
"""

import importlib.util
import sys
import tempfile
from pathlib import Path

from benchmarks.results import show
from benchmarks.timing import answer_turns, start_process, take_process_turns

NETWORKS, SIZES, CLASSES = ("linknet", "enet"), ((360, 480), (512, 1024)), 11
ROUNDS, RUNS, WARM_UP = 9, 4, 4
PAUSE = 0.5  # seconds until the previous contender's threads have stopped spinning


def exported(folder, size):
    import numpy as np

    from tfseg.exporting.formats import open_export

    run, images = open_export(folder), np.zeros((1, *size, 3), "uint8")
    return lambda: run(images)


def plain(folder, size):
    import tensorflow as tf

    model, images = tf.saved_model.load(str(folder)), tf.zeros((1, *size, 3))
    return lambda: model.serve(images).numpy()


def openvino(file, size, precision, dtype):
    import numpy as np
    import openvino

    model = openvino.Core().read_model(file)
    model.reshape([1, *size, 3])
    model = openvino.compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": precision})
    images = np.zeros((1, *size, 3), dtype)
    return lambda: model(images)


def torch_linknet(size, bfloat16):
    """LinkNet in PyTorch, channels last; pads the image to a multiple of 32."""
    import torch

    from benchmarks.torch_linknet import LinkNet

    network = LinkNet(CLASSES).to(memory_format=torch.channels_last).eval()
    images = torch.zeros((1, *(-(-side // 32) * 32 for side in size), 3), dtype=torch.uint8)
    mean = torch.tensor([123.675, 116.28, 103.53]).view(1, 3, 1, 1)
    deviation = torch.tensor([58.395, 57.12, 57.375]).view(1, 3, 1, 1)

    def run():
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
            return network((images.permute(0, 3, 1, 2).float() - mean) / deviation).argmax(1)

    return run


# name -> (the export it runs, how)
CONTENDERS = {
    "SavedModel, plain": ("plain", plain),
    "SavedModel": ("float32", exported),
    "SavedModel, bfloat16": ("bfloat16", exported),
    "LiteRT": ("fixed/model.tflite", exported),
    "ONNX Runtime": ("fixed/model.onnx", exported),
    "OpenVINO": ("fixed/model.xml", lambda file, size: openvino(file, size, "f32", "uint8")),
    "OpenVINO, bfloat16": (
        "fixed/model.xml",
        lambda file, size: openvino(file, size, "bf16", "uint8"),
    ),
    "OpenVINO of plain": ("plain", lambda file, size: openvino(file, size, "f32", "float32")),
    "OpenVINO of plain, bfloat16": (
        "plain",
        lambda file, size: openvino(file, size, "bf16", "float32"),
    ),
    "PyTorch": ("", lambda _, size: torch_linknet(size, bfloat16=False)),
    "PyTorch, bfloat16": ("", lambda _, size: torch_linknet(size, bfloat16=True)),
}


def write_exports(name, size, folder):
    """Writes all exports that the contenders run."""
    import tfseg
    from benchmarks.exports import random_network
    from tfseg.config import ExportConfig
    from tfseg.exporting.folding import fold
    from tfseg.exporting.formats import FORMATS
    from tfseg.networks import precision

    def write(format, folder, policy="float32", shape=(None, None), **config):
        with precision(policy):
            copy = tfseg.build(name, CLASSES, input_shape=(*shape, 3))
        copy.set_weights(network.get_weights())
        folder.mkdir(exist_ok=True)
        FORMATS[format].write(fold(copy), folder, ExportConfig(**config), [])

    network = random_network(name)
    with_keras_norm(network).export(folder / "plain", verbose=False)
    write("saved_model", folder / "float32")
    write("saved_model", folder / "bfloat16", "mixed_bfloat16")
    for format in ("litert", "onnx", "openvino"):
        write(format, folder / "fixed", shape=size, batch=1)


def with_keras_norm(network):
    """The same network with Keras' batch normalisation instead of the fused one."""
    import keras

    from tfseg.layers.batch_norm import BatchNormalization

    def clone(layer):
        fused = isinstance(layer, BatchNormalization)
        kind = keras.layers.BatchNormalization if fused else type(layer)
        return kind.from_config(layer.get_config())

    copy = keras.models.clone_model(network, clone_function=clone)
    copy.set_weights(network.get_weights())
    return copy


def serve(name, folder, size):
    """The process of one contender."""
    file, make = CONTENDERS[name]
    run = make(Path(folder) / file, tuple(map(int, size.split("x"))))
    answer_turns(run, RUNS, WARM_UP, untimed=1)


def measure(network, size):
    """{contender: median milliseconds per image} of those that started."""
    with tempfile.TemporaryDirectory() as folder:
        write_exports(network, size, Path(folder))
        has_torch = network == "linknet" and importlib.util.find_spec("torch")
        names = [name for name in CONTENDERS if has_torch or not name.startswith("PyTorch")]
        arguments = (folder, f"{size[0]}x{size[1]}")
        processes = {name: start_process("inference", name, *arguments) for name in names}
        started = {name: process for name, process in processes.items() if process}
        return take_process_turns(started, ROUNDS, PAUSE).medians(lambda seconds: 1000 * seconds)


def main():
    from tqdm import tqdm

    cases = [(network, size) for network in NETWORKS for size in SIZES]
    for network, (height, width) in tqdm(cases, unit="case"):
        milliseconds = measure(network, (height, width))
        case = f"{network} at {height}×{width}, one image"
        show(case, "ms", milliseconds, "SavedModel, plain")


if __name__ == "__main__":
    serve(*sys.argv[1:]) if len(sys.argv) == 4 else main()
