"""Which frame comes when: arithmetic on positions in the stream, no buffer to fill or to lose."""

import functools
from bisect import bisect_right
from itertools import accumulate

import numpy as np


def frame_order(parts, seed):
    """A function position -> index of a frame, for training.

    `parts` are (frames, slots) of each data set: an epoch takes so many frames from it. Every
    epoch has its own permutation; a part that gives fewer or more than it has goes on in the next
    epoch where it stopped, so that all its frames come equally often.
    """
    slots = [slots for _, slots in parts]
    starts, first = ([0, *accumulate(counts)] for counts in (slots, [n for n, _ in parts]))
    count = starts[-1]

    def index(position):
        epoch, offset = divmod(int(position), count)
        slot = int(_permutation((seed, 0, epoch), count)[offset])
        part = bisect_right(starts, slot) - 1
        frames, inside = parts[part][0], slot - starts[part]
        if frames != slots[part]:
            turn, inside = divmod(epoch * slots[part] + inside, frames)
            inside = int(_permutation((seed, 2, part, turn), frames)[inside])
        return first[part] + inside

    return index


@functools.lru_cache(maxsize=16)  # the epochs around the present one
def _permutation(seed, count):
    return np.random.default_rng(seed).permutation(count)
