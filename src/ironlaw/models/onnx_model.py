"""A model in an .onnx file, float or already quantized, run as it is."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ironlaw.concern import Concern, Weight
from ironlaw.errors import ArmFailed, BadInput
from ironlaw.models import LoadedModel, inputs
from ironlaw.models.images import Preprocessing
from ironlaw.models.weights import Whence, first_line


@dataclass(slots=True, kw_only=True)
class OnnxModel:
    """A file and the names of its inputs. Called, it runs by ONNX Runtime, with as many threads as torch was given."""

    path: str
    input_names: tuple[str, ...]
    _session: Any = field(default=None, repr=False)

    def __call__(self, *arguments: Any) -> Any:
        """The outputs, as arrays."""
        if self._session is None:
            self._session = open_session(self.path)
        return self._session.run(None, {n: a.numpy() for n, a in zip(self.input_names, arguments, strict=True)})

    def __reduce__(self) -> Any:
        """Sessions cannot be pickled: another process opens its own."""
        return _restored, (self.path, self.input_names)


def _restored(path: str, input_names: tuple[str, ...]) -> OnnxModel:
    return OnnxModel(path=path, input_names=input_names)


def open_session(path: str) -> Any:
    """A session with ONNX Runtime's defaults, but for the number of threads."""
    import onnxruntime
    import torch

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # errors only
    options.intra_op_num_threads = torch.get_num_threads()
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def open_onnx(source: str, *, images: str | None, batch: int, seed: int) -> LoadedModel:
    """The model in a file, with photographs where it takes one image, else with seeded random inputs.

    Raises:
        ArmFailed: ONNX Runtime is not installed.
        BadInput: the file is damaged or no ONNX model.
    """
    graph_inputs = _read_inputs(source)
    _check_batch(source, graph_inputs, batch)
    how = _as_image(graph_inputs)
    if how is not None:
        fixed = graph_inputs[0].shape[0]
        wide = fixed if isinstance(fixed, int) else batch
        examples = inputs.from_photos(images, how, batch=wide, seed=seed)
    else:
        turns = [_random(graph_inputs, batch, seed + number) for number in range(64)]
        calibration = [_random(graph_inputs, batch, seed + 64 + number) for number in range(24)]
        concerns = (random_inputs(source),)
        examples = inputs.Examples(turns=turns, calibration=calibration, probes=turns, concerns=concerns)
    module = OnnxModel(path=str(Path(source).resolve()), input_names=tuple(one.name for one in graph_inputs))
    return LoadedModel.fed(source, module, Whence(text="as in the file"), examples)


def _check_batch(source: str, graph_inputs: list[Any], batch: int) -> None:
    """A graph with a fixed batch runs at that batch only."""
    fixed = graph_inputs[0].shape[0] if graph_inputs and graph_inputs[0].shape else None
    if batch > 1 and isinstance(fixed, int) and fixed != batch:
        raise BadInput(
            f"{source} takes a fixed batch of {fixed}, not {batch}",
            hint="leave --batch out, or export it with a dynamic first dimension",
        )


def random_inputs(name: str) -> Concern:
    """The doubt that made-up inputs cast."""
    return Concern(
        slug="random-inputs",
        text=f"{name} is run on seeded random numbers: calibration and agreement say little about real inputs",
        fix="write a file.py:factory that returns (model, [(inputs), ...]) with real ones",
        weight=Weight.NOTES,
    )


def _read_inputs(source: str) -> list[Any]:
    try:
        session = open_session(source)
    except ImportError:
        raise ArmFailed("onnxruntime is not installed", hint="pip install 'ironlaw[onnxruntime]'") from None
    except Exception as error:  # noqa: BLE001  # the border to the engine: each of its errors is a type of its own
        raise BadInput(
            f"{source} cannot be loaded: {first_line(error)}",
            hint="check it with onnx.checker, or export it again",
        ) from None
    return list(session.get_inputs())


def _as_image(graph_inputs: list[Any]) -> Preprocessing | None:
    """The preprocessing of a graph whose only input is a batch of square RGB images, channels first."""
    if len(graph_inputs) != 1 or graph_inputs[0].type != "tensor(float)" or len(graph_inputs[0].shape) != 4:
        return None
    _, channels, height, width = graph_inputs[0].shape
    if channels != 3 or (isinstance(height, int) and height != width):
        return None
    side = height if isinstance(height, int) else 224
    return Preprocessing(crop=side, resize=round(side * 256 / 224))


def _random(graph_inputs: list[Any], batch: int, seed: int) -> tuple[Any, ...]:
    """One tensor per input. Dimensions without a length: the first is the batch, others are 128."""
    import torch

    chance = torch.Generator().manual_seed(seed)
    made = []
    for one in graph_inputs:
        free = [batch, *[128] * 8]
        shape = [length if isinstance(length, int) else free[place] for place, length in enumerate(one.shape)]
        made.append(_filled(one.name, one.type, shape, chance))
    return tuple(made)


def _filled(name: str, kind: str, shape: list[int], chance: Any) -> Any:
    import torch

    if kind in ("tensor(int64)", "tensor(int32)"):
        # Masks are 0 or 1 and mostly 1; token numbers start at 0 in every vocabulary, types of tokens have few values.
        words = name.lower()
        top = 2 if "type" in words or "segment" in words else 1000
        whole = torch.ones(shape) if "mask" in words else torch.randint(0, top, shape, generator=chance)
        return whole.to(torch.int64 if kind == "tensor(int64)" else torch.int32)
    if kind == "tensor(float)":
        return torch.randn(shape, generator=chance)
    raise BadInput(f"the input {name} is a {kind}", hint="write a file.py:factory that returns (model, its inputs)")
