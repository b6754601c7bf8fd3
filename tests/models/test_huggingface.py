"""Hugging Face models in a folder, without a network: tiny, seeded."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from ironlaw import models
from ironlaw.circumstance import RandomTokens
from ironlaw.errors import BadInput
from ironlaw.models import sources, texts
from ironlaw.models.sources import Kind

transformers = pytest.importorskip("transformers")
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    config = transformers.BertConfig(
        vocab_size=99, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32
    )
    transformers.BertModel(config).save_pretrained(tmp_path / "tiny")
    return tmp_path / "tiny"


def test_a_folder_with_a_configuration_is_a_hugging_face_model(folder: Path) -> None:
    assert sources.kind_of(str(folder)) is Kind.HUGGING_FACE
    models.check_source(str(folder))


def test_its_weights_are_read_and_its_tokens_are_random_without_a_tokenizer(folder: Path) -> None:
    model = models.open_model(str(folder), batch=2)
    assert model.weights == f"trained, {folder}"
    assert [type(fact) for fact in model.circumstances] == [RandomTokens]
    ids, mask = model.inputs[0][:2]
    assert ids.shape == mask.shape == (2, 128)
    assert int(ids.max()) < 99
    with torch.inference_mode():
        assert model.module(*model.inputs[0])[0].shape == (2, 128, 16)


def test_why_a_tokenizer_could_not_be_used_is_reported_in_its_own_words(folder: Path) -> None:
    (folder / "tokenizer.json").write_text("{")
    (fact,) = models.open_model(str(folder)).circumstances
    assert isinstance(fact, RandomTokens)
    with pytest.raises(Exception) as raised:  # noqa: PT011  # whatever the library makes of the file
        transformers.AutoTokenizer.from_pretrained(folder)
    assert fact.reason == f"{type(raised.value).__name__}: {str(raised.value).splitlines()[0]}"


def test_a_tokenizer_that_knows_no_word_is_not_used(folder: Path) -> None:
    (fact,) = models.open_model(str(folder)).circumstances
    assert isinstance(fact, RandomTokens)
    assert "its files are missing: it distinguishes only 3 tokens in a whole passage" in fact.reason


def test_inputs_calibration_and_probes_share_no_text(folder: Path) -> None:
    model = models.open_model(str(folder))
    seen = [one[0].numpy().tobytes() for one in (*model.inputs, *model.calibration, *model.probes)]
    assert len(set(seen)) == len(seen)
    assert len(model.probes) >= 64


def test_weights_that_are_cut_short_are_not_replaced_by_seeded_ones(folder: Path) -> None:
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(BadInput, match=r"the weights in .* cannot be read"):
        models.open_model(str(folder))


def test_a_folder_without_a_configuration_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(BadInput, match=r"config\.json|no folder|there is no"):
        models.check_source(f"{tmp_path}/empty")


def test_windows_of_text_differ_and_have_the_length_asked_for() -> None:
    found = texts.windows(20, length=12)
    assert len(set(found)) == 20
    assert {len(text.split()) for text in found} == {12}
    assert texts.windows(3, length=12, first=2)[0] == found[2]
