"""Prepares a network for `fit`: starting weights, frozen layers, loss and optimizer."""

import math

import keras
import tensorflow as tf

from tfseg.class_weights import class_weights
from tfseg.errors import UserError
from tfseg.labels import label_sets, labels_of
from tfseg.losses import WHOLE, compiles, make_loss, multilabel_loss
from tfseg.metrics import ConfusionMatrix, MultilabelCounts
from tfseg.networks import build_network, load_checkpoint
from tfseg.records.histogram import class_histogram
from tfseg.training import replicas
from tfseg.training.optimizers import average_statistics, make_optimizer
from tfseg.training.trainer import Trainer


def starting_network(config, num_classes, resuming):
    """Builds the network, loads its starting weights and freezes what the config freezes."""
    options = {"aux": True} if config.aux else {}
    if not resuming:
        options["encoder_weights"] = config.encoder_weights
    network = build_network(config, num_classes, **options)
    for name in ("freeze_encoder", "freeze_epochs", "encoder_lr_factor", "encoder_lr_decay"):
        if name in config.changed() and not network.encoder_layers:
            raise UserError(f"--{name}: {config.model} has no exchangeable encoder; leave it out")
    if config.checkpoint and not resuming:
        left = load_checkpoint(network, config.checkpoint, skip_head=config.skip_head)
        for line in left:
            print(f"left out of {config.checkpoint}: {line}")
    freeze(network, config, encoder=False)
    return network


def freeze(network, config, encoder):
    """Freezes the encoder, or unfreezes it unless the config keeps it frozen."""
    encoder = encoder or config.freeze_encoder
    for layer in network.layers:
        batch_norm = isinstance(layer, keras.layers.BatchNormalization)
        frozen = encoder and layer.name in network.encoder_layers
        layer.trainable = not (frozen or (config.freeze_batch_norm and batch_norm))
        if batch_norm:
            layer.synchronized = config.sync_batch_norm


def compiled(network, config, records, steps):
    """Returns the network compiled for `fit`, and its metric.

    The compiled model is a second one around the same layers: `network` has no optimizer, so that
    its weights can be saved alone.
    """
    if config.l2_reg:
        _penalize_kernels(network, config.l2_reg)
    model = Trainer(network.inputs, network.output, name=network.name)
    model.aux_weight, model.encoder_layers = config.aux_weight, network.encoder_layers
    model.pieces = config.accumulate
    model.class_weights = _class_weights(config, records)
    metric = _metric(config, records)
    model.compile(
        optimizer=make_optimizer(config, steps, _rate_factors(model, config)),
        loss=_loss(config, records, model.class_weights),
        metrics=[metric],
    )
    model.optimizer.build(model.trainable_variables)
    average_statistics(model)
    return model, metric


def _rate_factors(model, config):
    """The learning-rate factor of each trainable variable."""
    factors = {}
    for name, stride in model.encoder_layers.items():
        stages = int(math.log2(32 / stride))  # stages after it
        factor = config.encoder_lr_factor * config.encoder_lr_decay**stages
        factors |= {id(weight): factor for weight in model.get_layer(name).weights}
    return [factors.get(id(weight), 1.0) for weight in model.trainable_variables]


def _metric(config, records):
    if config.task == "multilabel":
        return MultilabelCounts(label_sets(labels_of(records.info)).table)
    return ConfusionMatrix(len(records.info.classes), name="confusion")


def _class_weights(config, records):
    """Class weights (K,); for multilabel data (K, 2), the weights of absence and presence."""
    if config.class_weights == "none":
        return None
    counts = class_histogram(records.splits["train"])
    classes = len(records.info.classes)
    pixels, present = counts.pixels[:classes], counts.present[:classes]
    if config.task != "multilabel":
        return class_weights(pixels, config.class_weights, void=counts.void, present=present)
    if config.class_weights == "median":
        raise UserError(
            "cannot combine --class_weights=median with --task=multilabel; use enet or linknet"
        )
    there = pixels @ label_sets(labels_of(records.info)).members
    return [
        class_weights((pixels.sum() - one, one), config.class_weights, void=counts.void)
        for one in there
    ]


def _loss(config, records, weights):
    """The loss, compiled by XLA for the training crop, which takes a third of the time on a CPU.

    Validation frames may have any size, and compiling for each size costs more than it saves.
    Compiled code cannot communicate with other replicas. With several, the uncompiled loss runs
    first, without a gradient, to find the sums over the whole batch.
    """

    def single(weights):
        return make_loss(config.loss, weights=weights, smoothing=config.label_smoothing)

    if config.task == "multilabel":
        table = label_sets(labels_of(records.info)).table
        weights = weights or [None] * table.shape[1]
        plain = multilabel_loss([single(one) for one in weights], table)
    else:
        plain = single(weights)
    if not compiles(config.loss):
        return lambda labels, logits: plain(labels, logits, replicas.batch())

    @tf.function(jit_compile=True)
    def compiled(labels, logits, totals=None):
        return plain(labels, logits, WHOLE if totals is None else replicas.Known(totals))

    def loss(labels, logits):
        batch = replicas.batch()
        if tuple(logits.shape[1:3]) != config.crop_size:
            return plain(labels, logits, batch)
        if batch is WHOLE:
            return compiled(labels, logits)
        plain(labels, tf.stop_gradient(logits), batch)
        return compiled(labels, logits, batch.totals)

    return loss


def _penalize_kernels(network, l2):
    for variable in network.trainable_variables:
        if variable.name == "kernel":
            variable.regularizer = keras.regularizers.L2(l2)
