"""The model card of a run: a README.md for the Hugging Face hub, made from the run's files."""

import json
from pathlib import Path
from typing import Any

from tfseg import atomic
from tfseg.config import PushConfig, TrainConfig
from tfseg.errors import UserError
from tfseg.flags import spell
from tfseg.hub_runs import HUB
from tfseg.runs import RunFolder

FIGURES = {
    "miou": "mIoU",
    "pixel_accuracy": "pixel accuracy",
    "class_accuracy": "class accuracy",
    "fw_iou": "frequency-weighted IoU",
    "boundary_miou": "Boundary mIoU",
    "mean_average_precision": "mean average precision",
    "ece": "expected calibration error",
}
OTHERS = "dice", "boundary_iou", "bf"  # figures of each class, after its IoU
TITLES = {"iou": "IoU", "dice": "Dice", "boundary_iou": "Boundary IoU", "bf": "BF"}


def write_card(path: Path, run: RunFolder, config: PushConfig, sample: str | None) -> None:
    """Writes the card; `sample` is the name of an image file next to it."""
    settings, labels, results = run.config(), run.labels(), _results(run)
    name = config.repo.rpartition("/")[2]
    encoder = f" on {settings.encoder}" if settings.encoder else ""
    parts = [
        _metadata(name, labels, results, config),
        f"# {name}",
        f"`{settings.model}`{encoder}: {_task(settings)} of {len(labels.classes)} classes, "
        f"trained on `{labels.dataset}` with tfseg.",
    ]
    if sample:
        parts.append(f"![An image, its label, and the mask of this network]({sample})")
    parts += [
        _figures(results),
        _classes(labels, results),
        _use(config.repo),
        _training(settings),
        _licence(config, settings),
    ]
    atomic.write_text(path, "\n\n".join(part for part in parts if part) + "\n")


def _results(run):
    path = run.path / "results.json"
    if not path.exists():
        return {}
    try:
        results = json.loads(path.read_text(encoding="utf-8"))
        results["iou"].keys()
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise UserError(f"{path} has no figures ({error!r}); delete it, or train again") from None
    return results


def _metadata(name, labels, results, config):
    from huggingface_hub import EvalResult, ModelCardData

    known = results.get("miou") is not None
    figure = EvalResult(
        task_type="image-segmentation",
        dataset_type=labels.dataset,
        dataset_name=labels.dataset,
        dataset_split="val",
        metric_type="mean_iou",
        metric_name="mIoU",
        metric_value=round(results["miou"], 4) if known else None,
    )
    data = ModelCardData(
        license=config.license,
        library_name="tfseg",
        pipeline_tag="image-segmentation",
        tags=["semantic-segmentation", "tensorflow", "keras"],
        **({"model_name": name, "eval_results": [figure]} if known else {}),
    )
    return f"---\n{data.to_yaml()}\n---"


def _task(settings):
    kinds = {"multiclass": "semantic segmentation", "binary": "binary segmentation"}
    return kinds.get(settings.task, "multilabel segmentation")


def _figures(results):
    if not results:
        return "Training has not finished, so there are no figures yet."
    rows = [(title, _percent(results[key])) for key, title in FIGURES.items() if key in results]
    return "## Figures\n\nThe best checkpoint on `val`, in percent.\n\n" + _table(
        ("figure", "%"), rows
    )


def _classes(labels, results):
    columns = [key for key in ("iou", *OTHERS) if key in results]
    rows = [
        (
            index,
            f"{name}".replace("|", r"\|"),
            "#{:02x}{:02x}{:02x}".format(*color),
            *(_percent(results[key].get(name)) for key in columns),
        )
        for index, (name, color) in enumerate(zip(labels.classes, labels.colors, strict=True))
    ]
    return "## Classes\n\n" + _table(
        ("value", "class", "colour", *(TITLES[key] for key in columns)), rows
    )


def _use(repo):
    return f"""## Use

```python
import tfseg

segmenter = tfseg.load("{HUB}{repo}")
mask = segmenter.predict("photo.jpg")  # the class of every pixel, at the image's size
```

```
tfseg predict --model={HUB}{repo} --input=photos
tfseg export --model={HUB}{repo} --output=exports/network/1
```"""


def _training(settings):
    fields = TrainConfig.__dataclass_fields__
    silent = TrainConfig.having("silent")
    rows = [
        (f"`--{name}`", f"`{spell(fields[name], value)}`")
        for name, value in settings.changed().items()
        if name not in silent and fields[name].type is not Path
    ]
    return "## Training\n\nFlags that differ from the defaults.\n\n" + _table(
        ("flag", "value"), rows
    )


def _licence(config, settings):
    said = f"The weights: `{config.license}`." if config.license else "Not stated."
    encoder = settings.encoder or settings.model
    if settings.encoder_weights == "imagenet":
        said += f" The encoder started from public ImageNet weights of `{encoder}`."
    if settings.checkpoint:
        said += " Training started from the weights of another network."
    return f"## Licence\n\n{said}"


def _table(heading: tuple[str, ...], rows: list[tuple[Any, ...]]) -> str:
    lines = [heading, ("---",) * len(heading), *rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)


def _percent(value):
    return "–" if value is None else f"{100 * value:.1f}"
