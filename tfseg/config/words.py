"""Help texts that several commands share."""

TASKS = ("multiclass", "binary", "multilabel")
TASK = (
    "multiclass: a pixel has one class; binary: background or one class; multilabel: any number of "
    "classes, joined by + in label names, e.g. crack+rust"
)
PRECISIONS = ("auto", "float32", "mixed_bfloat16", "mixed_float16")

INPUT = (
    "records or a raw folder: a data set, a folder of data sets, an LMDB environment; several as "
    "a,b"
)
DATASET = "data set name, if --input holds several; its type, if --input is a raw folder"
PIXEL_RANGE = (
    "values of 16-bit and float images that become black and white, e.g. 0,4095 (default: all 16 "
    "bits)"
)
SKIP_DAMAGED = "skip and count frames that cannot be decoded"
AUGMENT = (
    "random augmentation: none, light, standard, strong, or a list, e.g. flip,rotate=10,blur=1.5; "
    "the documentation lists all"
)
GPU = "GPU numbers, e.g. 0 or 0,1; -1 uses the CPU"
MEM_FRAC = "fraction of each GPU's memory to use, 0 to 1 (default: grow as needed)"
RUN = "folder of a training run, or last, or best (highest val mIoU in runs/)"
MODEL = "network name; `models` lists all"
ENCODER = "encoder name (default: the network's default)"
NORMALIZATION = "how to normalise pixels; auto is what the encoder was trained with"
NORMALIZATIONS = (
    "auto", "imagenet", "unit", "caffe", "symmetric", "efficientnet_lite", "efficientnet_v2"
)  # fmt: skip
OUTPUT_STRIDE = "dilate the encoder beyond this stride (default: the network's)"
ENCODER_DEPTH = "stages of the encoder to use, 3 to 5, for smp networks"
DECODER_CHANNELS = "channels of the decoder, for smp networks; for unet, e.g. 256,128,64,32,16"
DECODER_ATTENTION = "decoder attention of unet with an encoder, and of unetplusplus: scse"
DECODER_INTERPOLATION = "upsampling in the decoder of unet, unetplusplus, manet and fpn"
MERGE_POLICY = "how fpn merges its levels: add or concatenate"
INSTEAD = (
    "instead of --run: a trained network (`models --pretrained`, or hf://user/name), or, with "
    "--checkpoint, any "
)
CHECKPOINT = (
    "weights: a run, or a Keras (.weights.h5, .keras) or PyTorch (.safetensors, .pth, ...) file "
    "(default: the run's best)"
)
