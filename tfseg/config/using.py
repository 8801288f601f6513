"""What the commands that use a trained network can be told."""

from dataclasses import dataclass
from pathlib import Path

from tfseg.config.network import LookConfig, NetworkConfig
from tfseg.config.words import DATASET, GPU, INPUT, MEM_FRAC, PIXEL_RANGE, SKIP_DAMAGED
from tfseg.flags import (
    Config,
    flag,
    folders,
    gpus,
    names,
    page_file,
    path,
    size,
    switch,
    value_range,
)


@dataclass(frozen=True)
class TestConfig(LookConfig):
    """Score a network, an export or predicted masks on a split: table, images, a report."""

    export: Path = flag(
        None, "instead of --run: an export's folder, or its .tflite, .onnx or .xml file", Path
    )
    predictions: Path = flag(
        None, "instead of --run: a folder of masks, PNGs of class indices named by frame id", Path
    )
    label_ids: bool = flag(False, "--predictions hold Cityscapes' labelIds", switch)
    input: Path = flag(None, INPUT + " (default: the run's)", path)
    dataset: str = flag(None, DATASET)
    split: str = flag("val", "split to score")
    skip_damaged: bool = flag(False, SKIP_DAMAGED, switch)
    batch_size: int = flag(4, "frames per step", int, low=1)
    output: Path = flag(
        None, "folder for figures and images (default: the run, or runs/<dataset>-<model>)", Path
    )
    html: Path = flag(None, "HTML file for the whole report", page_file)
    compare: tuple = flag(None, "runs tested before, to compare with in the report", folders)
    tune: bool = flag(
        False,
        "compare test-time augmentations and the CRF on val, and say which are worth their time",
        switch,
    )
    elab_names: bool = flag(False, "print two figures under e-lab's names too", switch)


@dataclass(frozen=True)
class PredictConfig(LookConfig):
    """Predict masks for images or a video; write palette masks and overlays at their size."""

    dataset: str = flag(
        None, "data set that --model was trained on, for names and colours", group="model"
    )
    input: Path = flag(
        None,
        "image, folder with its subfolders, pattern as 'photos/*.jpg', or several of these as "
        "a,b; a video, or a camera's number",
        path,
    )
    pixel_range: tuple = flag(None, PIXEL_RANGE + "; runs store theirs", value_range)
    output: Path = flag(
        Path("predictions"), "folder for the masks; for a video a file, as masks.mp4", Path
    )
    save: tuple = flag(
        ("mask", "overlay"),
        "what to write for an image: mask, overlay, probabilities, uncertainty",
        names,
        table="tfseg.prediction.predict:ENDS",
    )
    workers: int = flag(None, "reading and writing threads (default: all cores)", int, low=1)


@dataclass(frozen=True)
class ExportConfig(NetworkConfig):
    """Write a network as files that other runtimes load: uint8 RGB images in, uint8 masks out."""

    dataset: str = flag(
        None, "data set that --model was trained on, for names and colours", group="model"
    )
    output: Path = flag(None, "folder to write, as exports/linknet/1", path)
    format: tuple = flag(
        ("saved_model",),
        "formats: saved_model, litert, onnx, openvino; several as a,b",
        names,
        table="tfseg.exporting.formats:FORMATS",
    )
    precision: str = flag(
        "float32",
        "arithmetic of the exported network",
        choices=("float32", "bfloat16", "float16", "int8"),
    )
    input: Path = flag(
        None, "records or raw folder with frames to calibrate int8 (default: the run's)", Path
    )
    outputs: tuple = flag(
        ("mask",),
        "outputs of the network: mask, probabilities, logits; several as a,b",
        names,
        table="tfseg.exporting.graph:OUTPUTS",
    )
    pixel_range: tuple = flag(None, PIXEL_RANGE + "; runs store theirs", value_range)
    size: tuple = flag(None, "fix the image size, HxW in pixels (default: any)", size)
    batch: int = flag(None, "fix the batch size (default: any)", int, low=1)


@dataclass(frozen=True)
class ServeConfig(Config):
    """Serve an export over HTTP: TensorFlow Serving's REST API, images to masks, a page."""

    export: Path = flag(None, "folder with the versions of an export, as exports/linknet", path)
    model: str = flag(
        None,
        "instead of --export: a trained public network (`models --pretrained`), which is "
        "exported to exports/NAME first",
    )
    host: str = flag("127.0.0.1", "address to listen on; 0.0.0.0 is every address of this machine")
    port: int = flag(8501, "port to listen on; 0 picks a free one", int, low=0, high=65535)
    token: str = flag(None, "require the header Authorization: Bearer TOKEN")
    token_file: Path = flag(
        None, "file with the token, so that ps does not show it; or set TFSEG_TOKEN", path
    )
    allowed_hosts: tuple = flag(
        None, "host names that requests may use, besides localhost and --host; * allows any", names
    )
    batch_size: int = flag(8, "images of equal size that run together", int, low=1)
    gather: float = flag(2.0, "milliseconds to wait for further images while idle", float, low=0)
    queue: int = flag(64, "requests in progress; further ones get 503", int, low=1)
    timeout: float = flag(30.0, "seconds from a request's start to its answer", float, low=0.1)
    header_timeout: float = flag(10.0, "seconds to wait for a request's headers", float, low=0.1)
    connections: int = flag(512, "open connections; idle ones are closed to make room", int, low=1)
    max_bytes: int = flag(2**24, "largest request, bytes", int, low=1)
    max_pixels: int = flag(2**22, "most pixels in a request's images", int, low=1)
    gpu: tuple = flag((0,), GPU, gpus)
    mem_frac: float = flag(None, MEM_FRAC, float, low=0.01, high=1)
