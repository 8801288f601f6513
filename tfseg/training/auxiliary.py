"""Training with auxiliary heads (Zhao et al. 2016, arXiv 1612.01105, section 3.3)."""

import keras

from tfseg.training.boundary import BOUNDARY_WEIGHT, boundary_loss, near_boundaries


class AuxiliaryTraining(keras.Model):
    """Trains {"logits", "aux", ...}: the others' losses are added; figures see the logits alone.

    Outputs whose names begin with "aux" are logits, too. "boundary" are those of a boundary head;
    the logits' loss near the boundaries that it finds counts once more.
    """

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        loss = super().compute_loss(x, y, y_pred["logits"], sample_weight, training)
        if not training:
            return loss
        for name, output in y_pred.items():
            if name.startswith("aux"):
                loss += self.aux_weight * self.loss(y, output)
            elif name == "boundary":
                loss += BOUNDARY_WEIGHT * boundary_loss(y, output)
                loss += self.loss(near_boundaries(y, output), y_pred["logits"])
        return loss

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        return super().compute_metrics(x, y, y_pred["logits"], sample_weight)
