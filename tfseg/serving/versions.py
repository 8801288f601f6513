"""Finds, loads, warms up and switches the versions of an exported network."""

import gc
import sys
import threading
from pathlib import Path

import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

from tfseg.errors import UserError
from tfseg.serving.folder import find_versions, list_versions
from tfseg.serving.labels import read_facts
from tfseg.serving.runtimes import choose_runtime

POLL = 1.0  # seconds between two checks of the folder
WARM_SIDE = 256  # side of the warm-up image, pixels


class Version:
    """One loaded version. Raises `ValueError` for a SavedModel of another program.

    Attributes:
        number: its folder's name.
        labels: content of `labels.json`, see `read_facts`.
        signatures: {name: {input: `tf.TensorSpec`}}.
        definitions: {name: `SignatureDef`} from the file.
        size: (H, W) of the images it accepts; None is any.
        pixel_range: values of images of more than 8 bits that become 0 and 255.
        single: whether it accepts only one image at a time.
        runtime: the row of `RUNTIMES` that runs `serving_default`; TensorFlow runs the others.
    """

    def __init__(self, folder, runtime="saved_model"):
        self.number = int(folder.name)
        self.labels = read_facts(folder / "labels.json")
        self.pixel_range = self.labels.get("pixel_range")
        self._model = tf.saved_model.load(str(folder))
        self._functions = dict(self._model.signatures)
        self.signatures = {
            name: dict(function.structured_input_signature[1])
            for name, function in self._functions.items()
        }
        self.definitions = _definitions(folder)
        self.size, self.single = self._shape()
        image = np.zeros((1, *(self.size or (WARM_SIDE, WARM_SIDE)), 3), np.uint8)
        self._warm_up(image)
        self.runtime, self._label = choose_runtime(folder, runtime, self._label_here, image)

    def run(self, signature, inputs):
        """Runs a signature: {input: array} -> {output: array}."""
        if signature == "serving_default":
            return self._label(inputs["images"])
        return self._run_here(signature, inputs)

    def _label_here(self, images):
        return self._run_here("serving_default", {"images": images})

    def _run_here(self, signature, inputs):
        """As `run`, but always in TensorFlow."""
        tensors = {name: tf.constant(array) for name, array in inputs.items()}
        outputs = self._functions[signature](**tensors)
        return {name: tensor.numpy() for name, tensor in outputs.items()}

    def _shape(self):
        function = self._functions.get("serving_default")
        if function is None or "mask" not in function.structured_outputs:
            raise ValueError("no signature serving_default that gives a mask")
        named, answered = len(self.labels["classes"]), self._count_classes()
        if named != answered:
            raise ValueError(f"labels.json names {named} classes; the network has {answered}")
        batch, height, width, _ = self.signatures["serving_default"]["images"].shape
        if batch not in (None, 1):
            raise ValueError(f"exported with --batch={batch}; the server gathers its own batches")
        return (height, width) if height and width else None, batch == 1

    def _count_classes(self):
        """K, from the logits (N, H, W, K) of the mask's ArgMax, or from a multilabel mask."""
        if self.labels["task"] == "multilabel":
            mask = self._functions["serving_default"].structured_outputs["mask"]
            return mask.shape[3] if mask.shape.rank == 4 else 1
        (segment,) = self._model.segment.concrete_functions
        chosen = [one.inputs[0] for one in segment.graph.get_operations() if one.type == "ArgMax"]
        return chosen[-1].shape[-1]

    def _warm_up(self, image):
        """Runs every signature once, because the first run is slow: it prepares the graph."""
        file = np.array([tf.io.encode_png(image[0]).numpy()], object)
        inputs = {"images": image, "image_bytes": file}
        for name, specs in self.signatures.items():
            self._run_here(name, {key: inputs[key] for key in specs})


def _definitions(folder):
    saved = saved_model_pb2.SavedModel()
    saved.ParseFromString((folder / "saved_model.pb").read_bytes())
    return dict(saved.meta_graphs[0].signature_def)


class Versions:
    """The newest version in a folder, and a thread that looks for newer ones.

    Attributes:
        name: the folder's name, the model's name in URLs.
        current: the `Version` that answers. A request keeps the one it began with.
        states: {number: (state, error)} in TensorFlow Serving's terms, for all versions seen.

    Args:
        folder: folder with a folder for each version.
        runtime: "auto", or the row of `RUNTIMES` that every version must have.

    Raises:
        UserError: for a folder without a version that loads.
    """

    def __init__(self, folder, runtime="auto"):
        self._runtime = runtime
        self.folder, self.name = Path(folder), Path(folder).resolve().name
        self.current, self.states = None, {}
        self._seen, self._failed = {}, {}  # {number: content of its folder}
        self._stopping = threading.Event()
        for number, path in find_versions(self.folder):
            if self._try(number, path):
                break
        if self.current is None:
            raise UserError(f"--export={folder}: no version in it could be loaded")
        self._thread = threading.Thread(target=self._watch, name="versions", daemon=True)
        self._thread.start()

    def get(self, number=None):
        """The version of that number, or the newest; None if it is not loaded."""
        current = self.current
        return current if number in (None, current.number) else None

    def stop(self):
        self._stopping.set()
        self._thread.join()

    def _watch(self):
        while not self._stopping.wait(POLL):
            try:
                self._look()
            except OSError as error:  # the folder may vanish while it is read
                print(f"--export={self.folder}: {error}", file=sys.stderr, flush=True)

    def _look(self):
        """Switches to the newest complete version; skips one that is still being written."""
        for number, path in list_versions(self.folder):
            if number == self.current.number:
                return
            held = _held(path)
            settled = self._seen.get(number) == held
            self._seen[number] = held
            if settled and self._failed.get(number) != held and self._try(number, path):
                return

    def _try(self, number, path):
        """Loads a version and switches to it; if that fails, prints a line and returns False."""
        self.states[number] = ("LOADING", "")
        held = _held(path)
        try:
            version = Version(path, self._runtime)
        except Exception as error:  # a half-copied SavedModel can raise anything in TensorFlow
            reason = (" ".join(str(error).split()) or type(error).__name__)[:200]
            self.states[number], self._failed[number] = ("END", reason), held
            print(f"version {number} is not used: {reason}", file=sys.stderr, flush=True)
            return False
        old, self.current = self.current, version
        self.states[number] = ("AVAILABLE", "")
        if old:
            self.states[old.number] = ("END", "")
            print(f"version {number} replaces {old.number}", flush=True)
            del old
            gc.collect()  # a loaded model has reference cycles
        return True


def _held(folder):
    """The state of a folder: names, sizes and times of its files."""
    files = (file for file in sorted(folder.rglob("*")) if file.is_file())
    return [(str(file), (stat := file.stat()).st_size, stat.st_mtime_ns) for file in files]
