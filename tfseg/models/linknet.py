"""LinkNet (Chaurasia and Culurciello 2017, arXiv 1707.03718), the authors' PyTorch form."""

from keras import layers

from tfseg.encoders import encode
from tfseg.layers.blocks import bn_relu, conv, transposed_conv

# Spellings of the authors' two PyTorch classes -> layer names here.
KEYS = (
    (r"^in_block\.0\.", "conv1."),
    (r"^in_block\.1\.", "bn1."),
    (r"^encoder(\d)\.block1\.", r"layer\1.0."),
    (r"^encoder(\d)\.block2\.", r"layer\1.1."),
    (r"^encoder(\d)\.(\d+)\.", r"layer\1.\2."),
)


def _decoder(x, skip, filters, stride, name):
    """1×1 down to a quarter, 3×3 transposed, 1×1 up; then the sum with the encoder's feature."""
    quarter = x.shape[-1] // 4
    x = bn_relu(conv(x, quarter, 1, init="torch", name=f"{name}.conv1.0"), name=f"{name}.conv1.1")
    x = transposed_conv(
        x, quarter, 3, stride=stride, padding=1, like=skip, name=f"{name}.tp_conv.0"
    )
    x = bn_relu(x, name=f"{name}.tp_conv.1")
    x = bn_relu(conv(x, filters, 1, init="torch", name=f"{name}.conv2.0"), name=f"{name}.conv2.1")
    return layers.Add()([x, skip])


def linknet(pixels, x, num_classes, *, encoder="resnet18"):
    """Figure 1 of the paper. `pixels` gives the size, `x` is what the encoder sees."""
    f = encode(encoder, x)
    width = {key: feature.shape[-1] for key, feature in f.items()}

    x = _decoder(f["stride32"], f["stride16"], width["stride16"], 2, "decoder4")
    x = _decoder(x, f["stride8"], width["stride8"], 2, "decoder3")
    x = _decoder(x, f["stride4"], width["stride4"], 2, "decoder2")
    x = _decoder(x, f["pool"], width["pool"], 1, "decoder1")  # stays at stride 4

    x = transposed_conv(x, 32, 3, padding=1, like=f["stride2"], bias=True, name="tp_conv1.0")
    x = bn_relu(x, name="tp_conv1.1")
    x = bn_relu(conv(x, 32, 3, bias=True, init="torch", name="conv2.0"), name="conv2.1")
    return transposed_conv(x, num_classes, 2, like=pixels, bias=True, name="tp_conv2")
