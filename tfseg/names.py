"""Names of networks and encoders, known before TensorFlow loads; a test compares the tables.

A misspelt name is refused at once, and importing the tables takes seconds.
"""

NETWORKS = """
    linknet linknet_residual linknet_nobypass linknet_smp fcn32s fcn16s fcn8s fcn segnet
    segnet_basic bayesian_segnet segnet_plain segnet_connected segnet_gated fcn_autoencoder cae
    deconvnet enet unet unet_subpixel unetplusplus manet fpn pan upernet pspnet pspnet_smp gcn
    duc duc_hdc deeplabv3 deeplabv3plus deeplabv3_smp deeplabv3plus_smp dpt refinenet segformer
    segformer_smp fast_scnn bisenetv2 ddrnet23_slim ddrnet23 pidnet_s pidnet_m pidnet_l
    hrnet_w18 hrnet_w48
""".split()  # noqa: SIM905  quoted names would take three times the lines

ENCODERS = """
    resnet18 resnet34 resnet50 resnet101 resnet152 resnext50_32x4d resnext101_32x8d
    resnext101_64x4d wide_resnet50_2 wide_resnet101_2 seresnet50 seresnext50_32x4d se_resnet50
    se_resnet101 se_resnet152 se_resnext50_32x4d se_resnext101_32x4d vgg16 vgg16_bn vgg19
    vgg19_bn densenet121 densenet169 densenet201 efficientnet_lite0 efficientnet_lite1
    efficientnet_lite2 efficientnet_lite3 efficientnet_lite4 regnet_x_400mf regnet_x_800mf
    regnet_x_1_6gf regnet_x_3_2gf regnet_x_8gf regnet_y_400mf regnet_y_800mf regnet_y_1_6gf
    regnet_y_3_2gf regnet_y_8gf regnetx_002 regnetx_004 regnetx_006 regnetx_040 regnetx_064
    regnetx_120 regnetx_160 regnetx_320 regnety_002 regnety_006 regnety_008 regnety_040
    regnety_064 regnety_080 regnety_120 regnety_160 regnety_320 mit_b0 mit_b1 mit_b2 mit_b3
    mit_b4 mit_b5 mobilenet_v2 mobilenet_v3_small mobilenet_v3_large efficientnet_b0
    efficientnet_b1 efficientnet_b2 efficientnet_b3 efficientnet_b4 efficientnet_b5
    efficientnet_b6 efficientnet_b7 efficientnet_v2_b0 efficientnet_v2_b1 efficientnet_v2_b2
    efficientnet_v2_b3 efficientnet_v2_s efficientnet_v2_m efficientnet_v2_l convnext_tiny
    convnext_small convnext_base convnext_large convnext_xlarge xception resnet50_v2
    resnet101_v2 resnet152_v2 timm_efficientnet_b0 timm_efficientnet_b1 timm_efficientnet_b2
    timm_efficientnet_b3 timm_efficientnet_b4 timm_efficientnet_b5 timm_efficientnet_b6
    timm_efficientnet_b7 pytorch_efficientnet_b0 pytorch_efficientnet_b1 pytorch_efficientnet_b2
    pytorch_efficientnet_b3 pytorch_efficientnet_b4 pytorch_efficientnet_b5
    pytorch_efficientnet_b6 pytorch_efficientnet_b7 timm_efficientnet_lite0
    timm_efficientnet_lite1 timm_efficientnet_lite2 timm_efficientnet_lite3
    timm_efficientnet_lite4 torchvision_mobilenet_v2 mobilenetv3_large_075 mobilenetv3_large_100
    mobilenetv3_small_075 mobilenetv3_small_100 tf_mobilenetv3_large_075
    tf_mobilenetv3_large_100 tf_mobilenetv3_large_minimal_100 tf_mobilenetv3_small_075
    tf_mobilenetv3_small_100 tf_mobilenetv3_small_minimal_100 efficientnetv2_rw_s
    tf_efficientnetv2_s tf_efficientnetv2_m timm_convnext_tiny timm_convnext_small
    timm_convnext_base vit_tiny_patch16_224 vit_tiny_patch16_384 vit_small_patch16_224
    vit_small_patch16_384 vit_base_patch16_224 vit_base_patch16_384 vit_large_patch16_224
    vit_large_patch16_384 deit_tiny_patch16_224 deit_small_patch16_224 deit_base_patch16_224
    deit_base_patch16_384 deit_tiny_distilled_patch16_224 deit_small_distilled_patch16_224
    deit_base_distilled_patch16_224 deit_base_distilled_patch16_384
""".split()  # noqa: SIM905
