"""The training step, the same on one device and on several."""

from typing import Any

import keras
import tensorflow as tf

from tfseg.labels import VOID
from tfseg.training import replicas
from tfseg.training.boundary import BOUNDARY_WEIGHT, boundary_loss, near_boundaries
from tfseg.training.optimizers import statistics


class Trainer(keras.Model):
    """A network that learns from the losses of all its outputs; metrics use only the logits.

    Outputs are logits, or {"logits", "aux", ...}. Names that begin with "aux" are logits of
    auxiliary heads (Zhao et al. 2016, arXiv 1612.01105, section 3.3). "boundary" holds the logits
    of a boundary head; near the boundaries that it finds, the main loss counts twice.

    On several devices, each has a part of the batch. The loss covers the whole batch, and gradients
    are summed before anything else, so that a step is the same on any number of devices. Keras
    clips gradients before it sums them, and counts a scalar loss once per device.

    With `pieces` above 1, a batch goes through the network in that many consecutive pieces.
    """

    aux_weight = 0.0
    class_weights = None
    pieces = 1

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Any:
        """The loss of labels `y` and outputs `y_pred`, without penalties."""
        if not isinstance(y_pred, dict):
            return self.loss(y, y_pred)
        loss = self.loss(y, y_pred["logits"])
        if not training:
            return loss
        for name, output in y_pred.items():
            if name.startswith("aux"):
                loss += self.aux_weight * self.loss(y, output)
            elif name == "boundary":
                loss += BOUNDARY_WEIGHT * boundary_loss(y, output, batch=replicas.batch())
                loss += self.loss(near_boundaries(y, output), y_pred["logits"])
        return loss

    def compute_metrics(
        self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None
    ) -> dict[str, Any]:
        logits = y_pred["logits"] if isinstance(y_pred, dict) else y_pred
        return super().compute_metrics(x, y, logits, sample_weight)

    def _maybe_symbolic_build(self, iterator: Any = None, data_batch: Any = None) -> None:
        """Does nothing: all is built. Keras would fail on data that lies on several machines."""

    def _make_function(self, step_function: Any) -> Any:
        """As in Keras, but without its reduction of metrics, which fails on several machines.

        During an epoch the metrics shown cover one machine's part, the loss the whole batch.
        """
        strategy = self.distribute_strategy
        if not isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy):
            return super()._make_function(step_function)

        @tf.function(reduce_retracing=True)
        def one_step(data):
            figures = strategy.run(step_function, args=(data,))
            return {
                name: strategy.experimental_local_results(figure)[0]
                for name, figure in figures.items()
            }

        return lambda iterator: one_step(next(iterator))

    def train_step(self, data: Any) -> dict[str, Any]:
        images, labels = data[:2]
        study = self._at_once if self.pieces == 1 else self._in_pieces
        outputs, loss, gradients = study(images, labels)
        self._learn(gradients)
        return self._figures(images, labels, outputs, loss)

    def test_step(self, data: Any) -> dict[str, Any]:
        images, labels = data[:2]
        outputs = self(images, training=False)
        loss = self.compute_loss(y=labels, y_pred=outputs, training=False)
        return self._figures(images, labels, outputs, loss + sum(self.losses))

    def _at_once(self, images, labels):
        """Outputs, loss and gradients of a batch."""
        with tf.GradientTape() as tape:
            outputs = self(images, training=True)
            loss = self.compute_loss(y=labels, y_pred=outputs)
            penalty = sum(self.losses)  # every replica computes the whole penalty
            scaled = self.optimizer.scale_loss(loss + penalty / replicas.count())
        return outputs, loss + penalty, tape.gradient(scaled, self.trainable_variables)

    def _in_pieces(self, images, labels):
        """As `_at_once`, but with the activations of only one piece in memory.

        Averaging the pieces' gradients would be wrong: void pixels are spread unevenly, and most
        losses are not means. Instead, compute the outputs of all pieces first, then the loss and
        its gradient with respect to them, and propagate that back piece by piece.
        """
        pieces = tf.split(images, self.pieces)
        outputs = self._forward(pieces)
        with tf.GradientTape() as tape:
            tape.watch(_flat(outputs))
            loss = self.compute_loss(y=labels, y_pred=outputs)
            scaled = self.optimizer.scale_loss(loss)
        wanted = [tf.split(one, self.pieces) for one in tape.gradient(scaled, _flat(outputs))]
        with tf.GradientTape() as tape:
            penalty = sum(self.losses, tf.zeros(()))
            scaled = self.optimizer.scale_loss(penalty / replicas.count())
        learning = [variable.value for variable in self.trainable_variables]
        gradients = tape.gradient(scaled, learning, None, _ZERO)
        for piece, *back in zip(pieces, *wanted, strict=True):
            with tf.GradientTape() as tape:
                found = _flat(self(_after(gradients, piece), training=True))
            added = tape.gradient(found, learning, back, _ZERO)
            gradients = [old + new for old, new in zip(gradients, added, strict=True)]
        return outputs, loss + penalty, gradients

    def _forward(self, pieces):
        """The outputs of all pieces. Statistics and random seeds stay unchanged."""
        outputs = []
        with keras.StatelessScope():
            for piece in pieces:
                outputs.append(self(_after(_flat(outputs), piece), training=True))
        return keras.tree.map_structure(lambda *parts: tf.concat(parts, 0), *outputs)

    def _learn(self, gradients):
        """Applies the gradients, summed over the replicas."""
        pairs = zip(gradients, self.trainable_variables, strict=True)
        pairs = [(gradient, variable) for gradient, variable in pairs if gradient is not None]
        if not pairs:  # everything is frozen
            return
        gradients, variables = zip(*pairs, strict=True)
        if replicas.count() > 1:
            gradients = replicas.sums(gradients)
            self._agree_on_statistics()
        self.optimizer.apply(gradients, variables)

    def _agree_on_statistics(self):
        """Averages the moving statistics of batch normalisation over the replicas."""
        moving = statistics(self)
        for variable, total in zip(moving, replicas.sums(moving), strict=True):
            variable.assign(total / replicas.count())

    def _figures(self, images, labels, outputs, loss):
        frames = tf.reduce_sum(tf.cast(tf.reduce_any(labels != VOID, axis=(1, 2)), "float32"))
        self._loss_tracker.update_state(loss, sample_weight=frames)
        return self.compute_metrics(images, labels, outputs)


_flat = keras.tree.flatten
_ZERO = tf.UnconnectedGradients.ZERO


def _after(others, tensor):
    """`tensor`, evaluated after `others`: one piece at a time."""
    with tf.control_dependencies(others):
        return tf.identity(tensor)
