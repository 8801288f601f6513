"""The fully connected CRF compared with pydensecrf: time per frame with set-up, and metrics.

    python -m benchmarks.crf [--source=DIR] [--rounds=5] [--iterations=5]

`--source` is CamVid in the SegNet edition; the default is generated streets, enlarged to 480×360.
The probabilities are the labels, blurred as from a network of stride 8, with noise. Both start from
an image and probabilities (H, W, K), return probabilities (H, W, K), and take turns; the table
shows medians. Needs `pip install pydensecrf2` (and a compiler).
"""

import functools

import cv2
import numpy as np
import pydensecrf.densecrf as densecrf
from pydensecrf.utils import unary_from_softmax

from benchmarks.frames import arguments, find_frames, spread
from benchmarks.results import show
from benchmarks.timing import Turns
from tfseg.prediction.crf import CRF
from tfseg.records.frames import read_image, read_label

SIZE = (360, 480)
FRAMES = 4
CLASSES = (2, 11, 21)


def main():
    parser = arguments(__doc__)
    parser.add_argument("--iterations", type=int, default=5)
    options = parser.parse_args()
    crf = CRF(options.iterations, 3, 3, 80, 13, 10)  # as in pydensecrf's example
    frames = list(images_and_labels(*find_frames(options.source)))
    print(f"{len(frames)} frames, {SIZE[1]}×{SIZE[0]}, {crf.iterations} iterations\n")
    for classes in CLASSES:
        times, difference, equal = measure(crf, frames, classes, options.rounds)
        show(f"CRF of {classes} classes", "ms", times, "pydensecrf", digits=0)
        print(f"\nlargest difference {difference:.1e}, equal labels {equal:.4%}")


def images_and_labels(spec, source):
    for frame in spread(spec.list_frames(source)["train"], FRAMES):
        label = cv2.resize(read_label(frame).index, SIZE[::-1], interpolation=cv2.INTER_NEAREST)
        yield cv2.resize(read_image(frame.image)[1], SIZE[::-1]), label


def probabilities(label, classes):
    """Probabilities as from a network of stride 8, float32 (H, W, K)."""
    noise = np.random.default_rng(classes)
    sure = np.eye(classes, dtype=np.float32)[label % classes]
    small = (SIZE[1] // 8, SIZE[0] // 8)
    planes = [
        cv2.resize(cv2.resize(plane, small, interpolation=cv2.INTER_AREA), SIZE[::-1])
        for plane in np.moveaxis(sure, -1, 0)
    ]
    logits = 4 * np.stack(planes, axis=-1) + noise.normal(size=sure.shape).astype(np.float32)
    powers = np.exp(logits)
    return powers / powers.sum(axis=-1, keepdims=True)


def pydensecrf(crf, image, probabilities):
    height, width, classes = probabilities.shape
    model = densecrf.DenseCRF2D(width, height, classes)
    planes = np.ascontiguousarray(np.moveaxis(probabilities, -1, 0))
    model.setUnaryEnergy(unary_from_softmax(planes))
    model.addPairwiseGaussian(sxy=crf.gaussian_sxy, compat=crf.gaussian_compat)
    model.addPairwiseBilateral(
        sxy=crf.bilateral_sxy,
        srgb=crf.bilateral_srgb,
        rgbim=np.ascontiguousarray(image),
        compat=crf.bilateral_compat,
    )
    found = np.array(model.inference(crf.iterations)).reshape(classes, height, width)
    return np.ascontiguousarray(np.moveaxis(found, 0, -1))


def measure(crf, frames, classes, rounds):
    """(milliseconds of both, largest difference, share of equal labels)."""
    pairs = [(image, probabilities(label, classes)) for image, label in frames]
    crf(*pairs[0])  # warms TensorFlow up
    turns, differences, equal = Turns(), [], []
    contenders = {"tfseg": crf, "pydensecrf": functools.partial(pydensecrf, crf)}
    for image, given in pairs * rounds:
        mine, other = turns.take(contenders, image, given).values()
        differences.append(np.abs(mine - other).max())
        equal.append(np.mean(mine.argmax(axis=-1) == other.argmax(axis=-1)))
    milliseconds = turns.medians(lambda seconds: 1000 * seconds)
    return milliseconds, max(differences), np.mean(equal)


if __name__ == "__main__":
    main()
