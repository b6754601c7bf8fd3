"""OpenVINO on the CPU: float, bfloat16, static int8 by NNCF, and int8 weights, with the latency hint."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from ironlaw.engine import Export
from ironlaw.engines.border.applicable import refuse_idle, refuse_precision
from ironlaw.engines.border.change import Changed
from ironlaw.engines.border.constant_pages import float_pages
from ironlaw.engines.border.failures import explained, quiet
from ironlaw.engines.border.phases import Phases
from ironlaw.engines.onnxruntime import files as onnx_files
from ironlaw.engines.openvino import aliasing, decoding, properties, quantizing, surgery
from ironlaw.engines.openvino import census as openvino_census
from ironlaw.engines.openvino import profile as openvino_profile
from ironlaw.engines.openvino.model import SourceModel, core, number_by_type
from ironlaw.engines.openvino.replay import OpenVinoReplayer
from ironlaw.errors import ArmFailed
from ironlaw.factors import FACTORS
from ironlaw.factors.weights import memory_of
from ironlaw.layer import NodeProfile
from ironlaw.missing import Maybe, Missing
from ironlaw.models import LoadedModel, inputs, shapes, torch_use
from ironlaw.models.decoder_graph import DecoderGraph, in_a_phase, read_decoder
from ironlaw.models.model_file import ModelFile
from ironlaw.phase import Phase
from ironlaw.program import FAULTY, OperatorCensus, PreparedModel, Program
from ironlaw.replayer import Replayer
from ironlaw.variant import GIVEN, PHASE, PRECISION, Variant

BOUNDARY = (
    "infer() of one request with input arrays in memory (shared, not copied) until its output arrays are copied out"
)
# By hint: what the plugin calls the capability, and the number format.
_FORMATS = {"f32": ("FP32", "float32"), "bf16": ("BF16", "bfloat16"), "f16": ("FP16", "float16")}
_WEIGHTS = "weights"
_MODEL, _FLOAT, _PLACES = "prepared.xml", "float.xml", "places.json"


def prepare(variant: Variant, model: LoadedModel, folder: Path, *, threads: int = 1) -> PreparedModel:
    """Convert the model, quantize it if asked, and save it in OpenVINO's own format.

    Raises:
        ArmFailed: the model cannot be converted or quantized; names the operator.
    """
    import openvino

    precision = variant.level(PRECISION)
    refuse_precision(variant)
    refuse_idle(variant)
    folder.mkdir(parents=True, exist_ok=True)
    phases, path = Phases(), folder / _MODEL
    places, graph = _places(model), _decoder(model)
    phase = in_a_phase(variant.level(PHASE), graph)
    if phase is not None and surgery.is_operating(variant):
        raise ArmFailed("operators of a decoder cannot be left in float in OpenVINO", hint="run it in ONNX Runtime")
    with quiet(), explained("openvino"):
        with phases.timed("export"):
            converted = _converted(model, precision)
        if graph is not None:
            decoding.keep_state(converted, graph)
            decoding.refuse_empty_state(converted)
        by_surgery, floats = variant, tuple[str, ...]()
        if precision == "int8":
            openvino.save_model(converted, str(folder / _FLOAT), compress_to_fp16=False)
            floats = surgery.named(converted, variant)
            converted = _quantized(converted, variant, model, floats, phases)
            by_surgery = variant.with_level(surgery.BY_NAME, FACTORS[surgery.BY_NAME].plain)
        if precision == "int8-weights":
            converted = quantizing.compressed(converted, phases)
        changed = _changed(by_surgery, converted, places, model, threads, phases)
        if floats:
            changed.done[surgery.BY_NAME] = f"{len(floats)} nodes in NNCF's ignored scope"
        openvino.save_model(converted, str(path), compress_to_fp16=False)
        with phases.timed("compile"):
            compiled = _compile(variant, path, threads)
        if phase is not None:
            decoding.StatefulDecoding(compiled, phase).feed(*model.inputs[0])
        _refuse_fixed_shape(compiled, places, model, precision)
    (folder / _PLACES).write_text(json.dumps(places))
    return PreparedModel(
        path=str(path),
        size_bytes=path.stat().st_size + path.with_suffix(".bin").stat().st_size,
        phases_ns=phases.ns,
        weights=model.weights,
        notes=changed.notes,
        applied=changed.done,
    )


def _decoder(model: LoadedModel) -> DecoderGraph | None:
    """What a file takes that generates text; None for other models."""
    graph = read_decoder(model.module.path) if isinstance(model.module, ModelFile) else None
    return None if isinstance(graph, Missing) else graph


def _changed(
    variant: Variant, converted: Any, places: list[int], model: LoadedModel, threads: int, phases: Phases
) -> Changed:
    """Change the model by surgery if the variant requires it; surgery runs it on the model's inputs."""
    if not surgery.is_operating(variant):
        return Changed()
    runs = [[inputs.as_array(arguments[place]) for place in places] for arguments in model.inputs]
    with phases.timed("change"):
        return surgery.operate(variant, converted, runs, lambda one: _compile(variant, one, threads))


def _places(model: LoadedModel) -> list[int]:
    """Which arguments are inputs of the converted model."""
    if isinstance(model.module, ModelFile):
        return list(range(len(model.module.input_names)))
    return onnx_files.tensor_places(model.inputs[0])


def _converted(model: LoadedModel, precision: str) -> Any:
    import openvino

    if isinstance(model.module, ModelFile):
        return core().read_model(model.module.path)
    if precision == GIVEN:
        raise ArmFailed(f"{model.name} is not an .onnx file", hint="write fp32@openvino to convert it")
    torch_use.require_module(model.module, model.name)
    import torch

    module = model.form.eval()
    with torch.no_grad():
        if any(isinstance(part, torch.nn.RNNBase) for part in module.modules()):
            # Exporting unrolls a recurrent layer into its time steps; traced, it becomes one operator of OpenVINO's.
            converted = openvino.convert_model(module, example_input=tuple(_tensors(model, model.inputs[0])))
        else:
            arguments = shapes.example(model)
            open_sizes = shapes.dynamic_shapes(module, arguments, model)
            converted = openvino.convert_model(torch.export.export(module, arguments, dynamic_shapes=open_sizes))
    number_by_type(converted)
    return _in_fixed_shapes(converted, model)


def _refuse_fixed_shape(compiled: Any, places: list[int], model: LoadedModel, precision: str) -> None:
    """Compare a converted float model with its module; int8 models start from one that was compared."""
    if isinstance(model.module, ModelFile) or precision.startswith("int8"):
        return
    import torch

    request = compiled.create_infer_request()

    def infer(*arguments: Any) -> Any:
        return request.infer([inputs.as_array(arguments[place]) for place in places]).to_tuple()

    with torch.no_grad():
        shapes.refuse_fixed_shape(infer, model.form, model.inputs)


def _tensors(model: LoadedModel, arguments: tuple[Any, ...]) -> list[Any]:
    return [arguments[place] for place in _places(model)]


def _in_fixed_shapes(converted: Any, model: LoadedModel) -> Any:
    """The converted model with the shape of the inputs fixed, if all inputs have the same.

    OpenVINO's converter leaves every size open, with which its CPU plugin fuses and prepares less: int8 MobileNetV2
    took 4 to 5 % longer than with fixed shapes (Zen 4, one thread).
    """
    forms = {
        tuple(tuple(tensor.shape) for tensor in _tensors(model, arguments))
        for arguments in (*model.inputs, *model.calibration, *model.probes)
    }
    if len(forms) == 1:
        converted.reshape(dict(enumerate(forms.pop())))
    return converted


def _quantized(converted: Any, variant: Variant, model: LoadedModel, floats: tuple[str, ...], phases: Phases) -> Any:
    """The model in int8 by NNCF, calibrated on the model's inputs for that."""
    places = _places(model)

    def arrays(some: list[tuple[Any, ...]]) -> list[list[Any]]:
        return [[inputs.as_array(arguments[place]) for place in places] for arguments in some]

    return quantizing.quantized(
        converted, variant, arrays(model.calibration), phases, floats=floats, compared=arrays(model.to_choose_by)
    )


def _compile(variant: Variant, source: Any, threads: int, *, is_profiled: bool = False) -> Any:
    """The compiled model of a file or of a model in memory, on the CPUs the process may use."""
    device = core()
    asked = properties.hint(variant)
    capability, said = _FORMATS[asked]
    if capability not in device.get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
        raise ArmFailed(f"this CPU does not compute in {said}", hint=f"leave the {asked} arm out")
    options = properties.properties(variant, threads, is_profiled=is_profiled)
    return device.compile_model(str(source) if isinstance(source, Path) else source, "CPU", options)


def load(variant: Variant, prepared: PreparedModel, model: LoadedModel, *, threads: int = 1) -> Program:
    """Load the saved model as one inference request, called with the model's tensors as arrays."""
    refuse_idle(variant)
    path, weights = Path(prepared.path), variant.level(_WEIGHTS)
    is_moving = weights != FACTORS[_WEIGHTS].plain
    before = float_pages() if is_moving else {}
    with explained("loading"):
        loaded = _compile(variant, path, threads)
        request = loaded.create_infer_request()
    places: list[int] = json.loads(path.with_name(_PLACES).read_text())
    run, phase = request.infer, Phase.read(variant.level(PHASE))
    sequence = None if isinstance(phase, Missing) else decoding.StatefulDecoding(loaded, phase, request)

    def feed(*arguments: Any) -> tuple[Any, ...]:
        if sequence is not None:
            return sequence.feed(*arguments)
        return ([inputs.as_array(arguments[place]) for place in places],)

    def infer(arrays: list[Any]) -> Any:
        return run(arrays, share_inputs=True).to_tuple()

    feed(*model.inputs[0])  # fills the state
    first = feed(*model.inputs[0])[0] if sequence is None else sequence.without_state(*model.inputs[0])

    def compile_for(other: Variant) -> Any:
        return _compile(other, path, threads)

    with explained("loading"):
        did = properties.in_effect(variant, loaded, compile_for, first)
        if is_moving:
            answers = _answers(request, sequence, feed, model)
            did[_WEIGHTS] = aliasing.remap(_read(path), before, answers, memory=memory_of(weights))

    def executed() -> OperatorCensus:
        found = openvino_census.census(
            loaded, _read(path), lambda: properties.quantizes_activations(variant, loaded, compile_for, first)
        )
        rank = len(loaded.inputs[0].get_partial_shape())
        counts = {**found.counts, "threads": float(threads), "input_rank": float(rank)}
        nodes = {**found.nodes}
        if counts["int8_operators"] and sequence is None:
            if properties.is_unfaithful(variant, loaded, compile_for, first):
                nodes[FAULTY] = openvino_census.faulty(loaded, _read(path))
            counts[FAULTY] = float(len(nodes.get(FAULTY, ())))
        return replace(found, counts=counts, nodes=nodes)

    program = Program(
        infer=infer,
        feed=feed,
        inputs=model.inputs,
        boundary=BOUNDARY,
        profile=lambda runs: _profiled(_compile(variant, path, threads, is_profiled=True), path, runs, feed, phase),
        census=executed,
        applied={**prepared.applied, **did},
    )
    if sequence is None:
        return program
    return replace(
        program,
        before_each=[sequence.rewind],
        answers=sequence.scores,
        text=lambda: sequence.losses(model.inputs[0][0]),
        work=lambda: decoding.work(_read(path), sequence, threads),
        applied={**program.applied, PHASE: f"{sequence.phase}, {threads} threads"},
        boundary=decoding.BOUNDARY[sequence.phase.kind],
    )


def _answers(
    request: Any, sequence: decoding.StatefulDecoding | None, feed: Callable[..., tuple[Any, ...]], model: LoadedModel
) -> aliasing.Answers:
    """What a request answers to an input of the model's, by number; a decoder begins from its state each time."""

    def answers(number: int) -> Any:
        fed = feed(*model.inputs[number])
        if sequence is not None:
            sequence.rewind()
        return request.infer(*fed, share_inputs=True).to_tuple()

    return answers


def _profiled(
    compiled: Any,
    path: Path,
    runs: list[tuple[Any, ...]],
    feed: Callable[..., tuple[Any, ...]],
    phase: Maybe[Phase],
) -> NodeProfile:
    """The times of the nodes of `compiled`, which was made from the model at `path` with counters, in `runs`."""
    request = openvino_profile.CountedRequest(compiled.create_infer_request())
    sequence = None if isinstance(phase, Missing) else decoding.StatefulDecoding(compiled, phase, request)

    def ready(*arguments: Any) -> tuple[Any, ...]:
        if sequence is None:
            return feed(*arguments)
        fed = sequence.feed(*arguments)
        sequence.rewind()
        return fed

    return openvino_profile.profile(compiled, SourceModel.of(_read(path)), ready, request, runs)


def _read(path: Path) -> Any:
    return core().read_model(str(path))


def export(variant: Variant, prepared: Path) -> Export:
    """Export OpenVINO's own format: the graph and its weights."""
    path = Path(_MODEL)
    places: list[int] = json.loads((prepared / _PLACES).read_text())
    made = {"INFERENCE_PRECISION_HINT": properties.hint(variant), **properties.switches(variant)}
    return Export(
        files=(path.name, path.with_suffix(".bin").name), values={"properties": list(made.items()), "places": places}
    )


def replayer(variant: Variant, prepared: PreparedModel, model: LoadedModel, *, threads: int = 1) -> Replayer:
    """The layers of a static int8 arm that read what NNCF quantized.

    Raises:
        ArmFailed: the arm is none, or NNCF rebuilt its model.
    """
    path = Path(prepared.path)
    if variant.level(PRECISION) != "int8":
        raise ArmFailed("only static int8 by NNCF can be replayed", hint="int8@openvino")
    places: list[int] = json.loads(path.with_name(_PLACES).read_text())
    with quiet(), explained("replay"):
        return OpenVinoReplayer(path.with_name(_FLOAT), path, places, lambda part: _compile(variant, part, threads))
