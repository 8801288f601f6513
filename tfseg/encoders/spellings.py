"""Translates other projects' names of encoder layers, for every encoder.

Each entry renames keys that no other family has, so one table serves all families.
"""

from tfseg.encoders import convnext, efficientnet_lite, inverted, mit, regnet, resnet, vgg

SPELLINGS = (
    *convnext.KEYS,  # before those of mit, whose stages transformers spell alike
    *mit.KEYS,
    *resnet.KEYS,
    *efficientnet_lite.TIMM_KEYS,
    *inverted.KEYS,
    *regnet.KEYS,
    *vgg.KEYS,
)
