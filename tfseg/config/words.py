"""Help that several commands share."""

PRECISIONS = ("auto", "float32", "mixed_bfloat16", "mixed_float16")

INPUT = (
    "records or a raw folder: a data set, a folder of data sets, an LMDB environment; several as "
    "a,b"
)
DATASET = "which data set, where --input holds several; what it is, where it is a raw folder"
PIXEL_RANGE = (
    "values of 16-bit and float images that become black and white, as 0,4095; 16 bits whole by "
    "default"
)
SKIP_DAMAGED = "leave out examples that do not decode, and count them"
AUGMENT = (
    "random changes: none, light, standard, strong, or a list as flip,rotate=10,blur=1.5; "
    "README.md names them all"
)
GPU = "GPU numbers, as 0 or 0,1; -1 is the CPU"
MEM_FRAC = "share of each GPU's memory to take, 0 to 1; grows as needed where not given"
RUN = "folder of a training run, as runs/streets-linknet-20260101-120000"
MODEL = "network; `models` lists them"
ENCODER = "the network's encoder; its usual one where not given"
NORMALIZATION = "what pixels become; auto is what the encoder was trained on"
NORMALIZATIONS = (
    "auto", "imagenet", "unit", "caffe", "symmetric", "efficientnet_lite", "efficientnet_v2"
)  # fmt: skip
OUTPUT_STRIDE = "dilate the encoder instead of striding further; the network's own by default"
ENCODER_DEPTH = "stages of the encoder that one of smp's networks uses, 3 to 5"
DECODER_CHANNELS = "channels in the decoder of one of smp's networks: 256,128,64,32,16 in a U-Net's"
DECODER_ATTENTION = "attention in the decoder of unet with an encoder, and of unetplusplus: scse"
DECODER_INTERPOLATION = "how the decoder of unet, unetplusplus, manet and fpn enlarges its maps"
MERGE_POLICY = "whether fpn adds its levels or joins them"
INSTEAD = "in place of --run: a trained network (`models --pretrained`), or with --checkpoint any "
CHECKPOINT = (
    "weights: a run, or a file of Keras (.weights.h5, .keras) or PyTorch (.safetensors, .pth, "
    "...); the run's best by default"
)
