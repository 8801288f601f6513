"""`test`: evaluates a network, an export or predicted masks on a split of labelled frames."""

import csv
import io

from tfseg import atomic, devices
from tfseg.addresses import spelled
from tfseg.evaluation import report
from tfseg.evaluation.figures import elab_names, table
from tfseg.evaluation.frames import frame_figures, write_frames
from tfseg.evaluation.score import score
from tfseg.evaluation.target import find_target
from tfseg.visualize import confusion_picture, triptych, write_picture

SHOWN = 8  # frames written as images


def test(config):
    """Evaluates the target of a `TestConfig`: prints a table, writes the metrics, returns them.

    It writes `test-<split>.json`, `test-<split>-frames.csv` with the metrics of every frame, a
    folder `test-<split>` with the confusion matrix and images, and the page `config.html`.
    """
    config.check()
    devices.select(config.gpu, config.mem_frac)
    others = report.others(config.compare, config.split)
    target = find_target(config)
    output = config.output or target.output
    folder = output / f"test-{config.split}"
    split, labels = target.split, target.labels
    montages = _montages(folder, split, labels)
    scored = score(target.source, split, config.batch_size, montages, target.task)
    results = scored.tally.results()
    path = output / f"test-{config.split}.json"
    atomic.write_json(path, results)
    frames = frame_figures(split, scored.frames)
    write_frames(path.with_name(f"{path.stem}-frames.csv"), frames, labels.classes)
    if scored.tally.matrix is not None:
        _write_matrix(folder, scored.tally.matrix, labels.classes)
    print(table(results))
    if config.elab_names:
        _print_elab(results)
    print(spelled(f"wrote {path}, {path.stem}-frames.csv, and images in {folder}"))
    if config.html:
        report.write(config.html, target, scored.tally, frames, others)
    return results


def _montages(folder, split, labels):
    """A function that writes image | label | mask of some evenly spaced frames."""
    shown = {i * len(split) // SHOWN for i in range(SHOWN)}

    def show(index, image, truth, prediction):
        if index in shown:
            title = split.about(index)[0]
            picture = triptych(image, truth, prediction, labels.classes, labels.colors, title)
            write_picture(folder / f"frame-{index:05d}.png", picture)

    return show


def _write_matrix(folder, matrix, classes):
    """Writes the confusion matrix of the classes as CSV and as an image."""
    matrix, names = matrix[:, : len(classes)], list(classes)
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(["truth \\ prediction", *names])
    writer.writerows([name, *row] for name, row in zip(classes, matrix.tolist(), strict=True))
    atomic.write_text(folder / "confusion.csv", text.getvalue())
    write_picture(folder / "confusion.png", confusion_picture(matrix, classes))


def _print_elab(results):
    named = ", ".join(f"{name} {100 * value:.1f}" for name, value in elab_names(results).items())
    print(
        f'e-lab: {named} (warning: its "IoU" is class accuracy and its "iIoU" mIoU; '
        f"do not compare them with others')"
    )
