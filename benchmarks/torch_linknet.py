"""LinkNet (ResNet-18) in PyTorch, for comparison in `benchmarks.train_step`."""

import itertools

import torch
from torch import nn


def conv_bn_relu(inputs, outputs, kernel, stride=1, bias=False):
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=bias),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )


class BasicBlock(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.main = nn.Sequential(
            conv_bn_relu(inputs, outputs, 3, stride),
            nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False),
            nn.BatchNorm2d(outputs),
        )
        self.shortcut = nn.Identity()
        if stride > 1 or inputs != outputs:
            self.shortcut = nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs)
            )

    def forward(self, x):
        return torch.relu(self.main(x) + self.shortcut(x))


class Decoder(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        quarter = inputs // 4
        self.main = nn.Sequential(
            conv_bn_relu(inputs, quarter, 1),
            nn.ConvTranspose2d(quarter, quarter, 3, stride, 1, stride - 1, bias=False),
            nn.BatchNorm2d(quarter),
            nn.ReLU(inplace=True),
            conv_bn_relu(quarter, outputs, 1),
        )

    def forward(self, x):
        return self.main(x)


class LinkNet(nn.Module):
    """LinkNet for heights and widths that are multiples of 32."""

    def __init__(self, num_classes):
        super().__init__()
        self.stem = nn.Sequential(conv_bn_relu(3, 64, 7, 2), nn.MaxPool2d(3, 2, 1))
        widths = (64, 64, 128, 256, 512)
        self.encoders = nn.ModuleList(
            nn.Sequential(BasicBlock(a, b, 1 if i == 0 else 2), BasicBlock(b, b, 1))
            for i, (a, b) in enumerate(itertools.pairwise(widths))
        )
        self.decoders = nn.ModuleList(
            Decoder(b, a, 1 if i == 0 else 2) for i, (a, b) in enumerate(itertools.pairwise(widths))
        )
        self.head = nn.Sequential(
            nn.ConvTranspose2d(64, 32, 3, 2, 1, 1),
            nn.BatchNorm2d(32),
            nn.ReLU(inplace=True),
            conv_bn_relu(32, 32, 3, bias=True),
            nn.ConvTranspose2d(32, num_classes, 2, 2),
        )

    def forward(self, x):
        features = [self.stem(x)]
        for encoder in self.encoders:
            features.append(encoder(features[-1]))
        x = features.pop()
        for decoder in reversed(self.decoders):
            x = decoder(x) + features.pop()
        return self.head(x)
