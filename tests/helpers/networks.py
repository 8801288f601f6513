"""The tables for tests/test_models.py, one row per network."""

import keras

import tfseg

# name -> (options of the smallest form, parameters at 11, 19 and 21 classes of that form)
NETWORKS = {
    "linknet": ({}, (11_534_667, 11_535_699, 11_535_957)),
    "linknet_residual": ({}, (13_061_771, 13_062_803, 13_063_061)),
    "linknet_nobypass": ({}, (11_535_659, 11_536_691, 11_536_949)),
    "fcn32s": ({"encoder": "resnet18"}, None),
    "fcn16s": ({"encoder": "resnet18"}, None),
    "fcn8s": ({"encoder": "resnet18"}, None),
    "fcn": ({}, (32_951_883, 32_955_987, 32_957_013)),
    "segnet": ({}, (29_449_355, 29_453_971, 29_455_125)),
    "segnet_basic": ({}, (1_416_587, 1_417_107, 1_417_237)),
    "bayesian_segnet": ({}, (29_449_355, 29_453_971, 29_455_125)),
    "segnet_plain": ({}, (467_425, None, 475_455)),
    "segnet_connected": ({}, (467_425, None, 475_455)),
    "segnet_gated": ({}, (467_429, None, 475_459)),
    "fcn_autoencoder": ({}, (9_155_617, None, 9_171_647)),
    "cae": ({}, (127_425, None, 128_895)),
    "deconvnet": ({}, (251_805_003, 251_805_523, 251_805_653)),
    "enet": ({}, (350_508, 351_660, 351_948)),
    "unet_subpixel": ({}, (3_927_532, 3_941_388, 3_944_852)),
    "unet": ({}, (31_038_283, 31_038_803, 31_038_933)),
    "pspnet": ({"encoder": "resnet50"}, None),
    "gcn": ({"encoder": "resnet50"}, None),
    "duc": ({"encoder": "resnet50"}, None),
    "duc_hdc": ({"encoder": "resnet50"}, None),
    "deeplabv3": ({}, (39_636_299, 39_638_355, 39_638_869)),
    "deeplabv3plus": ({}, (39_759_275, 39_761_331, 39_761_845)),
    "refinenet": ({"encoder": "resnet50"}, None),
    "unetplusplus": ({"encoder": "resnet18"}, (15_971_899, 15_973_059, 15_973_349)),
    "manet": ({"encoder": "resnet18"}, (21_676_923, 21_678_083, 21_678_373)),
    "linknet_smp": ({"encoder": "resnet18"}, (11_664_107, 11_664_371, 11_664_437)),
    "fpn": ({"encoder": "resnet18"}, (13_048_523, 13_049_555, 13_049_813)),
    "pan": ({"encoder": "resnet18"}, (11_370_546, 11_372_858, 11_373_436)),
    "upernet": ({"encoder": "resnet18"}, (19_494_091, 19_496_147, 19_496_661)),
    "pspnet_smp": ({"encoder": "resnet18"}, (882_475, 919_347, 928_565)),
    "deeplabv3_smp": ({"encoder": "resnet18"}, (15_901_515, 15_903_571, 15_904_085)),
    "deeplabv3plus_smp": ({"encoder": "resnet18"}, (12_331_867, 12_333_923, 12_334_437)),
    "dpt": ({"encoder": "vit_tiny_patch16_224"}, (34_689_099, 34_691_155, 34_691_669)),
    "segformer": ({}, (3_716_971, 3_719_027, 3_719_541)),
    "segformer_smp": ({"encoder": "mit_b0"}, (3_716_971, 3_719_027, 3_719_541)),
    "fast_scnn": ({}, (1_398_907, 1_399_939, 1_400_197)),
    "bisenetv2": ({}, (3_350_683, 3_358_883, 3_360_933)),
    "ddrnet23_slim": ({}, (5_695_403, 5_695_923, 5_696_053)),
    "ddrnet23": ({}, (20_147_787, 20_148_819, 20_149_077)),
    "pidnet_s": ({}, (7_624_619, 7_625_651, 7_625_909)),
    "pidnet_m": ({}, (28_537_355, 28_538_387, 28_538_645)),
    "pidnet_l": ({}, (36_937_387, 36_939_443, 36_939_957)),
    "hrnet_w18": ({}, (12_073_764, 12_080_036, 12_081_604)),
    "hrnet_w48": ({}, (70_361_574, 70_371_446, 70_373_914)),
}

# Larger forms of other networks: the same layers, but more of them.
TWINS = {"ddrnet23", "pidnet_m", "pidnet_l", "hrnet_w48"}

# Parameter counts beyond the smallest forms: (name, options, classes, parameters).
COUNTS = [
    ("fcn32s", {"encoder": "vgg16"}, 19, 135_817_043),
    ("fcn16s", {"encoder": "vgg16"}, 21, 134_815_994),
    ("fcn8s", {"encoder": "vgg16"}, 11, 134_348_929),
    ("fcn", {"aux": True}, 19, 35_320_678),
    ("fcn", {"encoder": "resnet101", "aux": True}, 21, 54_314_346),
    ("unet", {"encoder": "resnet34"}, 19, 24_438_979),
    ("unet", {"encoder": "vgg16_bn"}, 21, 23_759_589),
    ("pspnet", {"encoder": "resnet101", "aux": True}, 19, 65_603_174),
    ("pspnet", {"encoder": "resnet101"}, 21, 65_584_725),
    ("gcn", {"encoder": "resnet152"}, 19, 59_244_592),
    ("duc", {"encoder": "resnet152"}, 19, 80_560_768),
    ("deeplabv3", {"encoder": "resnet101", "aux": True}, 11, 60_991_062),
    ("deeplabv3plus", {"encoder": "resnet101"}, 19, 58_753_459),
    ("refinenet", {"encoder": "resnet101"}, 21, 118_052_437),
    ("fcn_autoencoder", {}, 151, 9_380_037),
    ("fpn", {}, 11, 23_156_683),
    ("unetplusplus", {"encoder": "resnet50"}, 19, 48_988_355),
    ("manet", {}, 11, 31_785_083),
    ("pan", {"encoder": "resnet50"}, 19, 24_265_018),
    ("upernet", {"encoder": "resnet50"}, 19, 37_289_299),
    ("deeplabv3_smp", {"encoder": "resnet50"}, 19, 39_638_355),
    ("deeplabv3plus_smp", {"encoder": "resnet50"}, 19, 26_682_211),
    ("segformer", {"encoder": "mit_b1"}, 2, 13_677_762),
    ("segformer", {"encoder": "mit_b2"}, 19, 27_361_235),
    ("segformer", {"encoder": "mit_b3"}, 2, 47_224_002),
    ("segformer", {"encoder": "mit_b5"}, 2, 84_594_882),
    ("segformer_smp", {"encoder": "mit_b2"}, 2, 24_722_626),
    ("segformer_smp", {"encoder": "mit_b4"}, 2, 61_369_026),
    ("segformer_smp", {"encoder": "densenet121"}, 2, 8_021_122),
    ("unet", {"encoder": "mit_b0"}, 19, 5_552_099),
    ("dpt", {}, 11, 121_010_187),
    ("dpt", {"encoder": "vit_large_patch16_384"}, 2, 343_291_394),
    ("ddrnet23", {"aux": True}, 19, 20_299_238),
    ("pidnet_m", {"aux": True}, 19, 28_762_983),
    ("bisenetv2", {"aux": True}, 19, 14_804_255),
    ("fast_scnn", {"aux": True}, 21, 1_457_007),
]

ENCODERS = {
    "resnet18": 11_176_512,
    "resnet34": 21_284_672,
    "resnet50": 23_508_032,
    "resnet101": 42_500_160,
    "resnet152": 58_143_808,
    "vgg16": 14_714_688,
    "vgg16_bn": 14_723_136,
    "vgg19": 20_024_384,
    "vgg19_bn": 20_035_392,
    "densenet121": 6_953_856,
    "densenet169": 12_484_480,
    "densenet201": 18_092_928,
    "efficientnet_lite0": 2_958_848,
    "efficientnet_lite1": 3_723_520,
    "efficientnet_lite2": 4_357_952,
    "efficientnet_lite3": 6_422_016,
    "efficientnet_lite4": 11_149_568,
    "timm_efficientnet_b0": 3_595_388,
    "torchvision_mobilenet_v2": 2_223_872,
    "mit_b0": 3_319_392,
    "mit_b1": 13_151_424,
    "mit_b2": 24_196_288,
    "mit_b3": 44_072_128,
    "mit_b4": 60_842_688,
    "mit_b5": 81_443_008,
    "vit_tiny_patch16_224": 5_524_032,
}


# Pairs with encoders that cover every network and every family of encoders, the smallest of each
# family.
COVER = {
    "resnet18": "linknet",
    "efficientnet_lite0": "deeplabv3plus",
    "mobilenet_v3_small": "duc",
    "regnet_x_400mf": "fcn32s",
    "vgg16_bn": "unet_subpixel",
    "densenet121": "gcn",
    "mobilenet_v2": "linknet_residual",
    "xception": "linknet_nobypass",
    "efficientnet_v2_b0": "fcn16s",
    "resnet50_v2": "fcn8s",
    "seresnet50": "fcn",
    "convnext_tiny": "unet",
    "efficientnet_b0": "duc_hdc",
    "wide_resnet50_2": "pspnet",
    "resnext50_32x4d": "deeplabv3",
    "se_resnet50": "refinenet",
    "resnet34": "fpn",
    "vgg16": "unetplusplus",
    "densenet169": "manet",
    "se_resnext50_32x4d": "linknet_smp",
    "regnet_y_400mf": "upernet",
    "mobilenet_v3_large": "pspnet_smp",
    "efficientnet_lite1": "pan",
    "regnet_x_800mf": "deeplabv3_smp",
    "efficientnet_v2_b1": "deeplabv3plus_smp",
    "mit_b0": "segformer",
    "efficientnet_lite2": "segformer_smp",
    "timm_efficientnet_b0": "unet",
    "torchvision_mobilenet_v2": "fpn",
    "vit_tiny_patch16_224": "dpt",
    "timm_convnext_tiny": "upernet",
    "mobilenetv3_large_100": "deeplabv3plus_smp",
    "efficientnetv2_rw_s": "pan",
}


def _refinenet():
    """The reference counts the score map at stride 4."""
    model = tfseg.build("refinenet", 11, encoder="resnet101")
    return keras.Model(model.inputs, model.get_layer("clf_conv").output, name="refinenet")


def _smp(name, encoder="resnet18", **options):
    return lambda: tfseg.build(name, 11, encoder=encoder, **options)


PARITY = {
    "encoder_resnet18": lambda: tfseg.build_encoder("resnet18"),
    "encoder_resnet50": lambda: tfseg.build_encoder("resnet50"),
    "encoder_vgg16": lambda: tfseg.build_encoder("vgg16"),
    "encoder_vgg16_bn": lambda: tfseg.build_encoder("vgg16_bn"),
    "encoder_densenet121": lambda: tfseg.build_encoder("densenet121"),
    "encoder_resnext50_32x4d": lambda: tfseg.build_encoder("resnext50_32x4d"),
    "encoder_wide_resnet50_2": lambda: tfseg.build_encoder("wide_resnet50_2"),
    "encoder_seresnet50": lambda: tfseg.build_encoder("seresnet50"),
    "encoder_se_resnet50": lambda: tfseg.build_encoder("se_resnet50"),
    "encoder_se_resnext50_32x4d": lambda: tfseg.build_encoder("se_resnext50_32x4d"),
    "encoder_regnet_y_400mf": lambda: tfseg.build_encoder("regnet_y_400mf"),
    "encoder_regnet_x_400mf": lambda: tfseg.build_encoder("regnet_x_400mf"),
    "encoder_resnext50_32x4d_dilated": lambda: tfseg.build_encoder(
        "resnext50_32x4d", output_stride=8
    ),
    "encoder_efficientnet_lite0": lambda: tfseg.build_encoder("efficientnet_lite0"),
    "encoder_efficientnet_lite4": lambda: tfseg.build_encoder("efficientnet_lite4"),
    "linknet": lambda: tfseg.build("linknet", 11),
    "segnet": lambda: tfseg.build("segnet", 11),
    "enet": lambda: tfseg.build("enet", 11, normalization="unit"),
    "unet": lambda: tfseg.build("unet", 11),
    "unet_resnet34": lambda: tfseg.build("unet", 11, encoder="resnet34"),
    "fcn_resnet50": lambda: tfseg.build("fcn", 21, aux=True),
    "deeplabv3_resnet50": lambda: tfseg.build("deeplabv3", 21, aux=True),
    "deeplabv3plus_resnet50": lambda: tfseg.build("deeplabv3plus", 21),
    "unet_scse_resnet18": _smp(
        "unet",
        encoder_depth=4,
        decoder_channels=(128, 64, 32, 16),
        decoder_attention="scse",
    ),
    "fpn_cat_resnet18": _smp("fpn", merge_policy="cat"),
    "unet_bilinear_resnet18": _smp(
        "unet",
        encoder_depth=3,
        decoder_channels=(64, 32, 16),
        decoder_interpolation="bilinear",
        decoder_use_norm=False,
    ),
    "unetplusplus_narrow_resnet18": _smp(
        "unetplusplus",
        encoder_depth=3,
        decoder_channels=(64, 32, 16),
        decoder_attention="scse",
    ),
    "manet_narrow_resnet18": _smp(
        "manet", encoder_depth=3, decoder_channels=(64, 32, 16), decoder_use_norm=False
    ),
    "linknet_smp_shallow_resnet18": _smp("linknet_smp", encoder_depth=3, decoder_use_norm=False),
    "pan_narrow_resnet18": _smp("pan", encoder_depth=3, decoder_channels=16),
    "upernet_narrow_resnet18": _smp(
        "upernet", encoder_depth=3, decoder_channels=64, decoder_use_norm=False
    ),
    "deeplabv3_smp_narrow_resnet18": _smp("deeplabv3_smp", encoder_depth=4, decoder_channels=32),
    "deeplabv3plus_smp_narrow_resnet18": _smp(
        "deeplabv3plus_smp", encoder_depth=4, decoder_channels=32
    ),
    "pspnet_smp_deep_resnet18": _smp("pspnet_smp", encoder_depth=4, decoder_use_norm=False),
    "segformer_smp_shallow_resnet18": _smp("segformer_smp", encoder_depth=3),
    "unetplusplus_resnet18": _smp("unetplusplus"),
    "unetplusplus_scse_resnet18": _smp("unetplusplus", decoder_attention="scse"),
    "manet_resnet18": _smp("manet"),
    "linknet_smp_resnet18": _smp("linknet_smp"),
    "fpn_resnet18": _smp("fpn"),
    "pan_resnet18": _smp("pan"),
    "upernet_resnet18": _smp("upernet"),
    "pspnet_smp_resnet18": _smp("pspnet_smp"),
    "deeplabv3_smp_resnet18": _smp("deeplabv3_smp"),
    "deeplabv3plus_smp_resnet18": _smp("deeplabv3plus_smp"),
    "segformer_mit_b0": lambda: tfseg.build("segformer", 11),
    "segformer_smp_mit_b1": lambda: tfseg.build("segformer_smp", 11, encoder="mit_b1"),
    "segformer_smp_narrow_mit_b0": _smp("segformer_smp", "mit_b0", decoder_channels=64),
    "segformer_smp_resnet34": lambda: tfseg.build("segformer_smp", 11),
    "unet_mit_b0": lambda: tfseg.build("unet", 11, encoder="mit_b0"),
    "unet_mit_b0_odd": lambda: tfseg.build("unet", 11, encoder="mit_b0"),
    "fpn_efficientnet_lite0": lambda: tfseg.build("fpn", 11, encoder="efficientnet_lite0"),
    "unet_timm_efficientnet_b0": lambda: tfseg.build("unet", 11, encoder="timm_efficientnet_b0"),
    "fpn_timm_efficientnet_lite0": lambda: tfseg.build(
        "fpn", 11, encoder="timm_efficientnet_lite0"
    ),
    "deeplabv3_smp_efficientnet_b0": lambda: tfseg.build(
        "deeplabv3_smp", 11, encoder="pytorch_efficientnet_b0"
    ),
    "fpn_efficientnet_b1": lambda: tfseg.build("fpn", 11, encoder="pytorch_efficientnet_b1"),
    "deeplabv3plus_smp_mobilenet_v2": lambda: tfseg.build(
        "deeplabv3plus_smp", 11, encoder="torchvision_mobilenet_v2"
    ),
    "unet_regnetx_002": lambda: tfseg.build("unet", 11, encoder="regnetx_002"),
    "deeplabv3plus_smp_regnety_002": lambda: tfseg.build(
        "deeplabv3plus_smp", 11, encoder="regnety_002"
    ),
    "upernet_convnext_tiny": _smp("upernet", "timm_convnext_tiny", decoder_channels=64),
    "deeplabv3plus_smp_mobilenetv3_large": _smp("deeplabv3plus_smp", "mobilenetv3_large_100"),
    "unet_tf_mobilenetv3_small": _smp("unet", "tf_mobilenetv3_small_100"),
    "pan_tf_efficientnetv2_s": _smp("pan", "tf_efficientnetv2_s"),
    "fpn_efficientnetv2_rw_s": _smp("fpn", "efficientnetv2_rw_s"),
    "dpt_vit_tiny": lambda: tfseg.build("dpt", 11, encoder="vit_tiny_patch16_224"),
    "dpt_add_deit_tiny_distilled": lambda: tfseg.build(
        "dpt", 11, encoder="deit_tiny_distilled_patch16_224", decoder_readout="add"
    ),
    "ddrnet23_slim": lambda: tfseg.build("ddrnet23_slim", 11, aux=True),
    "fast_scnn": lambda: tfseg.build("fast_scnn", 11, aux=True),
    "bisenetv2": lambda: tfseg.build("bisenetv2", 11, aux=True),
    "hrnet_w18": lambda: tfseg.build("hrnet_w18", 11, aux=True),
    "pidnet_s": lambda: tfseg.build("pidnet_s", 11, aux=True),
}
PARITY_LARGE = {
    "fcn8s_vgg16": lambda: tfseg.build("fcn8s", 11),
    "deconvnet": lambda: tfseg.build("deconvnet", 11),
    "pspnet_resnet101": lambda: tfseg.build("pspnet", 11, encoder="resnet101"),
    "gcn_resnet152": lambda: tfseg.build("gcn", 11, encoder="resnet152"),
    "duc_hdc_resnet152": lambda: tfseg.build("duc_hdc", 11, encoder="resnet152"),
    "refinenet_resnet101": _refinenet,
    "pidnet_l": lambda: tfseg.build("pidnet_l", 11, aux=True),
}
