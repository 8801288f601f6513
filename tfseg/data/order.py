"""The order of frames, computed from positions in the stream, without a shuffle buffer."""

import functools
from bisect import bisect_right
from itertools import accumulate

import numpy as np


def frame_order(parts, seed):
    """A function from position to the index of a frame, for training.

    `parts` are (frames, slots) of each data set: an epoch takes `slots` frames from it. Every
    epoch has its own permutation. If a part has another number of frames than slots, the next
    epoch continues where it stopped, so that all its frames come equally often.
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


@functools.lru_cache(maxsize=16)  # the epochs around the current one
def _permutation(seed, count):
    return np.random.default_rng(seed).permutation(count)


def rare_order(counts, seed):
    """A function from position to (index of a frame, class its crop must show), for training.

    A class's probability is inverse to the root of its share of all pixels; its frames are equally
    likely (as in Hoyer et al. 2022, arXiv 2111.14887, section 3.3, with another weighting).

    Args:
        counts: pixels of each class in each frame, (N, K).
        seed: random seed.
    """
    classes = np.flatnonzero(counts.sum(axis=0))
    rarity = 1 / np.sqrt(counts.sum(axis=0)[classes])
    chances = rarity / rarity.sum()
    frames = {number: np.flatnonzero(counts[:, number]) for number in classes}

    def draw(position):
        rng = np.random.default_rng((seed, 3, int(position)))
        shown = int(rng.choice(classes, p=chances))
        return int(rng.choice(frames[shown])), shown

    return draw
