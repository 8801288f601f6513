"""The queue before the network: batching, routing of answers, and limits."""

import threading
from queue import Full

import numpy as np
import pytest
from helpers.serving import wait_for

from tfseg.serving.batcher import Batcher, Job


class Doubling:
    """Stands in for a loaded version: doubles its images, once `go` is set."""

    single = False

    def __init__(self):
        self.go, self.batches = threading.Event(), []

    def run(self, signature, inputs):
        self.go.wait()
        (images,) = inputs.values()
        self.batches.append(images.shape)
        if (images == 7).any():
            raise ValueError("seven")
        return {"mask": images * 2}


def job(version, value, *shape, images=1):
    array = np.full((images, *shape), value, np.int64)
    return Job(version, "serving_default", {"images": array}, pixels=array.size)


def test_images_of_a_size_run_together_and_answers_find_their_requests():
    version = Doubling()
    batcher = Batcher(max_images=4, max_pixels=40, max_waiting=400, gather=0)
    blocker = batcher.submit(job(version, 0, 1))
    wait_for(lambda: len(batcher) == 0)
    futures = [batcher.submit(job(version, value, 2, 2)) for value in range(1, 6)]
    other = batcher.submit(job(version, 9, 3, 3, images=2))
    version.go.set()
    assert blocker.result()["mask"].tolist() == [[0]]
    assert [future.result()["mask"].ravel()[0] for future in futures] == [2, 4, 6, 8, 10]
    assert other.result()["mask"].shape == (2, 3, 3)
    batcher.close()
    assert version.batches == [(1, 1), (4, 2, 2), (1, 2, 2), (2, 3, 3)]


def test_a_failing_image_does_not_fail_others_and_the_queue_is_bounded():
    version = Doubling()
    batcher = Batcher(max_images=8, max_pixels=10, max_waiting=80, gather=0)
    batcher.submit(job(version, 0, 1))
    wait_for(lambda: len(batcher) == 0)
    futures = [batcher.submit(job(version, value, 2, 1)) for value in (1, 7, 2)]
    for _ in range(7):
        batcher.submit(job(version, 1, 10))
    with pytest.raises(Full):
        batcher.submit(job(version, 1, 10))
    version.go.set()
    assert futures[0].result()["mask"].ravel().tolist() == [2, 2]
    with pytest.raises(ValueError, match="seven"):
        futures[1].result()
    assert futures[2].result()["mask"].ravel().tolist() == [4, 4]
    batcher.close()
