"""Runs commands on disks that fill up, and checks what they leave.

    from faults import disks
    report = disks.run(count=20, seed=0)
    assert not report.failures, report

A command runs in a tmpfs that holds a random share of its output. It must end with its result, or
with one line that names the full disk and no partial file; with more room, it must continue to the
undisturbed result. Mounting needs root.
"""

import os
import random
import subprocess
import tempfile
from pathlib import Path

from faults.kills import Report, forked, prepared


def can_mount() -> bool:
    """Whether this process may mount a small disk."""
    with tempfile.TemporaryDirectory() as place:
        mounted = _mount(place, 100_000) == 0
        if mounted:
            subprocess.run(["umount", "-l", place], check=True)
        return mounted


def run(count: int, seed: int) -> Report:
    """Fills `count` disks, the commands in turn."""
    report = Report("full disks")
    with tempfile.TemporaryDirectory() as place:
        jobs, disk = prepared(Path(place)), Path(place, "disk")
        disk.mkdir()
        for index in range(count):
            name = list(jobs)[index % len(jobs)]
            report.tries[name] = report.tries.get(name, 0) + 1
            size = _size(random.Random(f"{seed}-{index}"), Path(place, "undisturbed", name))
            assert _mount(disk, size) == 0, "needs the right to mount"
            try:
                fault = _fill(jobs[name], disk)
            finally:
                subprocess.run(["umount", "-l", disk], check=True)
            if fault:
                report.failures.append(f"seed {seed}, disk {index} ({name}, {size} bytes): {fault}")
    return report


def _fill(job, disk):
    """The failure of one full disk, or None."""
    status, *_, log = forked(job.argv(disk), disk)
    if status not in (0, 2):
        return f"ended with {status}: {log}"
    if status == 2 and not (log.startswith("error: ") and "No space left on device" in log):
        return f"said: {log}"
    if fault := job.whole(disk, job.wanted):
        return fault
    os.system(f"mount -o remount,size=100m {disk}")
    if status == 2:
        status, *_, log = forked(job.mend(disk, resume=True), disk)
        if status:
            return f"with room it ended with {status}: {log}"
    hidden = [str(p.relative_to(disk)) for p in disk.rglob(".*")]
    if hidden:
        return f"{hidden} is left"
    return None if job.result(disk) == job.wanted else "another result"


def _size(rng, undisturbed):
    written = sum(p.stat().st_size for p in undisturbed.rglob("*") if p.is_file())
    return max(8192, round(written * rng.uniform(0.1, 1.2)))


def _mount(place, size):
    return os.system(f"mount -t tmpfs -o size={size} tmpfs {place} 2>/dev/null")
