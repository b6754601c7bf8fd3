"""Weights: trained where available, seeded with sane activations otherwise."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
import torch

from ironlaw.errors import BadInput
from ironlaw.missing import Missing
from ironlaw.models import weights


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    checkpoints = tmp_path / "hub" / "checkpoints"
    checkpoints.mkdir(parents=True)
    return checkpoints


URL = "https://weights.invalid/net-0123abcd.pth"  # .invalid never resolves (RFC 2606)


def test_a_cached_checkpoint_needs_no_network(cache: Path) -> None:
    torch.save({"weight": torch.ones(2)}, cache / "net-0123abcd.pth")
    state = weights.trained(URL)
    assert not isinstance(state, Missing)
    assert state["weight"].tolist() == [1.0, 1.0]


def test_an_unreachable_server_is_a_gap_with_its_reason(cache: Path) -> None:
    state = weights.trained(URL)
    assert isinstance(state, Missing)
    assert "weights.invalid" in state.reason
    assert not list(cache.iterdir())


def test_a_silent_server_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    silent = threading.Event()

    def never(*_: object, **__: object) -> None:
        silent.wait()
        raise OSError("too late")

    monkeypatch.setattr(weights, "ANSWER_WITHIN_S", 0.01)
    monkeypatch.setattr("urllib.request.urlopen", never)
    reason = weights.unreachable(URL)
    silent.set()
    assert reason == "weights.invalid did not answer within 0.01 s"


def test_a_truncated_checkpoint_is_named(cache: Path) -> None:
    path = cache / "net-0123abcd.pth"
    torch.save({"weight": torch.ones(1000)}, path)
    path.write_bytes(path.read_bytes()[:1500])
    with pytest.raises(BadInput, match=r"net-0123abcd\.pth is damaged") as raised:
        weights.trained(URL)
    assert "delete it" in raised.value.hint


class Bomb:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (pytest.fail, ("a checkpoint was executed",))


def test_code_in_a_checkpoint_is_not_run(cache: Path) -> None:
    torch.save({"weight": Bomb()}, cache / "net-0123abcd.pth")
    with pytest.raises(BadInput, match="damaged"):
        weights.trained(URL)


def test_a_checkpoint_of_something_else_is_reported(cache: Path) -> None:
    torch.save(torch.ones(2), cache / "net-0123abcd.pth")
    with pytest.raises(BadInput, match="holds a Tensor, not a state_dict"):
        weights.trained(URL)


def test_settled_statistics_are_those_of_the_batch_and_keep_activations_in_size() -> None:
    torch.manual_seed(0)
    net: Any = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4)).eval()
    torch.nn.init.constant_(net[0].weight, 50.0)
    batch = torch.rand(8, 3, 9, 9)
    assert weights.settle_statistics(net, (batch,))
    before_norm = net[0](batch)
    torch.testing.assert_close(net[1].running_mean, before_norm.mean((0, 2, 3)))
    answer = net(batch)
    assert 0.99 < answer.std().item() < 1.01
    assert not any(part.training for part in net.modules())
    assert net[1].momentum == 0.1


def test_without_batch_norm_nothing_is_settled() -> None:
    assert not weights.settle_statistics(torch.nn.Linear(2, 2), (torch.ones(1, 2),))
