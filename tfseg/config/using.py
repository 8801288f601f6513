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
    """Score a network, an export or predicted masks on a split: table, pictures, a report."""

    export: Path = flag(
        None, "in place of --run: an export's folder, or its .tflite, .onnx or .xml file", Path
    )
    predictions: Path = flag(
        None, "in place of --run: a folder of masks, PNGs of class indices by the frames' ids", Path
    )
    label_ids: bool = flag(False, "--predictions hold Cityscapes' labelIds", switch)
    input: Path = flag(None, INPUT + "; the run's own by default", path)
    dataset: str = flag(None, DATASET)
    split: str = flag("val", "split to score")
    skip_damaged: bool = flag(False, SKIP_DAMAGED, switch)
    batch_size: int = flag(4, "frames a step", int, low=1)
    output: Path = flag(
        None, "folder for figures and pictures; the run by default, or runs/<dataset>-<model>", Path
    )
    html: Path = flag(None, "file for all of it as one page", page_file)
    compare: tuple = flag(None, "runs, tested before, to show beside it there", folders)
    tune: bool = flag(
        False,
        "try flips, scales and the CRF on the val split instead, and say which are worth it",
        switch,
    )
    elab_names: bool = flag(False, "print e-lab's two figures by their names too", switch)


@dataclass(frozen=True)
class PredictConfig(LookConfig):
    """Label pictures or a video: a palette mask and an overlay for each, at its own size."""

    dataset: str = flag(
        None, "data set that --model was trained on: names and colours", group="model"
    )
    input: Path = flag(
        None,
        "an image, a folder of images with its subfolders, a pattern as 'photos/*.jpg', several of "
        "these as a,b; a video, or a camera's number",
        path,
    )
    pixel_range: tuple = flag(None, PIXEL_RANGE + ", or the run's", value_range)
    output: Path = flag(
        Path("predictions"), "folder for the answers; for a video a file, as masks.mp4", Path
    )
    save: tuple = flag(
        ("mask", "overlay"),
        "what to write of a picture: mask, overlay, probabilities, uncertainty",
        names,
        table="tfseg.prediction.predict:ENDS",
    )
    workers: int = flag(None, "threads that read and write; all cores by default", int, low=1)


@dataclass(frozen=True)
class ExportConfig(NetworkConfig):
    """Write a network as files that other runtimes load: uint8 RGB images in, uint8 masks out."""

    dataset: str = flag(
        None, "data set that --model was trained on: names and colours", group="model"
    )
    output: Path = flag(None, "folder to write, as exports/linknet/1", path)
    format: tuple = flag(
        ("saved_model",),
        "runtimes: saved_model, litert, onnx, openvino; several as a,b",
        names,
        table="tfseg.exporting.formats:FORMATS",
    )
    precision: str = flag(
        "float32",
        "arithmetic of the exported network",
        choices=("float32", "bfloat16", "float16", "int8"),
    )
    input: Path = flag(
        None, "records or a raw folder, whose frames int8 is calibrated with; the run's own", Path
    )
    outputs: tuple = flag(
        ("mask",),
        "what it answers: mask, probabilities, logits; several as a,b",
        names,
        table="tfseg.exporting.graph:OUTPUTS",
    )
    pixel_range: tuple = flag(None, PIXEL_RANGE + ", or the run's", value_range)
    size: tuple = flag(None, "take pictures of this HxW in pixels alone; any by default", size)
    batch: int = flag(None, "take so many pictures at once alone; any by default", int, low=1)


@dataclass(frozen=True)
class ServeConfig(Config):
    """Answer over HTTP with an export: TensorFlow Serving's REST API, images to masks, a page."""

    export: Path = flag(None, "folder with an export's versions, as exports/linknet", path)
    model: str = flag(
        None,
        "in place of --export: a trained public network (`models --pretrained`), which is first "
        "exported to exports/NAME",
    )
    host: str = flag("127.0.0.1", "address to listen at; 0.0.0.0 is every one of this machine")
    port: int = flag(8501, "port to listen at; 0 takes a free one", int, low=0, high=65535)
    token: str = flag(None, "answer only requests with the header Authorization: Bearer TOKEN")
    token_file: Path = flag(
        None, "file that holds the token, which ps does not show; or the variable TFSEG_TOKEN", path
    )
    allowed_hosts: tuple = flag(
        None, "names, beside localhost and --host, that requests may give as Host; * is any", names
    )
    batch_size: int = flag(8, "images of equal size that run together", int, low=1)
    gather: float = flag(
        2.0, "milliseconds to wait for them while nothing else is there to do", float, low=0
    )
    queue: int = flag(64, "requests under way at once; more are answered 503", int, low=1)
    timeout: float = flag(30.0, "seconds from a request's start to its answer", float, low=0.1)
    header_timeout: float = flag(10.0, "seconds for a request's headers", float, low=0.1)
    connections: int = flag(512, "open connections; idle ones give way to new ones", int, low=1)
    max_bytes: int = flag(2**24, "largest request, bytes", int, low=1)
    max_pixels: int = flag(2**22, "most pixels of a request's images", int, low=1)
    gpu: tuple = flag((0,), GPU, gpus)
    mem_frac: float = flag(None, MEM_FRAC, float, low=0.01, high=1)
