"""`train` on a Ray cluster: Ray Train starts the workers, and restarts all if one dies."""

import logging
import os
import tempfile
import traceback
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from ray.train import (
    ControllerError,
    FailureConfig,
    RunConfig,
    ScalingConfig,
    TrainingFailedError,
    UserCallback,
)

from tfseg import storage
from tfseg.addresses import spelled
from tfseg.cluster.connection import (
    again,
    connected,
    enter,
    gpus_of_worker,
    tell_if_busy,
    worker_flags,
)
from tfseg.cluster.output import sent, shown
from tfseg.config import TrainConfig
from tfseg.errors import UserError, WorkerLostError
from tfseg.parsing import path

RESTARTS = 3
_ENVIRONMENT = {"RAY_TRAIN_ENABLE_PRINT_PATCH": "0"}  # it would print each line twice


def train(config: TrainConfig) -> Path:
    """Trains in `config.num_workers` processes of the cluster; returns the run's folder.

    Raises:
        UserError: if the cluster does not answer, a worker refuses its flags or data, or workers
            die more often than they are restarted.
    """
    with connected(config.ray), shown() as output:
        job = {"flags": worker_flags(config), "folder": os.getcwd(), "output": output}
        try:
            return path(_fit(job, config))
        except SystemExit:  # how Ray Train ends at Ctrl-C
            raise KeyboardInterrupt(f"without saving; {again(config)}") from None
        except KeyboardInterrupt as stop:
            raise type(stop)(f"without saving; {again(config)}") from None


def _fit(job, config):
    """Runs the workers of a job; returns the chief's result."""
    from ray.train.tensorflow import TensorflowTrainer  # loads TensorFlow

    gpus = gpus_of_worker(config.gpu)
    tell_if_busy(config.num_workers, gpus)
    with tempfile.TemporaryDirectory(prefix="tfseg-ray-") as scratch:
        trainer = TensorflowTrainer(
            _work,
            train_loop_config=job,
            scaling_config=ScalingConfig(
                num_workers=config.num_workers,
                use_gpu=gpus > 0,
                resources_per_worker={"CPU": 1, "GPU": gpus},
            ),
            run_config=RunConfig(
                storage_path=scratch,  # the workers keep the run themselves
                worker_runtime_env={"env_vars": _ENVIRONMENT},
                failure_config=FailureConfig(max_failures=RESTARTS),
                callbacks=[_EndAtErrors(job["output"])],
            ),
        )
        try:
            return trainer.fit().return_value
        except TrainingFailedError as error:
            raise _told(error, config) from None


def _told(error, config):
    """The error to raise when Ray Train gives up."""
    if isinstance(error, ControllerError):
        return error.controller_failure
    reason = str(error).strip().splitlines()[-1]
    return UserError(f"workers died {RESTARTS + 1} times, last: {reason}; {again(config)}")


class _EndAtErrors(UserCallback):
    """Ends the job when a worker raises an error, which would come back after a restart."""

    def __init__(self, output):
        self.output = output

    def after_exception(self, run_context: Any, worker_exceptions: dict[int, Exception]) -> None:
        for error in worker_exceptions.values():
            died = type(error).__module__.startswith("ray.")
            if not died and not isinstance(error, WorkerLostError):
                raise error
        self.output.put(("stdout", "\na worker died; all start again from the last checkpoint\n"))


def _work(job):
    """`train` in one worker, whose TF_CONFIG Ray has set; the chief prints.

    After a restart there are checkpoints, and the run continues.
    """
    os.environ.pop("TF_USE_LEGACY_KERAS", None)  # Ray sets it, for Keras 2
    enter(job["folder"])
    from tfseg.runs import RunFolder  # these load TensorFlow, which reads that variable
    from tfseg.training.fit import resume, train
    from tfseg.training.workers import is_chief

    logging.getLogger("tensorflow").setLevel(logging.WARNING)
    config = TrainConfig.of(**job["flags"])
    try:
        with sent(job["output"]) if is_chief() else nullcontext(), storage.local(config):
            if config.savedir and RunFolder(config.savedir).last():
                own = config.given & config.having("resumable")
                own = {name: job["flags"][name] for name in own}
                config = TrainConfig.of(**{**own, "resume": job["flags"]["savedir"]})
            return spelled(str(resume(config) if config.resume else train(config)))
    except Exception as error:
        error.add_note(traceback.format_exc())  # Ray does not bring the traceback
        raise
