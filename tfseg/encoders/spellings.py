"""How networks' files of other projects spell the layers of an encoder, whichever it is.

What one entry renames no other family has, so that one table serves all of them.
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
