"""The flags of the commands that use a trained network."""

import re
from dataclasses import dataclass
from pathlib import Path

from tfseg.config.cluster import check_cluster, num_workers_flag, ray_flag
from tfseg.config.network import LookConfig, NetworkConfig
from tfseg.config.words import DATASET, GPU, INPUT, MEM_FRAC, PIXEL_RANGE, RUN, SKIP_DAMAGED
from tfseg.errors import UserError
from tfseg.flags import Config, flag
from tfseg.parsing import folders, gpus, names, page_file, path, size, switch, value_range


@dataclass(frozen=True)
class TestConfig(LookConfig):
    """Score a network, an export or predicted masks on a split; write a table, images, a report."""

    export: Path = flag(
        None,
        "instead of --run: an export's folder, or its .tflite, .onnx or .xml file",
        path,
        path="there",
    )
    predictions: Path = flag(
        None,
        "instead of --run: a folder of masks, PNGs of class indices named by frame id",
        path,
        path="folder",
    )
    label_ids: bool = flag(False, "--predictions hold Cityscapes' labelIds", switch)
    input: Path = flag(None, INPUT + " (default: the run's)", path, fetch=False, path="records")
    dataset: str = flag(None, DATASET)
    split: str = flag("val", "split to score")
    skip_damaged: bool = flag(False, SKIP_DAMAGED, switch)
    batch_size: int = flag(4, "frames per step", int, low=1)
    output: Path = flag(
        None,
        "folder for figures and images (default: the run, or runs/<dataset>-<model>)",
        path,
        fetch=False,
        publish=True,
    )
    html: Path = flag(None, "HTML file for the whole report", page_file, fetch=False, publish=True)
    compare: tuple = flag(
        None, "runs tested earlier, to compare with in the report", folders, path="folders"
    )
    tune: bool = flag(
        False,
        "compare test-time augmentations and the CRF on val, and say which are worth their time",
        switch,
    )
    elab_names: bool = flag(False, "also print two figures under e-lab's names", switch)

    @property
    def source(self) -> str | None:
        """The flag that names what to test."""
        names = ("run", "model", "export", "predictions")
        return next((name for name in names if getattr(self, name)), None)

    def check(self) -> None:
        names = ("run", "model", "export", "predictions")
        given = [name for name in names if getattr(self, name)]
        if self.tune and given[-1:] in (["export"], ["predictions"]):
            raise UserError(f"--tune is for networks; leave it out with --{given[-1]}")
        if len(given) > 1:
            raise UserError(f"cannot combine --{given[0]} with --{given[1]}; give one of them")
        if self.label_ids and not self.predictions:
            raise UserError("--label_ids needs --predictions=FOLDER")
        if self.compare and not self.html:
            raise UserError("--compare needs --html=FILE, the report that shows it")
        if given and given[0] != "run" and not self.input:
            raise UserError(f"--{given[0]} needs --input=RECORDS to test on")
        super().check()


@dataclass(frozen=True)
class PredictConfig(LookConfig):
    """Predict masks for images or a video; write palette masks and overlays at their size."""

    dataset: str = flag(
        None, "data set that --model was trained on, for names and colours", group="model"
    )
    input: Path = flag(
        None,
        "image, folder with its subfolders, pattern, e.g. 'photos/*.jpg', or several of these as "
        "a,b; a video, or a camera's number",
        path,
    )
    pixel_range: tuple = flag(None, PIXEL_RANGE + "; runs store theirs", value_range)
    output: Path = flag(
        Path("predictions"),
        "folder for the masks; for a video also a file, e.g. masks.mp4",
        path,
        fetch=False,
        publish=True,
    )
    save: tuple = flag(
        ("mask", "overlay"),
        "what to write for an image; several as a,b",
        names,
        choices=("mask", "overlay", "probabilities", "uncertainty"),
        table="tfseg.prediction.predict:ENDS",
    )
    workers: int = flag(None, "reading and writing threads (default: all cores)", int, low=1)
    ray: str = ray_flag()
    num_workers: int = num_workers_flag()

    def check(self) -> None:
        if self.input is None:
            raise UserError("predict needs --input=IMAGE, FOLDER, VIDEO or a camera's number")
        check_cluster(self, "input", "output")
        super().check()


@dataclass(frozen=True)
class ExportConfig(NetworkConfig):
    """Write a network as files that other runtimes load: uint8 RGB images in, uint8 masks out."""

    dataset: str = flag(
        None, "data set that --model was trained on, for names and colours", group="model"
    )
    output: Path = flag(
        None,
        "folder to write, e.g. exports/linknet/1",
        path,
        publish=True,
        path="new folder",
    )
    format: tuple = flag(
        ("saved_model",),
        "formats; several as a,b",
        names,
        choices=("saved_model", "litert", "onnx", "openvino"),
        table="tfseg.exporting.formats:FORMATS",
    )
    precision: str = flag(
        "float32",
        "arithmetic of the exported network",
        choices=("float32", "bfloat16", "float16", "int8"),
    )
    input: Path = flag(
        None,
        "records or raw folder with frames to calibrate int8 (default: the run's)",
        path,
        fetch=False,
        path="records",
    )
    outputs: tuple = flag(
        ("mask",),
        "outputs of the network; several as a,b",
        names,
        choices=("mask", "probabilities", "logits"),
        table="tfseg.exporting.graph:OUTPUTS",
    )
    pixel_range: tuple = flag(None, PIXEL_RANGE + "; runs store theirs", value_range)
    size: tuple = flag(None, "fix the image size, HxW in pixels (default: any)", size)
    batch: int = flag(None, "fix the batch size (default: any)", int, low=1)

    def check(self) -> None:
        if self.output is None:
            raise UserError("export needs --output=FOLDER, e.g. --output=exports/linknet/1")
        super().check()


@dataclass(frozen=True)
class ServeConfig(Config):
    """Serve an export over HTTP: TensorFlow Serving's REST API, images to masks, a page."""

    export: Path = flag(
        None, "folder with the versions of an export, e.g. exports/linknet", path, path="versions"
    )
    run: Path = flag(
        None, "instead of --export: a run, which is exported to exports/ first", path, path="run"
    )
    model: str = flag(
        None,
        "instead of --export: a trained network (`models --pretrained`, or hf://user/name), "
        "which is exported to exports/NAME first",
        path="public",
    )
    runtime: str = flag(
        "auto",
        "runtime of the network; auto tries each format that the export has and takes the fastest",
        choices=("auto", "saved_model", "litert", "onnx", "openvino", "openvino_bfloat16"),
    )
    host: str = flag("127.0.0.1", "address to listen on; 0.0.0.0 means all addresses")
    port: int = flag(8501, "port to listen on; 0 picks a free one", int, low=0, high=65535)
    token: str = flag(None, "require the header Authorization: Bearer TOKEN")
    token_file: Path = flag(
        None,
        "file with the token, which hides it from ps; or set TFSEG_TOKEN",
        path,
        path="file",
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

    def check(self) -> None:
        given = [name for name in ("export", "run", "model") if getattr(self, name)]
        if not given:
            raise UserError("serve needs --export=FOLDER, e.g. --export=exports/linknet, or --run")
        if len(given) > 1:
            raise UserError(f"cannot combine --{given[0]} with --{given[1]}; give one of them")
        if self.token is not None and self.token_file is not None:
            raise UserError("cannot combine --token with --token_file; give one of them")


@dataclass(frozen=True)
class PushConfig(Config):
    """Upload a run to the Hugging Face hub, with a model card."""

    run: Path = flag(None, RUN, path, path="run")
    repo: str = flag(None, "repository on the hub, user/name; created if it does not exist")
    license: str = flag(None, "licence of the weights for the card, e.g. apache-2.0")
    private: bool = flag(False, "make a new repository private", switch)

    def check(self) -> None:
        if self.repo is None or not re.fullmatch(r"[\w-][\w.-]*/[\w-][\w.-]*", self.repo):
            given = "push needs --repo" if self.repo is None else f"--repo={self.repo}: wanted"
            raise UserError(f"{given} user/name, e.g. --repo=me/streets-linknet")
        if self.run is None:
            raise UserError("push needs --run=FOLDER, or --run=last")
