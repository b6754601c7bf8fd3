"""timm's networks by name, without a network."""

from __future__ import annotations

import pytest
import torch

from ironlaw import models
from ironlaw.circumstance import UntrainedWeights
from ironlaw.errors import BadInput
from ironlaw.models import hub, sources
from ironlaw.models.sources import Kind

pytest.importorskip("timm")
pytestmark = [pytest.mark.usefixtures("offline"), pytest.mark.filterwarnings("ignore")]


@pytest.fixture(autouse=True)
def without_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(hub, "offline", lambda: "no network in tests")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)  # read once, when it was imported


def test_a_timm_name_needs_no_prefix_unless_torchvision_has_it_too() -> None:
    assert sources.kind_of("efficientnet_lite0") is Kind.TIMM
    assert sources.kind_of("timm/resnet18") is Kind.TIMM
    assert sources.kind_of("resnet18") is Kind.TORCHVISION


def test_without_a_network_weights_are_seeded_and_said_to_be() -> None:
    model = models.open_model("timm/test_vit", seed=3)
    assert model.weights == "untrained, seed 3"
    assert UntrainedWeights(reason="no network in tests", cache=hub.CACHE) in model.circumstances
    again = models.open_model("timm/test_vit", seed=3)
    for one, other in zip(model.module.state_dict().values(), again.module.state_dict().values(), strict=True):
        assert torch.equal(one, other)


def test_inputs_have_the_size_that_the_configuration_names_and_its_preprocessing_is_kept() -> None:
    model = models.open_model("timm/test_vit", batch=2)
    assert model.inputs[0][0].shape == (2, 3, 160, 160)
    assert model.preprocessing is not None
    assert model.preprocessing.crop == 160
    assert sum(one[0].shape[0] for one in model.probes) >= 64


def test_a_mistyped_name_is_answered_with_the_closest() -> None:
    with pytest.raises(BadInput, match="no model 'test_vitt'") as raised:
        models.check_source("timm/test_vitt")
    assert "test_vit" in raised.value.hint


@pytest.mark.parametrize(("name", "cache"), [("convnext_atto", hub.CACHE), ("beit3_giant_patch14_224", "")])
def test_weights_are_looked_for_in_the_cache_if_timm_publishes_any(name: str, cache: str) -> None:
    from ironlaw.models import timm

    assert timm._cache(name) == cache
