"""The flags of the commands: one dataclass per command, one field per flag."""

from tfseg.config.data import ConvertConfig, InspectConfig
from tfseg.config.network import LookConfig, NetworkConfig
from tfseg.config.showing import ModelsConfig, PlotConfig
from tfseg.config.training import TrainConfig
from tfseg.config.using import ExportConfig, PredictConfig, PushConfig, ServeConfig, TestConfig

__all__ = [
    "ConvertConfig",
    "ExportConfig",
    "InspectConfig",
    "LookConfig",
    "ModelsConfig",
    "NetworkConfig",
    "PlotConfig",
    "PredictConfig",
    "PushConfig",
    "ServeConfig",
    "TestConfig",
    "TrainConfig",
]
