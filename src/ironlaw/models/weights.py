"""Weights: trained ones from the cache or the network, else seeded random ones with activations of reasonable size."""

from __future__ import annotations

import math
import re
import socket
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

from ironlaw.circumstance import Circumstance, UntrainedWeights
from ironlaw.errors import BadInput
from ironlaw.missing import Maybe, Missing

CACHE = "torch's cache"  # of checkpoints
_AT_ONCE = 8  # inputs that statistics are taken of at a time
ANSWER_WITHIN_S = 3.0  # a server that says nothing for so long counts as unreachable


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """Where a model's weights came from, and whether that puts outputs in doubt."""

    text: str
    circumstances: tuple[Circumstance, ...] = ()

    @classmethod
    def of(cls, published: str, *, refused: str | None, cache: str, seed: int) -> Provenance:
        """The published ones; seeded ones where those were `refused`, and why.

        `cache` is where the published ones would be found without a network; empty if there are none to be found.
        """
        if refused is None:
            return cls(text=f"trained, {published}")
        return cls(text=f"untrained, seed {seed}", circumstances=(UntrainedWeights(reason=refused, cache=cache),))


def trained(url: str) -> Maybe[dict[str, Any]]:
    """The state_dict of a published checkpoint, from torch's cache or downloaded into it; never executes the file.

    Raises:
        BadInput: the cached file is damaged.
    """
    import torch

    name = Path(urlparse(url).path).name
    cached = Path(torch.hub.get_dir()) / "checkpoints" / name
    if not cached.exists():
        refused = unreachable(url)
        if refused is not None:
            return Missing(refused)
        failed = _download(url, cached)
        if failed is not None:
            return Missing(failed)
    return read_checkpoint(cached)


def read_checkpoint(path: Path) -> dict[str, Any]:
    """The state_dict in a file; only tensors and plain containers are unpickled.

    Raises:
        BadInput: the file is cut short, damaged, or holds something else.
    """
    import pickle

    import torch

    try:
        loaded = torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, OSError, EOFError, ValueError, KeyError, pickle.UnpicklingError) as error:
        raise BadInput(
            f"the checkpoint {path} is damaged: {first_line(error)}",
            hint="delete it; it is downloaded again, or seeded weights are used",
        ) from None
    if not isinstance(loaded, dict):
        raise BadInput(
            f"the checkpoint {path} holds a {type(loaded).__name__}, not a state_dict",
            hint="save it with torch.save(module.state_dict(), path)",
        )
    return loaded


def unreachable(url: str) -> str | None:
    """Why the server of an address cannot be reached, within ANSWER_WITHIN_S; None when it answers."""
    import urllib.error
    import urllib.request

    said: list[str | None] = []

    def ask() -> None:
        request = urllib.request.Request(url, method="HEAD")  # fixed https addresses
        try:
            with urllib.request.urlopen(request, timeout=ANSWER_WITHIN_S):
                said.append(None)
        except urllib.error.HTTPError as error:
            said.append(f"{urlparse(url).hostname} answered {error.code}")
        except (OSError, ValueError) as error:
            said.append(f"{urlparse(url).hostname} cannot be reached: {getattr(error, 'reason', error)}")

    # Name resolution obeys no timeout, so the question is asked from a thread that may be left behind.
    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    asking.join(ANSWER_WITHIN_S)
    return said[0] if said else f"{urlparse(url).hostname} did not answer within {ANSWER_WITHIN_S:g} s"


def _download(url: str, to: Path) -> str | None:
    """Fetch a file whose name holds the start of its SHA-256; the reason when that failed."""
    import torch

    digest = re.search(r"-([0-9a-f]{8,})\.", to.name)
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(10 * ANSWER_WITHIN_S)
    try:
        to.parent.mkdir(parents=True, exist_ok=True)
        torch.hub.download_url_to_file(url, str(to), digest.group(1) if digest else None, progress=False)
    except (OSError, RuntimeError) as error:
        return f"downloading {url} failed: {first_line(error)}"
    finally:
        socket.setdefaulttimeout(before)
    return None


def settle_statistics(module: Any, batch: Any) -> bool:
    """Set every BatchNorm's running statistics to those of a batch, so that activations keep their size.

    A seeded network with its initial statistics (mean 0, variance 1) lets activations grow or die layer by
    layer, until int8 has nothing to represent. The batch is taken in pieces, whose statistics are averaged: of all
    calibration images at once, the activations of a MobileNetV2 take 0.4 GB. Returns whether there was any BatchNorm.
    """
    import torch

    norms = [part for part in module.modules() if isinstance(part, torch.nn.modules.batchnorm._BatchNorm)]
    norms = [norm for norm in norms if norm.track_running_stats]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # cumulative average over the pieces
        norm.train()
    pieces = math.ceil(len(batch[0]) / _AT_ONCE)
    with torch.no_grad():
        for piece in zip(*(torch.tensor_split(part, pieces) for part in batch), strict=True):
            module(*piece)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
        norm.eval()
    return bool(norms)


def first_line(error: BaseException) -> str:
    """The first line of an exception's message; its type if the message is empty."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__
