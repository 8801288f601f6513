"""Processes on several machines that train one network together, through `tf.distribute`.

TF_CONFIG, as set by Kubeflow's TFJob and others, or Slurm's variables list the workers. All take
the same steps. The first, the chief, saves the run; the others use its config and weights.
"""

import functools
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf
from keras import ops

from tfseg import devices
from tfseg.data.pipeline import Part
from tfseg.errors import UserError, WorkerLostError

HEALTH = 10  # seconds between health checks of the other workers; TensorFlow's default is 30
PORT = 8888  # first port on a node, under Slurm
_EXAMPLE = (
    '{"cluster": {"worker": ["10.0.0.1:9000", "10.0.0.2:9000"]}, '
    '"task": {"type": "worker", "index": 0}}'
)


@dataclass(frozen=True)
class Team:
    """This process among the `count` that train together; alone, `strategy` covers its devices."""

    strategy: tf.distribute.Strategy | None
    rank: int = 0
    count: int = 1

    @property
    def chief(self) -> bool:
        return self.rank == 0

    @property
    def replicas(self) -> int:
        """The number of devices over all processes."""
        return self.strategy.num_replicas_in_sync if self.strategy else 1

    def scope(self) -> Any:
        return self.strategy.scope() if self.strategy else nullcontext()

    def any(self, flag: bool) -> bool:
        """Whether the flag is set in any process. All must call it; they wait for each other."""
        if self.count == 1:
            return flag
        return bool(self._sum(np.float32([flag]))[0] > 0)

    def text(self, text: str) -> str:
        """The chief's text, in every process."""
        if self.count == 1:
            return text
        own = np.frombuffer(text.encode() if self.chief else b"", np.uint8).astype(np.float32)
        length = int(self._sum(np.float32([len(own)]))[0])
        padded = own if self.chief else np.zeros(length, np.float32)
        return bytes(self._sum(padded).astype(np.uint8)).decode()

    def share(self, variables: list[Any]) -> None:
        """Sets the variables to their values in the chief."""
        for kind in sorted({variable.dtype for variable in variables} if self.count > 1 else ()):
            alike = [variable for variable in variables if variable.dtype == kind]
            arrays = [ops.convert_to_numpy(variable) for variable in alike]
            flat = np.concatenate([array.ravel() for array in arrays])
            wide = flat.astype(np.int64) if flat.dtype.kind in "iu" else flat
            total = self._sum(wide if self.chief else np.zeros_like(wide)).astype(flat.dtype)
            parts = np.split(total, np.cumsum([array.size for array in arrays])[:-1])
            for variable, part, array in zip(alike, parts, arrays, strict=True):
                variable.assign(part.reshape(array.shape))

    @property
    def part(self) -> Part:
        """This process's part of a batch; alone, it takes the whole batch and Keras splits it."""
        devices = self.replicas // self.count if self.count > 1 else 1
        return Part(self.rank, self.count, devices)

    def distributed(self, dataset: tf.data.Dataset) -> Any:
        """The batches of this process in the form that `fit` takes."""
        if self.count == 1:
            return dataset
        return self.strategy.distribute_datasets_from_function(lambda context: dataset)

    @contextmanager
    def together(self, again: str = "train") -> Iterator[None]:
        """Turns TensorFlow's error after another process has ended into a `WorkerLostError`.

        `again` is the command that restarts all workers.
        """
        try:
            yield
        except _LOST as error:
            if self.count == 1:
                raise
            reason = str(error.message).strip().splitlines()[0][:120]
            raise WorkerLostError(
                f"another worker has ended or cannot be reached ({reason}); see its last "
                f"messages, then start all workers again: {again}"
            ) from None

    def _sum(self, array):
        """Sums an array (N,) over the processes."""
        found = self._total(tf.constant(array))
        return self.strategy.experimental_local_results(found)[0].numpy()

    @functools.cached_property
    def _total(self):
        first = self.part.devices * self.rank  # first device of this process

        def replica(value):
            context = tf.distribute.get_replica_context()
            own = context.replica_id_in_sync_group == first
            return context.all_reduce("SUM", tf.where(own, value, tf.zeros_like(value)))

        return tf.function(
            lambda value: self.strategy.run(replica, (value,)), reduce_retracing=True
        )


_LOST = (
    tf.errors.UnavailableError,
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.DeadlineExceededError,
    tf.errors.FailedPreconditionError,
    tf.errors.InternalError,
)


def is_chief() -> bool:
    """Whether this process saves the run; usable before anything has started."""
    found = place()
    return found is None or found[1] == 0


def assemble(gpus: tuple[int, ...], mem_frac: float | None) -> Team:
    """The team of this process, on the GPUs of `devices.select`; waits for all workers."""
    found = place()
    if found is None:
        return Team(devices.select(gpus, mem_frac))
    addresses, rank, resolver = found
    devices.restrict(gpus, mem_frac)
    print(f"worker {rank} of {len(addresses)}: waiting for {', '.join(addresses)}", flush=True)
    try:
        strategy = tf.distribute.MultiWorkerMirroredStrategy(cluster_resolver=resolver())
    except (tf.errors.OpError, RuntimeError, ValueError) as error:
        reason = str(error).strip().splitlines()[0]
        raise UserError(f"worker {rank} cannot listen at {addresses[rank]}: {reason}") from None
    strategy.extended._check_health_interval = HEALTH
    return Team(strategy, rank, len(addresses))


def place() -> tuple[list[str], int, Any] | None:
    """(addresses of all workers, own rank, factory of the resolver); None if alone."""
    if os.environ.get("TF_CONFIG"):
        return _of_tf_config(os.environ["TF_CONFIG"])
    if int(os.environ.get("SLURM_STEP_NUM_TASKS", 1)) > 1:
        return _of_slurm()
    return None


def _of_tf_config(text):
    def wrong(reason):
        return UserError(f"TF_CONFIG {reason}; wanted e.g. {_EXAMPLE}; unset it to train alone")

    try:
        config = json.loads(text)
        cluster, task = config["cluster"], config["task"]
        kind, index = task["type"], int(task["index"])
        jobs = {job: list(cluster[job]) for job in cluster}
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise wrong(f"cannot be read ({error!r})") from None
    if odd := sorted((set(jobs) | {kind}) - {"chief", "worker"}):
        raise wrong(f"has {', '.join(map(repr, odd))}; wanted chief and worker")
    addresses = [address for job in ("chief", "worker") for address in jobs.get(job, ())]
    if not 0 <= index < len(jobs.get(kind, ())):
        raise wrong(f"has no task {index} of {kind}")
    if not all(isinstance(address, str) and ":" in address for address in addresses):
        raise wrong(f"has addresses {addresses}; wanted host:port")
    if len(addresses) == 1:
        return None
    rank = index + (len(jobs.get("chief", ())) if kind == "worker" else 0)
    return addresses, rank, tf.distribute.cluster_resolver.TFConfigClusterResolver


def _of_slurm():
    """`place` in a Slurm step with several tasks (`srun`)."""
    resolvers = tf.distribute.cluster_resolver
    try:
        # --gpu selects the GPUs; these numbers only make each task one worker.
        slurm = resolvers.SlurmClusterResolver(gpus_per_node=2**10, gpus_per_task=1)
        rank = int(os.environ["SLURM_PROCID"])
    except (RuntimeError, ValueError) as error:
        raise UserError(f"Slurm's variables do not name the workers: {error}") from None
    # Slurm numbers tasks in the order of the nodes, but the resolver sorts node10 before node2.
    nodes = slurm._task_configuration.items()
    addresses = [f"{node}:{PORT + task}" for node, tasks in nodes for task in range(tasks)]
    spec = tf.train.ClusterSpec({"worker": addresses})
    return (
        addresses,
        rank,
        lambda: resolvers.SimpleClusterResolver(
            spec, task_type="worker", task_id=rank, rpc_layer="grpc"
        ),
    )
