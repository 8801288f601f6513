"""Runs on the Hugging Face hub: `push` writes one there, with a model card."""

import dataclasses
import tempfile
from pathlib import Path

from tfseg import atomic
from tfseg.card import write_card
from tfseg.config import PushConfig, TrainConfig
from tfseg.errors import UserError
from tfseg.fetching import reason_of
from tfseg.hub_runs import HUB, RUN_FILES
from tfseg.runs import RunFolder
from tfseg.visualize import triptych, write_picture

SAMPLE = "sample.png"


def push(config: PushConfig) -> str:
    """Uploads a run's settings, classes, figures and best checkpoint; returns its hf:// name.

    The repository is made where there is none, and gets one commit. Raises `UserError` where the
    run has no checkpoint yet, and where the hub refuses.
    """
    run = RunFolder(config.run)
    if not run.best.exists():
        raise UserError(f"{run.path} has no best checkpoint yet; training writes it each epoch")
    name = f"{HUB}{config.repo}"
    with tempfile.TemporaryDirectory() as folder:
        _gather(run, Path(folder), config)
        try:
            address = _upload(folder, config)
        except Exception as error:  # the hub's, its HTTP library's
            raise UserError(
                f"--repo={config.repo}: the hub did not take it ({reason_of(error)}); a token that "
                f"may write is needed: hf auth login, or HF_TOKEN"
            ) from None
    print(f'pushed {run.path} to {address}\nnext: tfseg.load("{name}")')
    return name


def _gather(run, folder, config):
    """Lays out what is uploaded: a run's folder, the card, a sample."""
    for name in RUN_FILES:
        source = run.path / name
        if name != "config.json" and source.exists():
            atomic.write_bytes(folder / name, source.read_bytes())
    _without_paths(run.config()).save(folder / "config.json")
    has_sample = _write_sample(run, folder / SAMPLE)
    write_card(folder / "README.md", run, config, SAMPLE if has_sample else None)


def _without_paths(config):
    """The settings without the paths of this machine, which are nobody's business."""
    paths = {f.name: f.default for f in dataclasses.fields(TrainConfig) if f.type is Path}
    known = config.encoder_weights in ("auto", "imagenet", "none")
    return config.replace(**paths, encoder_weights=config.encoder_weights if known else "none")


def _write_sample(run, path):
    """An image, its label and its mask: what `test` wrote, else of the first frame of val."""
    tested = sorted(run.path.glob("test-*/frame-*.png"))
    if tested:
        atomic.write_bytes(path, tested[0].read_bytes())
        return True
    from tfseg.labels import label_sets, labels_of
    from tfseg.networks import load_run
    from tfseg.prediction.engine import Engine
    from tfseg.records.reader import open_input

    try:
        split = open_input(run.config()).splits["val"]
        image, label = split.frame(0)
    except UserError as error:
        print(f"note: the model card has no image: {error.typed}")
        return False
    if run.config().task == "multilabel":
        label = label_sets(labels_of(split.info)).masks(label)
    network = load_run(run)
    mask = Engine(network.model, network.decision).mask(image)
    labels = network.labels
    write_picture(path, triptych(image, label, mask, labels.classes, labels.colors))
    return True


def _upload(folder, config):
    from huggingface_hub import HfApi, logging  # imports slowly, and is seldom needed

    logging.set_verbosity_error()  # what it tries again need not be told
    api = HfApi(library_name="tfseg")
    api.create_repo(config.repo, private=config.private, exist_ok=True)
    message = f"Push {config.run.name} with tfseg"
    api.upload_folder(repo_id=config.repo, folder_path=folder, commit_message=message)
    return f"{api.endpoint}/{config.repo}"
