"""References of parity cases: each makes a PyTorch module and a function to read its outputs."""

import math

import torch


def _same_padding(module):
    """Makes the package's convolutions accept any size, which is fixed when they are built."""
    from efficientnet_lite_pytorch.utils import Conv2dStaticSamePadding

    def forward(self, x):
        pads = []
        for side, kernel, stride in zip(
            x.shape[-2:], self.weight.shape[-2:], self.stride, strict=True
        ):
            total = max((math.ceil(side / stride) - 1) * stride + kernel - side, 0)
            pads = [total // 2, total - total // 2, *pads]
        x = torch.nn.functional.pad(x, pads)
        return torch.nn.functional.conv2d(x, self.weight, None, self.stride, 0, 1, self.groups)

    Conv2dStaticSamePadding.forward = forward
    return module


def efficientnet_lite(name, last):
    """`last`: stride -> index of its last block."""

    def make():
        from efficientnet_lite_pytorch import EfficientNet

        module = _same_padding(EfficientNet.from_name(name))
        for head in ("_conv_head", "_bn1", "_fc"):
            delattr(module, head)
        return module, features

    def features(module, x):
        x, found = module._swish(module._bn0(module._conv_stem(x))), {}
        for i, block in enumerate(module._blocks):
            x = block(x)
            found |= {f"stride{stride}": x for stride, end in last.items() if end == i}
        return found

    return make


def residual(source, name, **options):
    """A ResNet of torchvision, timm or smp, with its stages' outputs."""

    def make():
        if source == "timm":
            import timm

            module = timm.create_model(name, num_classes=0, **options)
        elif source == "smp":
            from segmentation_models_pytorch.encoders import get_encoder

            module = get_encoder(name, weights=None)
        else:
            import torchvision

            module = getattr(torchvision.models, name)(weights=None, **options)
            del module.fc
        return module, features

    def features(module, x):
        if source == "smp":
            return {f"stride{2 << i}": f for i, f in enumerate(module(x)[2:], 1)}
        x = (
            module.maxpool(module.relu(module.bn1(module.conv1(x))))
            if source != "timm"
            else (module.maxpool(module.act1(module.bn1(module.conv1(x)))))
        )
        found = {}
        for i, stage in enumerate((module.layer1, module.layer2, module.layer3, module.layer4), 1):
            found[f"stride{2 << i}"] = x = stage(x)
        return found

    return make


def regnet(name):
    def make():
        import torchvision

        module = getattr(torchvision.models, name)(weights=None)
        del module.fc
        return module, features

    def features(module, x):
        found = {"stride2": (x := module.stem(x))}
        for i, stage in enumerate(module.trunk_output.children(), 1):
            found[f"stride{2 << i}"] = x = stage(x)
        return found

    return make


def smp(name, encoder="resnet18", **options):
    """A network of segmentation_models.pytorch, 11 classes."""

    def make():
        import segmentation_models_pytorch

        network = getattr(segmentation_models_pytorch, name)
        module = network(encoder, encoder_weights=None, classes=11, **options)
        return module, lambda module, x: {"logits": module(x)}

    note = ", ".join(
        [f"{name} on {encoder}", *(f"{key}={value}" for key, value in options.items())]
    )
    return make, f"segmentation_models_pytorch 0.6.0, {note}", {"logits": 4}


def segformer(depths, widths):
    """transformers' SegFormer, with its logits resized to the image's size."""

    def make():
        from transformers import SegformerConfig, SegformerForSemanticSegmentation

        config = SegformerConfig(depths=depths, hidden_sizes=widths, num_labels=11)
        return SegformerForSemanticSegmentation(config), scores

    def scores(module, x):
        x, size = module(x).logits, x.shape[-2:]
        return {"logits": torch.nn.functional.interpolate(x, size, mode="bilinear")}

    return make
