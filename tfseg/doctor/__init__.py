"""The `inspect` command: problems of a raw folder or of records.

`survey` examines an input (raw or records) frame by frame, rules turn the survey into findings,
and a report shows both.

Functions import modules on use: the processes that examine frames import this package, and should
start without TensorFlow.
"""

from pathlib import Path

from tfseg import atomic
from tfseg.addresses import spelled
from tfseg.errors import UserError


def inspect(data, *, output=None, html=None, workers=1, pixel_range=None):
    """Prints the contents and problems of a data set; returns the findings.

    Args:
        data: opened `Records`, or a `DatasetSpec` and its raw folder (None if it is generated).
        output: PNG file for a sheet of labelled samples.
        html: file for the whole report as one page.
        workers: processes that read raw frames; None takes one per core.
        pixel_range: values that become 0 and 255 in raw images of more than 8 bits, see
            `tfseg.images.to_levels`.

    Raises:
        UserError: if the folder is not the data set.
    """
    from tfseg.doctor import montage, report
    from tfseg.doctor.findings import find
    from tfseg.doctor.inputs import RawInput, RecordsInput
    from tfseg.doctor.issues import Issues
    from tfseg.doctor.survey import survey

    issues = Issues()
    raw = isinstance(data, tuple)
    data = RawInput(*data, issues.add, pixel_range) if raw else RecordsInput(data)
    surveys = survey(data, issues.add, workers)
    found = issues.findings() + find(data, surveys)
    found.sort(key=lambda finding: not finding.spoils)
    print(report.text(data, surveys, found))
    samples = montage.samples(data) if output or html else []
    if output and samples:
        atomic.write_bytes(output, montage.sheet(samples, data.classes, data.colors))
        print(spelled(f"wrote {output}"))
    elif output:
        print(f"no frame can be shown, so {output} was not written")
    if html:
        report.write(html, data, surveys, found, samples)
    return found


def verify(config):
    """Checks records against their checksums; returns a finding for each changed shard."""
    from tfseg import storage
    from tfseg.doctor.issues import Finding
    from tfseg.records.reader import find_raw, open_records
    from tfseg.records.verify import changed_shards

    if find_raw(config.input, config.dataset):
        raise UserError(f"--verify is for records; {config.input} is a raw folder")
    storage.fetch(config.input)  # fetches every shard now
    records = open_records(config.input, config.dataset, skip_damaged=True)  # to list all damage
    changed = changed_shards(records)
    print("\n".join(changed) or f"{records.path}: no shard has changed")
    return [Finding(True, line) for line in changed]


def draft(config):
    """Writes a table of classes for a raw folder; returns the problems of its files."""
    from tfseg import storage
    from tfseg.doctor import report
    from tfseg.doctor.class_table import entries, table

    found, issues = entries(storage.fetch(config.input), config.draft)
    atomic.write_text(config.draft, table(found))
    print(report.draft_text(found))
    print(spelled(f"wrote {config.draft}; give the classes their names there"))
    if config.html:
        report.write_draft(config.html, config.input, found)
    for finding in issues:
        print(finding.text)
    return issues


def show_augmentation(config):
    """Writes a sheet of examples of `config.augment` on the first frame."""
    from tfseg.config import TrainConfig
    from tfseg.data.augment import parse_augment
    from tfseg.data.examples import augment_sheet
    from tfseg.records.reader import open_records
    from tfseg.visualize import write_picture

    augment = parse_augment(config.augment)
    split = next(iter(open_records(config.input, config.dataset).splits.values()))
    image, label = split.frame(0)
    sheet = augment_sheet(image, label, split.info.colors, augment, scale=TrainConfig().scale)
    path = config.output or Path("augment.png")
    write_picture(path, sheet)
    print(spelled(f"wrote {path}"))
