"""The hub is not asked where it cannot be reached."""

from __future__ import annotations

import pytest

from ironlaw.models import hub

pytest.importorskip("huggingface_hub")


@pytest.fixture
def _online_when_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    """As it is in a twin: huggingface_hub was imported, with a library that uses it, before the model is opened."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")


@pytest.mark.usefixtures("_online_when_imported")
def test_a_hub_library_that_is_imported_already_is_set_offline(monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(hub, "unreachable", lambda url: "no network in tests")
    assert hub.offline() == "no network in tests"
    assert constants.is_offline_mode()


@pytest.mark.usefixtures("_online_when_imported")
def test_a_hub_that_answers_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(hub, "unreachable", lambda url: None)
    assert hub.offline() is None
    assert not constants.is_offline_mode()
