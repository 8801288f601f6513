"""Networks of mmsegmentation 1.2.2 as references; needs only mmcv-lite 2.2.0 and mmengine."""

import sys
from pathlib import Path
from unittest.mock import MagicMock

import torch


def mmsegmentation(config, names, aligned=False):
    """A network of mmsegmentation 1.2.2 with its auxiliary heads, all resized to the image.

    `config` is one of its files; `names` are names for its heads' logits, in its order.
    """

    def make():
        import mmcv

        mmcv.__version__ = "2.1.0"  # the last version it accepts
        sys.modules["mmcv.ops"] = MagicMock()  # only for other networks
        import mmseg.models
        from mmengine import Config

        path = Path(mmseg.__file__).parent / ".mim" / "configs" / config
        text = Config.fromfile(path).pretty_text.replace("SyncBN", "BN")
        row = Config.fromstring(text.replace("num_classes=19", "num_classes=11"), ".py").model
        row.data_preprocessor = row.pretrained = row.backbone.init_cfg = None
        return mmseg.registry.MODELS.build(row), features

    def features(module, x):
        heads = module.decode_head
        if isinstance(heads, torch.nn.ModuleList):  # a cascade: each sees the last logits
            f = module.backbone(x)
            early = heads[0](f)
            found = heads[1](f, early), early
        elif module.with_auxiliary_head:
            f = module.backbone(x)
            found = heads(f), *(head(f) for head in module.auxiliary_head)
        else:  # it has auxiliary heads only in training
            module.backbone.training = heads.training = True
            found = heads(module.backbone(x))
        return {
            name: torch.nn.functional.interpolate(
                y, x.shape[2:], mode="bilinear", align_corners=aligned
            )
            for name, y in zip(names, found, strict=True)
        }

    return make
