"""Kills commands at a file operation or at a random moment, and checks what they leave.

    from faults import kills
    report = kills.run(count=100, seed=0)
    assert not report.failures, report

A child process with everything imported runs one command and sends itself SIGKILL at its n-th
open, rename, removal, new folder or fsync, or is killed after a random time (C libraries write
without Python noticing). The files it leaves must be complete, and one more command must end as if
nothing had happened.
"""

import importlib
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import cv2
from helpers.checkpoints import newest
from helpers.small import few_streets
from helpers.tiny import main

from tfseg.labels import VOID

# C calls in which LMDB and TensorFlow write. A profiler that sees them slows Python down, so only
# conversions use one.
CALLS = {"put", "commit", "sync", "set_mapsize", "close", "write", "flush"}
OPERATIONS = ("os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate", "os.link")
WAIT = 120.0  # most seconds of a command
IMPORTED = (  # once, instead of after every fork
    "fire", "tensorflow_datasets", "tfseg.training.fit", "tfseg.exporting.export",
    "tfseg.prediction.predict", "tfseg.records.convert",
)  # fmt: skip
TRAIN = (
    "train", "--model=tiny", "--gpu=-1", "--batch_size=2", "--precision=float32", "--pictures=1",
    "--workers=2", "--epochs=2", "--loss=lovasz", "--save_every=0.01",
)  # fmt: skip


@dataclass
class Report:
    """The results: `tries` of each command, a line for each that lost work."""

    kind: str
    tries: dict[str, int] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)

    def __str__(self):
        counts = ", ".join(f"{name}: {count}" for name, count in self.tries.items())
        head = f"{sum(self.tries.values())} {self.kind}, {len(self.failures)} failures ({counts})"
        return "\n".join([head, *self.failures])


@dataclass
class Job:
    """A command to kill.

    Attributes:
        argv: its arguments, given its folder.
        mend: the arguments to continue after a kill, given that folder and `resume`, whether to
            prefer --resume if both are possible.
        result: its result, to compare with an undisturbed one.
        whole: the fault in the files that a kill left, or None.
        calls: C functions that also count as file operations.
    """

    argv: Callable
    mend: Callable
    result: Callable
    whole: Callable = lambda folder, result: None
    calls: set[str] = field(default_factory=set)
    operations: int = 0
    seconds: float = 0.0
    wanted: object = None


def run(count: int, seed: int) -> Report:
    """Kills `count` commands, the kinds in turn."""
    report = Report("kills")
    with tempfile.TemporaryDirectory() as place:
        jobs = prepared(Path(place))
        for index in range(count):
            name = list(jobs)[index % len(jobs)]
            report.tries[name] = report.tries.get(name, 0) + 1
            rng = random.Random(f"{seed}-{index}")
            if fault := _kill(jobs[name], Path(place, "work"), rng):
                report.failures.append(f"seed {seed}, kill {index} ({name}): {fault}")
    return report


def _kill(job, folder, rng):
    """The failure of one kill, or None."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    if rng.random() < 0.7:
        at = rng.randrange(job.operations)
        forked(job.argv(folder), folder, job.calls, kill_at=at)
        told = f"at operation {at}"
    else:
        after = rng.uniform(0, job.seconds)
        forked(job.argv(folder), folder, kill_after=after)
        told = f"after {after:.2f} s"
    if fault := job.whole(folder, job.wanted):
        return f"{told}: {fault}"
    status, *_, log = forked(job.mend(folder, rng.random() < 0.5), folder)
    if status:
        return f"{told}: going on ended with {status}: {log}"
    if job.result(folder) != job.wanted:
        return f"{told}: another result"
    hidden = [str(p.relative_to(folder)) for p in folder.rglob(".*") if not p.name.endswith(".png")]
    return f"{told}: {hidden} is left" if hidden else None


def forked(argv, folder, calls=(), kill_at=None, kill_after=None):
    """Runs a command in a child; returns (exit status, operations, seconds, last line)."""
    log, start = folder.with_name("log"), time.monotonic()
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        os.close(reader)
        _become(argv, str(folder), log, writer, calls, kill_at)
    os.close(writer)
    deadline = start + (WAIT if kill_after is None else kill_after)
    while not os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT):
        if time.monotonic() > deadline:
            os.kill(child, signal.SIGKILL)
        time.sleep(0.005)
    _, status = os.waitpid(child, 0)
    with os.fdopen(reader) as pipe:
        operations = int(pipe.read() or 0)
    lines = log.read_text(errors="replace").strip().splitlines()
    last = lines[-1] if lines else ""
    return os.waitstatus_to_exitcode(status), operations, time.monotonic() - start, last


def _become(argv, folder, log, writer, calls, kill_at):
    """Runs in the child: counts its file operations, and kills itself at one of them."""
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(output, 1), os.dup2(output, 2)
    sys.stdout = os.fdopen(1, "w", closefd=False)
    sys.stderr = os.fdopen(2, "w", closefd=False)
    done = [0]

    def operation():
        if done[0] == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)
        done[0] += 1

    def heard(event, arguments):
        if event == "open":
            writes = arguments[2] is not None and arguments[2] & (os.O_WRONLY | os.O_RDWR)
            if writes and str(arguments[0]).startswith(folder):
                operation()
        elif event in OPERATIONS and os.fsdecode(arguments[0]).startswith(folder):
            operation()

    def called(frame, event, function):
        if event == "c_call" and function.__name__ in calls:
            operation()

    synced = os.fsync
    os.fsync = lambda descriptor: (operation(), synced(descriptor))[1]
    code = 1
    try:
        sys.addaudithook(heard)
        if calls:
            sys.setprofile(called)
        main([str(word) for word in argv])
        code = 0
    except SystemExit as stop:
        code = stop.code or 0
    finally:
        sys.stdout.flush(), sys.stderr.flush()
        os.write(writer, str(done[0]).encode())
        os._exit(code)


def prepared(place: Path) -> dict[str, Job]:
    """The jobs, each run once undisturbed."""
    for name in IMPORTED:
        importlib.import_module(name)
    raw, records, run, photos = (place / name for name in ("raw", "records", "run", "photos"))
    _draw(raw, photos)
    convert = ["convert", "--dataset=camvid", f"--source={raw}", "--size=48x64", "--workers=1"]
    train = [*TRAIN, f"--input={records}"]
    for argv in ([*convert, f"--output={records}"], [*train, f"--savedir={run}"]):
        status, *_, log = forked(argv, place / "setup")
        assert status == 0, log
    jobs = _jobs(convert, train, run, photos)
    for name, job in jobs.items():
        folder = place / "undisturbed" / name
        folder.mkdir(parents=True)
        status, job.operations, job.seconds, log = forked(job.argv(folder), folder, job.calls)
        assert status == 0, log
        job.wanted = job.result(folder)
    return jobs


def _draw(raw, photos):
    """Writes a raw data set in CamVid's layout, and images to predict."""
    for split, frames in few_streets(6, 3).list_frames(None).items():
        for name in (split, f"{split}annot"):
            (raw / name).mkdir(parents=True)
        for frame in frames:
            label = frame.label()
            label[label == VOID] = 11
            cv2.imwrite(str(raw / split / f"{frame.id}.png"), frame.image()[..., ::-1])
            cv2.imwrite(str(raw / f"{split}annot" / f"{frame.id}.png"), label)
    shutil.copytree(raw / "val", photos)


def _jobs(convert, train, run, photos):
    def converted(final, *flags):
        def argv(folder):
            return [*convert, f"--output={folder / 'out'}", *flags]

        def made(folder):
            return _bytes(folder / final)

        whole = _nothing_or_all(final, _bytes)
        return Job(argv, lambda folder, resume: argv(folder), made, whole, CALLS)

    def trained(folder):
        return [*train, f"--savedir={folder / 'run'}"]

    def goes_on(folder, resume):
        made = folder / "run"
        last = (made / "checkpoints" / "last.json").exists()
        resume = last or (resume and (made / "config.json").exists())
        return [*TRAIN[:1], f"--resume={made}"] if resume else trained(folder)

    def exported(folder):
        return ["export", f"--run={run}", f"--output={folder / 'out' / '1'}"]

    def exports_again(folder, resume):
        made = folder / "out" / "1"
        return ["models"] if made.exists() else exported(folder)  # an existing export is refused

    def files(folder):
        return _files(folder / "out" / "1")

    def labelled(folder):
        return ["predict", f"--run={run}", f"--input={photos}", f"--output={folder / 'masks'}"]

    return {
        "convert": converted("out/camvid/1.0.0", "--shards=3"),
        "convert to LMDB": converted("out/camvid_lmdb", "--format=lmdb"),
        "train": Job(trained, goes_on, _learnt),
        "export": Job(exported, exports_again, files, _nothing_or_all("out/1", _files)),
        "predict": Job(labelled, lambda folder, resume: labelled(folder), _masks, _masks_whole),
    }


def _nothing_or_all(final, result):
    """A fault if the file under its final name differs from an undisturbed command's."""

    def whole(folder, wanted):
        found = (folder / final).exists()
        return "a part is published" if found and result(folder / final) != wanted else None

    return whole


def _bytes(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def _learnt(folder):
    """All kinds of weights, and the metrics."""
    arrays = newest(folder / "run").items()
    return {name: array.tobytes() for name, array in arrays}, (
        folder / "run" / "results.json"
    ).read_text()


def _files(folder):
    """The names of all files, because a SavedModel's bytes differ between exports."""
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())


def _masks(folder):
    made = (folder / "masks").rglob("*.png")
    return {path.name: path.read_bytes() for path in made if not path.name.startswith(".")}


def _masks_whole(folder, wanted):
    wrong = [name for name, data in _masks(folder).items() if data != wanted[name]]
    return f"{wrong} differ" if wrong else None
