"""torchvision's architectures."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from ironlaw import models
from ironlaw.circumstance import UntrainedWeights
from ironlaw.missing import is_known
from ironlaw.models import published
from ironlaw.models.images import Preprocessing


def test_untrained_weights_are_seeded_settled_and_said_once(offline: None) -> None:
    first, again = (models.open_model("shufflenet_v2_x0_5", seed=3) for _ in range(2))
    assert [type(fact) for fact in first.circumstances] == [UntrainedWeights]
    assert first.weights == "untrained, seed 3"
    for one, other in zip(first.module.parameters(), again.module.parameters(), strict=True):
        assert torch.equal(one, other)
    assert not first.module.training


def test_activations_of_untrained_weights_neither_vanish_nor_explode(offline: None) -> None:
    model = models.open_model("mobilenet_v2")
    with torch.inference_mode():
        before_the_classifier = model.module.features(*model.probes[0])
    assert 0.3 < before_the_classifier.std() < 3


def variant_of(bias: float) -> tuple[Any, Any]:
    """MobileNetV2 whose first layer's activations lie around `bias`, and its quantizable variant."""
    from torchvision.models import get_model

    torch.manual_seed(0)
    plain: Any = get_model("mobilenet_v2", weights=None).eval()
    nn.init.constant_(plain.features[0][1].bias, bias)
    return plain, published.quantizable_like(plain, "mobilenet_v2")


IMAGES = [(torch.linspace(-1, 1, 3 * 64 * 64).reshape(1, 3, 64, 64) * (i + 1),) for i in range(3)]


def test_a_variant_that_computes_the_same_function_is_not_reported() -> None:
    plain, variant = variant_of(0.0)
    assert published.compare_variant("mobilenet_v2", plain, variant, IMAGES) == ()


def test_a_variant_that_clips_nothing_at_six_is_reported_with_numbers() -> None:
    plain, variant = variant_of(20.0)
    (fact,) = published.compare_variant("mobilenet_v2", plain, variant, IMAGES)
    assert fact.compared == 3
    assert is_known(fact.sqnr_db)


def test_weights_are_those_the_quantizable_variant_was_made_for() -> None:
    assert str(published.weights_of("mobilenet_v2")) == "MobileNet_V2_Weights.IMAGENET1K_V1"
    assert published.weights_of("efficientnet_b0").name == "IMAGENET1K_V1"


def test_an_architecture_without_variant_has_none() -> None:
    from torchvision.models import get_model

    assert published.quantizable_like(get_model("squeezenet1_1", weights=None), "squeezenet1_1") is None


def test_preprocessing_is_that_of_the_published_weights() -> None:
    from torchvision.models import get_model_weights

    assert published.preprocessing("x", get_model_weights("inception_v3").DEFAULT) == Preprocessing(
        resize=342, crop=299
    )
    assert published.preprocessing("x", get_model_weights("efficientnet_b1").DEFAULT).resize == 255


def test_pixels_are_those_of_torchvisions_own_transform() -> None:
    from torchvision.models import get_model_weights

    from ironlaw.models import images

    weights = get_model_weights("mobilenet_v2").DEFAULT
    how = published.preprocessing("mobilenet_v2", weights)
    for path in images.check_folder(None)[:4]:
        photo = images.decode_photo(path)
        ours = torch.from_numpy(images.see(photo, images.STANDARD, how))
        torch.testing.assert_close(ours, weights.transforms()(photo), atol=1e-5, rtol=0)
