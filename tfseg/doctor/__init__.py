"""What is wrong with a raw folder or a set of records.

A subject (raw or records) is surveyed frame by frame, rules turn the survey into findings, and a
report shows all of it.
"""

from pathlib import Path


def inspect(data, *, output=None, html=None, workers=1):
    """Prints what a data set holds and what is wrong with it; True when that spoils training.

    Args:
        data: opened `Records`, or a `DatasetSpec` and its raw folder (None where it is drawn).
        output: PNG for a sheet of labelled samples.
        html: file for all of it as one page.
        workers: processes that read raw frames; None takes one a core.

    Raises:
        UserError: for a folder that is not the data set at all.
    """
    # Imported here: the processes that examine frames import this package, and no TensorFlow.
    from tfseg.doctor import montage, report
    from tfseg.doctor.faults import Faults
    from tfseg.doctor.findings import find
    from tfseg.doctor.subject import RawSubject, RecordsSubject
    from tfseg.doctor.survey import survey

    faults = Faults()
    raw = isinstance(data, tuple)
    subject = RawSubject(*data, faults.add) if raw else RecordsSubject(data)
    surveys = survey(subject, faults.add, workers)
    found = faults.findings() + find(subject, surveys)
    found.sort(key=lambda finding: not finding.spoils)
    print(report.text(subject, surveys, found))
    samples = montage.samples(subject) if output or html else []
    if output and samples:
        _write_sheet(output, montage.sheet(samples, subject.classes, subject.colors))
    elif output:
        print(f"no frame can be shown, so {output} was not written")
    if html:
        report.write(html, subject, surveys, found, samples)
    return any(finding.spoils for finding in found)


def _write_sheet(path, data):
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    print(f"wrote {path}")
