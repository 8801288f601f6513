"""What each command can be told."""

from dataclasses import dataclass
from pathlib import Path

from tfseg.flags import (
    Config,
    count_or_all,
    flag,
    folders,
    gpus,
    names,
    numbers,
    page_file,
    size,
    span,
    switch,
)

PRECISIONS = ("auto", "float32", "mixed_bfloat16", "mixed_float16")

_INPUT = (
    "records or a raw folder: a data set, a folder of data sets, an LMDB environment; several as "
    "a,b"
)
_DATASET = "which data set, where --input holds several; what it is, where it is a raw folder"
_SKIP_DAMAGED = "leave out examples that do not decode, and count them"
_AUGMENT = (
    "random changes: none, light, standard, strong, or a list as flip,rotate=10,blur=1.5; "
    "README.md names them all"
)
_GPU = "GPU numbers, as 0 or 0,1; -1 is the CPU"
_MEM_FRAC = "share of each GPU's memory to take, 0 to 1; grows as needed where not given"
_RUN = "folder of a training run, as runs/streets-linknet-20260101-120000"
_MODEL = "network; `models` lists them"
_ENCODER = "the network's encoder; its usual one where not given"
_NORMALIZATION = "what pixels become"
_NORMALIZATIONS = ("imagenet", "unit", "caffe")
_OUTPUT_STRIDE = "dilate the encoder instead of striding further; the network's own by default"
_INSTEAD = "in place of --run, with --checkpoint: "
_CHECKPOINT = (
    "weights: a run, a .weights.h5 or .keras file, or PyTorch's .safetensors, .pth or .pt; "
    "the run's best by default"
)


@dataclass(frozen=True)
class TrainConfig(Config):
    """Train a network on records and keep its best checkpoint."""

    input: Path = flag(Path("records"), _INPUT, Path)
    dataset: str = flag(None, _DATASET)
    input_val: Path = flag(None, "validation LMDB environment, where --input is a bare one", Path)
    input_weights: tuple = flag(
        None, "shares of an epoch that several inputs take, as 2,1; their sizes by default", numbers
    )
    val_fraction: float = flag(
        0.1, "share held out of an --input without a val split", float, low=0.001, high=0.9
    )
    skip_damaged: bool = flag(False, _SKIP_DAMAGED, switch)
    model: str = flag("linknet", _MODEL)
    encoder: str = flag(None, _ENCODER)
    encoder_weights: str = flag(
        None, "imagenet (torchvision's, fetched once), or a .safetensors or .pth file of them"
    )
    output_stride: int = flag(None, _OUTPUT_STRIDE, int, choices=(8, 16, 32))
    normalization: str = flag("imagenet", _NORMALIZATION, choices=_NORMALIZATIONS)
    checkpoint: Path = flag(
        None,
        "weights to start from: a run, a .weights.h5 or .keras file, or PyTorch's .safetensors, "
        ".pth or .pt",
        Path,
    )
    skip_head: bool = flag(False, "start from a --checkpoint for other classes", switch)
    freeze_encoder: bool = flag(False, "leave the encoder as it is", switch)
    freeze_batch_norm: bool = flag(
        False, "keep batch normalisation's scales and statistics as they are", switch
    )
    encoder_lr_factor: float = flag(
        1.0, "learning rate of the encoder, as a share of the others'", float, low=0
    )
    aux: bool = flag(False, "train with the network's auxiliary head", switch)
    aux_weight: float = flag(0.4, "weight of its loss", float, low=0)
    resume: Path = flag(None, "run folder to continue where it stopped", Path)
    savedir: Path = flag(None, "folder of this run; runs/<dataset>-<model>-<time> by default", Path)
    logdir: Path = flag(None, "folder of the TensorBoard events; in the run by default", Path)
    epochs: int = flag(40, "passes over the training frames", int, low=1)
    batch_size: int = flag(4, "frames a step, all GPUs together", int, low=1)
    crop_size: tuple = flag(
        None, "training crop, HxW in pixels; the smallest frame's size by default", size
    )
    scale: tuple = flag(
        (0.8, 1.4), "random scaling before the crop, from and to; 1,1 is none", span
    )
    augment: str = flag("light", _AUGMENT)
    optimizer: str = flag("adamw", "update rule", choices=("rmsprop", "adam", "adamw", "sgd"))
    learning_rate_init: float = flag(1e-3, "learning rate at the start", float, low=0)
    schedule: str = flag("poly", "how it falls", choices=("constant", "step", "poly", "cosine"))
    warmup_epochs: float = flag(0.0, "epochs of linear rise at the start", float, low=0)
    step_epochs: int = flag(100, "epochs between the drops of --schedule=step", int, low=1)
    step_decay: float = flag(0.1, "factor of each drop", float, low=0, high=1)
    momentum: float = flag(0.9, "of sgd", float, low=0, high=1)
    weight_decay: float = flag(1e-3, "decoupled weight decay of adamw", float, low=0)
    l2_reg: float = flag(0.0, "L2 penalty on convolution kernels, added to the loss", float, low=0)
    clip_norm: float = flag(None, "largest norm of all gradients together", float, low=1e-6)
    ema: float = flag(
        None, "decay of averaged weights, as 0.999, used to validate", float, low=0, high=1
    )
    loss: str = flag(
        "cross_entropy+dice", "cross_entropy, dice, focal, lovasz, or a sum as a+0.5*b"
    )
    class_weights: str = flag(
        "enet", "weights of rare classes", choices=("none", "enet", "linknet", "median")
    )
    precision: str = flag(
        "auto", "arithmetic; auto takes bfloat16 where the machine has it", choices=PRECISIONS
    )
    cache: str = flag("none", "keep decoded frames", choices=("none", "memory", "disk"))
    workers: int = flag(None, "threads that decode; all cores by default", int, low=1)
    keep: object = flag(1, "checkpoints kept beside the best: a number, or all", count_or_all)
    pictures: int = flag(4, "validation frames shown in TensorBoard", int, low=0)
    gpu: tuple = flag((0,), _GPU, gpus)
    mem_frac: float = flag(None, _MEM_FRAC, float, low=0.01, high=1)
    seed: int = flag(1, "of weights, order and crops", int, low=0, high=2**32 - 1)


@dataclass(frozen=True)
class NetworkConfig(Config):
    """Which network to use: a run's, or a public checkpoint's."""

    run: Path = flag(None, _RUN, Path)
    model: str = flag(None, _INSTEAD + _MODEL)
    encoder: str = flag(None, _ENCODER)
    output_stride: int = flag(None, _OUTPUT_STRIDE, int, choices=(8, 16, 32))
    normalization: str = flag("imagenet", _NORMALIZATION, choices=_NORMALIZATIONS)
    checkpoint: Path = flag(None, _CHECKPOINT, Path)


@dataclass(frozen=True)
class LookConfig(NetworkConfig):
    """How the network looks at pictures."""

    gpu: tuple = flag((0,), _GPU, gpus)
    mem_frac: float = flag(None, _MEM_FRAC, float, low=0.01, high=1)
    scales: tuple = flag((1.0,), "sizes to look at each picture, as 0.5,1,1.5; the mean", numbers)
    flip: bool = flag(False, "look at the mirror image too", switch)
    tile: int = flag(None, "cut pictures into overlapping windows of so many pixels", int, low=1)
    overlap: float = flag(0.25, "share of a tile that its neighbours share", float, low=0, high=0.9)
    size: tuple = flag(None, "run at this HxW in pixels, answer at the picture's own", size)
    mc_samples: int = flag(
        None, "looks with dropout (8 with bayesian_segnet, otherwise 0: without)", int, low=0
    )
    crf: bool = flag(False, "refine by a fully connected CRF", switch)
    crf_iterations: int = flag(None, "its steps", int, low=1)
    crf_gaussian_sxy: float = flag(None, "reach of its smoothing, pixels", float, low=1e-3)
    crf_gaussian_compat: float = flag(None, "weight of that", float, low=0)
    crf_bilateral_sxy: float = flag(None, "reach of its colour term, pixels", float, low=1e-3)
    crf_bilateral_srgb: float = flag(None, "reach in colour, levels of 0 to 255", float, low=1e-3)
    crf_bilateral_compat: float = flag(None, "weight of that", float, low=0)


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
    input: Path = flag(None, _INPUT + "; the run's own by default", Path)
    dataset: str = flag(None, _DATASET)
    split: str = flag("val", "split to score")
    skip_damaged: bool = flag(False, _SKIP_DAMAGED, switch)
    batch_size: int = flag(4, "frames a step", int, low=1)
    output: Path = flag(
        None, "folder for figures and pictures; the run by default, or runs/<dataset>-<model>", Path
    )
    html: Path = flag(None, "file for all of it as one page", page_file)
    compare: tuple = flag(None, "runs, tested before, to show beside it there", folders)
    elab_names: bool = flag(False, "print e-lab's two figures by their names too", switch)


@dataclass(frozen=True)
class PredictConfig(LookConfig):
    """Label pictures or a video: a palette mask and an overlay for each, at its own size."""

    dataset: str = flag(None, "data set that --model was trained on: names and colours")
    input: Path = flag(None, "a picture, a folder of pictures, a video, or a camera's number", Path)
    output: Path = flag(
        Path("predictions"), "folder for the answers; for a video a file, as masks.mp4", Path
    )
    save: tuple = flag(
        ("mask", "overlay"),
        "what to write of a picture: mask, overlay, probabilities, uncertainty",
        names,
    )
    workers: int = flag(None, "threads that read and write; all cores by default", int, low=1)


@dataclass(frozen=True)
class ExportConfig(NetworkConfig):
    """Write a network as files that other runtimes load: uint8 RGB images in, uint8 masks out."""

    dataset: str = flag(None, "data set that --model was trained on: names and colours")
    output: Path = flag(None, "folder to write, as exports/linknet/1", Path)
    format: tuple = flag(
        ("saved_model",), "runtimes: saved_model, litert, onnx, openvino; several as a,b", names
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
        ("mask",), "what it answers: mask, probabilities, logits; several as a,b", names
    )
    size: tuple = flag(None, "take pictures of this HxW in pixels alone; any by default", size)
    batch: int = flag(None, "take so many pictures at once alone; any by default", int, low=1)


@dataclass(frozen=True)
class ServeConfig(Config):
    """Answer over HTTP with an export: TensorFlow Serving's REST API, images to masks, a page."""

    export: Path = flag(None, "folder with an export's versions, as exports/linknet", Path)
    host: str = flag("127.0.0.1", "address to listen at; 0.0.0.0 is every one of this machine")
    port: int = flag(8501, "port to listen at; 0 takes a free one", int, low=0, high=65535)
    token: str = flag(None, "answer only requests with the header Authorization: Bearer TOKEN")
    batch_size: int = flag(8, "images of equal size that run together", int, low=1)
    gather: float = flag(
        2.0, "milliseconds to wait for them while nothing else is there to do", float, low=0
    )
    queue: int = flag(64, "requests under way at once; more are answered 503", int, low=1)
    timeout: float = flag(30.0, "seconds from a request's start to its answer", float, low=0.1)
    max_bytes: int = flag(2**24, "largest request, bytes", int, low=1)
    max_pixels: int = flag(2**22, "most pixels of a request's images", int, low=1)
    gpu: tuple = flag((0,), _GPU, gpus)
    mem_frac: float = flag(None, _MEM_FRAC, float, low=0.01, high=1)


@dataclass(frozen=True)
class ConvertConfig(Config):
    """Turn a raw data set into records."""

    dataset: str = flag(None, "which data set, or folder for your own; an unknown name lists them")
    source: Path = flag(None, "its raw folder", Path)
    download: bool = flag(False, "fetch it into --source first, where that may be done", switch)
    classes: int = flag(None, "of camvid 11, 12 or 32; cityscapes 19 or 20; coco 171 or 133", int)
    mapping: str = flag(None, "camvid's 32 colours to 11 classes: segnet or elab")
    labels: str = flag(None, "of cityscapes: fine or coarse")
    val_scene: str = flag(None, "of vkitti: the scene held out")
    sbd: bool = flag(None, "of voc2012: train on SBD's frames too", switch)
    splits: tuple = flag(None, "those to convert, as train,val; all by default", names)
    limit: int = flag(None, "first frames of each split, for a trial", int, low=1)
    output: Path = flag(Path("records"), "folder of data sets to write into", Path)
    format: str = flag("tfrecord", "how it lies on disk", choices=("tfrecord", "lmdb"))
    size: tuple = flag(None, "resize once, HxW in pixels; as they are by default", size)
    encoding: str = flag(
        "keep",
        "of images: keep their own bytes, png, jpeg, or raw pixels (large, but nothing to decode)",
        choices=("keep", "png", "jpeg", "raw"),
    )
    shards: int = flag(None, "tfrecord files a split; of 128 MiB by default", int, low=1)
    workers: int = flag(None, "processes; one a core by default", int, low=1)
    allow_unknown: bool = flag(False, "make void what no class is known for", switch)
    overwrite: bool = flag(False, "replace records that are there", switch)


@dataclass(frozen=True)
class InspectConfig(Config):
    """Say what records or a raw folder hold, and what would spoil training (then exit code 1)."""

    input: Path = flag(Path("records"), _INPUT, Path)
    dataset: str = flag(None, _DATASET)
    output: Path = flag(None, "PNG for a sheet of labelled samples", Path)
    html: Path = flag(None, "file for all of it as one page", page_file)
    verify: bool = flag(False, "check instead that records are what was written", switch)
    augment: str = flag(
        None, "show instead what training with this --augment sees, in --output (augment.png)"
    )
    workers: int = flag(None, "processes; one a core by default", int, low=1)


@dataclass(frozen=True)
class ModelsConfig(Config):
    """List the networks with their parameters, GFLOPs and papers, or show one of them."""

    name: str = flag(None, "show this network, stage by stage, in place of the table")
    encoder: str = flag(None, _ENCODER)
    size: tuple = flag((360, 480), "input that GFLOPs are counted for, HxW in pixels", size)
    num_classes: int = flag(19, "classes", int, low=1)
    plot: Path = flag(None, "PNG for a diagram of --name", Path)


@dataclass(frozen=True)
class PlotConfig(Config):
    """Draw the training curves of one run or several: mIoU, loss and learning rate."""

    run: tuple = flag(None, "folders of training runs, as runs/a,runs/b", folders)
    output: Path = flag(Path("curves.png"), "PNG to write", Path)
