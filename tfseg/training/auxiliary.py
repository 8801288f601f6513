"""Training with an auxiliary head (Zhao et al. 2016, arXiv 1612.01105, section 3.3)."""

import keras


class AuxiliaryTraining(keras.Model):
    """Trains {"logits", "aux"}: the auxiliary loss is added; figures see the logits alone."""

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        loss = super().compute_loss(x, y, y_pred["logits"], sample_weight, training)
        return loss + self.aux_weight * self.loss(y, y_pred["aux"]) if training else loss

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        return super().compute_metrics(x, y, y_pred["logits"], sample_weight)
