"""The `push` command: uploads a run to the Hugging Face hub, with a model card."""

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

    Creates the repository if it does not exist and makes one commit. Raises `UserError` if the run
    has no checkpoint yet or the hub refuses.
    """
    run = RunFolder(config.run)
    if not run.best.exists():
        raise UserError(f"{run.path} has no best checkpoint yet; training writes it each epoch")
    name = f"{HUB}{config.repo}"
    with tempfile.TemporaryDirectory() as folder:
        _gather(run, Path(folder), config)
        try:
            address = _upload(folder, config)
        except Exception as error:  # errors of the hub and its HTTP library
            raise UserError(
                f"--repo={config.repo}: the upload failed ({reason_of(error)}); {_mend(error)}"
            ) from None
    print(f'pushed {run.path} to {address}\nnext: tfseg.load("{name}")')
    return name


def _mend(error):
    from huggingface_hub.errors import HfHubHTTPError, LocalTokenNotFoundError

    if isinstance(error, (HfHubHTTPError, LocalTokenNotFoundError)):
        return "use a token that may write: hf auth login, or HF_TOKEN"
    return "check the network, then run the same command again"


def _gather(run, folder, config):
    """Collects the upload: the run's files, the card, a sample."""
    for name in RUN_FILES:
        source = run.path / name
        if name != "config.json" and source.exists():
            atomic.write_bytes(folder / name, source.read_bytes())
    _without_paths(run.config()).save(folder / "config.json")
    has_sample = _write_sample(run, folder / SAMPLE)
    write_card(folder / "README.md", run, config, SAMPLE if has_sample else None)


def _without_paths(config):
    """The settings without the paths of this machine, which are private."""
    paths = {f.name: f.default for f in dataclasses.fields(TrainConfig) if f.type is Path}
    known = config.encoder_weights in ("auto", "imagenet", "none")
    return config.replace(**paths, encoder_weights=config.encoder_weights if known else "none")


def _write_sample(run, path):
    """Writes an image, its label and its mask: from `test`, else for the first frame of val."""
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
    from huggingface_hub import HfApi, logging  # slow to import and rarely needed

    logging.set_verbosity_error()  # hides retries
    api = HfApi(library_name="tfseg")
    api.create_repo(config.repo, private=config.private, exist_ok=True)
    message = f"Push {config.run.name} with tfseg"
    api.upload_folder(repo_id=config.repo, folder_path=folder, commit_message=message)
    return f"{api.endpoint}/{config.repo}"
