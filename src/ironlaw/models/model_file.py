"""A model in a file that engines run as it is (.onnx, OpenVINO's .xml), float or already quantized."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

from ironlaw.circumstance import Circumstance, GivenExamples, RandomNumbers
from ironlaw.errors import BadInput
from ironlaw.models import LoadedModel, decoder_graph, given_arrays, inputs
from ironlaw.models.graph_inputs import GraphInput, read_inputs
from ironlaw.models.graph_vocabulary import rows_of_tables
from ironlaw.models.images import Preprocessing
from ironlaw.models.weights import Provenance
from ironlaw.phase import ONE_SEQUENCE

if TYPE_CHECKING:
    import numpy

_OPEN = 128  # the size of a dimension that is open, but for the first, which is the batch


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFile:
    """A file and the names of its inputs."""

    path: str
    input_names: tuple[str, ...]


def open_file(
    source: str,
    *,
    images: str | None,
    batch: int,
    seed: int,
    keywords: Mapping[str, object] | None = None,
    given: str | None = None,
) -> LoadedModel:
    """The model in a file, with photographs where it takes one image, else with seeded random inputs.

    `keywords` are sizes of open dimensions, by the names that the file gives them; `given` is a file with the inputs.

    Raises:
        BadInput: the file is damaged or no model.
    """
    graph_inputs = [_sized(one, _sizes(source, keywords or {})) for one in read_inputs(source)]
    if decoder_graph.is_decoder(source):
        return _open_decoder(source, batch=batch, seed=seed, given=given)
    _check_batch(source, graph_inputs, batch)
    how = _as_image(graph_inputs)
    if given is not None:
        turns = given_arrays.read(given, graph_inputs)
        examples = inputs.from_given(turns, (GivenExamples(count=len(turns)),))
    elif how is not None:
        examples = inputs.from_photos(images, how, batch=graph_inputs[0].shape[0] or batch, seed=seed)
    else:
        rows = _rows(source)
        turns = [_random(graph_inputs, rows, batch, seed + number) for number in range(64)]
        calibration = [_random(graph_inputs, rows, batch, seed + 64 + number) for number in range(24)]
        circumstances: tuple[Circumstance, ...] = (RandomNumbers(source=source),)
        examples = inputs.Examples(turns=turns, calibration=calibration, probes=turns, circumstances=circumstances)
    module = ModelFile(path=str(Path(source).resolve()), input_names=tuple(one.name for one in graph_inputs))
    return LoadedModel.fed(source, module, Provenance(text="as in the file"), examples)


def _open_decoder(source: str, *, batch: int, seed: int, given: str | None) -> LoadedModel:
    """A graph that generates text: its inputs are tokens alone, since the engine makes the rest for the phase."""
    if batch > 1:
        raise BadInput(f"{source} is measured for one sequence at a time, not {batch}", hint=ONE_SEQUENCE)
    if given is not None:
        raise BadInput(f"{source} generates text, of tokens that are the same for every arm", hint="leave --inputs out")
    vocabulary = _rows(source).get(decoder_graph.TOKENS)
    if vocabulary is None:
        raise BadInput(f"{source} does not show how many tokens it knows", hint=_EMBEDDING)
    module = ModelFile(path=str(Path(source).resolve()), input_names=(decoder_graph.TOKENS,))
    examples = decoder_graph.examples(source, vocabulary, seed)
    return LoadedModel.fed(source, module, Provenance(text="as in the file"), examples)


_EMBEDDING = "export it with the table of its tokens inside the graph"


def _sizes(source: str, keywords: Mapping[str, object]) -> dict[str, int]:
    for name, size in keywords.items():
        if isinstance(size, bool) or not isinstance(size, int) or size < 1:
            raise BadInput(f"{source}: {name}={size} is no size", hint=f"a whole number above 0: {name}=128")
    return {name: size for name, size in keywords.items() if isinstance(size, int)}


def _sized(one: GraphInput, sizes: Mapping[str, int]) -> GraphInput:
    """An input whose open dimensions have the sizes given for them."""
    shape = tuple(
        sizes.get(one.open_names.get(place, ""), size) if place else size for place, size in enumerate(one.shape)
    )
    return replace(one, shape=shape)


def _check_batch(source: str, graph_inputs: list[GraphInput], batch: int) -> None:
    """A graph with a fixed batch runs at that batch only."""
    fixed = graph_inputs[0].shape[0] if graph_inputs[0].shape else None
    if batch > 1 and fixed is not None and fixed != batch:
        raise BadInput(
            f"{source} takes a fixed batch of {fixed}, not {batch}",
            hint="leave the batch out (--batch, --vary batch), or export it with a dynamic first dimension",
        )


def _as_image(graph_inputs: list[GraphInput]) -> Preprocessing | None:
    """The preprocessing of a graph whose only input is a batch of square RGB images, channels first."""
    if len(graph_inputs) != 1 or graph_inputs[0].dtype != "float32" or len(graph_inputs[0].shape) != 4:
        return None
    _, channels, height, width = graph_inputs[0].shape
    if channels != 3 or (height is not None and height != width):
        return None
    side = height or 224
    return Preprocessing(crop=side, resize=round(side * 256 / 224))


def _rows(source: str) -> Mapping[str, int]:
    """By input the rows of the table that it looks up; none where the file does not show them."""
    try:
        return rows_of_tables(source)
    except (OSError, ValueError, LookupError, ElementTree.ParseError):
        return {}


def _random(graph_inputs: list[GraphInput], rows: Mapping[str, int], batch: int, seed: int) -> tuple[Any, ...]:
    """One array per input. Dimensions without a size: the first is the batch, the others have one size."""
    import numpy

    draw = numpy.random.default_rng(seed)
    return tuple(_filled(one, rows.get(one.name), batch, draw) for one in graph_inputs)


def _filled(one: GraphInput, rows: int | None, batch: int, draw: numpy.random.Generator) -> Any:
    """Whole numbers that a table has rows for; where there is none, masks of ones and numbers that are small."""
    import numpy

    shape = [size or (_OPEN if place else batch) for place, size in enumerate(one.shape)]
    kind, words = numpy.dtype(one.dtype), one.name.lower()
    if kind.kind == "b":
        return numpy.ones(shape, dtype=kind)
    if kind.kind in "iu" and (kind.itemsize >= 4 or rows is not None):
        if "position" in words and shape:
            return numpy.broadcast_to(numpy.arange(shape[-1]) % (rows or shape[-1]), shape).astype(kind)
        if rows is None and "mask" in words:
            return numpy.ones(shape, dtype=kind)
        # Types of tokens have few values.
        top = rows or (2 if "type" in words or "segment" in words else 1000)
        return draw.integers(0, top, shape).astype(kind)
    if kind.kind == "f":
        return draw.standard_normal(shape).astype(kind)
    raise BadInput(
        f"the input {one.name} holds {one.dtype}",
        hint="give its values: --inputs FILE.npz, arrays by the inputs' names",
    )
