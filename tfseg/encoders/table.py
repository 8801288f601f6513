"""The table of encoders: builder, features and ImageNet weights of each."""

from tfseg.encoders.row import Encoder
from tfseg.encoders.rows_keras import KERAS
from tfseg.encoders.rows_smp import SMP
from tfseg.encoders.rows_timm import TIMM
from tfseg.encoders.rows_torch import TORCH
from tfseg.encoders.rows_vit import VIT

ENCODERS: dict[str, Encoder] = {**TORCH, **KERAS, **SMP, **TIMM, **VIT}
