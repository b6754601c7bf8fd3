"""ONNX Runtime: float, static int8 (QDQ or QOperator) and dynamic int8, on its CPU provider."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from ironlaw.engine import Export
from ironlaw.engines.border.applicable import refuse_idle, refuse_precision
from ironlaw.engines.border.change import Changed
from ironlaw.engines.border.failures import explained, innermost, quiet
from ironlaw.engines.border.phases import Phases
from ironlaw.engines.onnxruntime import capping, decoding, surgery
from ironlaw.engines.onnxruntime import census as onnx_census
from ironlaw.engines.onnxruntime import files as onnx_files
from ironlaw.engines.onnxruntime import profile as onnx_profile
from ironlaw.engines.onnxruntime.files import Int8
from ironlaw.engines.onnxruntime.mapped import open_mapped
from ironlaw.engines.onnxruntime.replay import REQUANTIZING, OnnxReplayer
from ironlaw.errors import ArmFailed, BadInput
from ironlaw.factors import FACTORS
from ironlaw.factors.weights import memory_of
from ironlaw.layer import NodeProfile
from ironlaw.missing import Missing
from ironlaw.models import LoadedModel, shapes, torch_use
from ironlaw.models.decoder_graph import in_a_phase, read_decoder
from ironlaw.models.model_file import ModelFile
from ironlaw.phase import Phase
from ironlaw.program import OperatorCensus, PreparedModel, Program
from ironlaw.replayer import Replayer
from ironlaw.variant import GIVEN, PHASE, PRECISION, Variant

BOUNDARY = "session.run with input arrays in memory until the output arrays are in memory; no input or output binding"
_FLOAT, _FINAL = "float.onnx", "prepared.onnx"
WEIGHTS, ISA = "weights", "isa"
_BY_TOOLS = ("int8", "int8-dynamic")  # precisions for which the tools leave nodes in float
_CHECKED_IN = "prefill:16"  # what surgery on a decoder compares outputs in, whatever phase its arm is measured in
# The levels of session.optimization as GraphOptimizationLevel calls them.
_OPTIMIZATION = {
    "all": "ORT_ENABLE_ALL",
    "extended": "ORT_ENABLE_EXTENDED",
    "basic": "ORT_ENABLE_BASIC",
    "none": "ORT_DISABLE_ALL",
}


def prepare(variant: Variant, model: LoadedModel, folder: Path, *, threads: int = 1) -> PreparedModel:
    """Export the model (or take its file), quantize it if asked, and check that ONNX Runtime loads it.

    Raises:
        ArmFailed: the model cannot be exported, quantized or loaded; names the operator.
    """
    precision, how = variant.level(PRECISION), _how(variant)
    refuse_precision(variant)
    refuse_idle(variant)
    folder.mkdir(parents=True, exist_ok=True)
    phases, notes, applied = Phases(), list[str](), dict[str, str]()
    float_file, final = folder / _FLOAT, folder / _FINAL
    _take(model, precision, float_file, phases)
    generating = in_a_phase(variant.level(PHASE), decoding.kept(float_file))
    if precision.startswith("int8"):
        onnx_files.refuse_quantized(float_file)
    if precision == "int8":
        corrected = onnx_files.quantize(float_file, final, how, model.calibration, phases)
        if how.biases_corrected:
            applied["quantization.bias-correction"] = f"{corrected} biases corrected"
    elif precision == "int8-dynamic":
        onnx_files.quantize_dynamic(float_file, final, how, phases)
    else:
        float_file.rename(final)
    if precision in _BY_TOOLS and how.seven_bits:
        notes.append("weights of 7 bits: this CPU has no int8 dot product and would saturate")
    by_surgery = variant
    if precision in _BY_TOOLS and _floats(variant):
        by_surgery = variant.with_level("float-nodes", FACTORS["float-nodes"].plain)
        applied["float-nodes"] = f"{len(_floats(variant))} nodes excluded from quantization"
    changed = _changed(by_surgery, final, float_file, model, phases)
    with explained("loading"), phases.timed("optimize"):
        session = _open(final, _options(variant, threads), variant)
        if generating is not None:
            _decoding(session, final, generating).feed(*model.inputs[0])
    return PreparedModel(
        path=str(final),
        size_bytes=sum(part.stat().st_size for part in onnx_files.parts_of(final)),
        phases_ns=phases.ns,
        weights=model.weights,
        notes=(*notes, *changed.notes),
        applied={**changed.done, **applied},
    )


def _changed(variant: Variant, final: Path, float_file: Path, model: LoadedModel, phases: Phases) -> Changed:
    """Change the file by surgery if the variant requires it; surgery runs the file on the model's inputs."""
    if not any(True for _ in surgery.operating(variant)):
        return Changed()
    graph, places = decoding.kept(float_file), onnx_files.read_places(float_file)
    if graph is None:
        feeds = [onnx_files.feed(places, arguments) for arguments in model.inputs]
    else:
        few = in_a_phase(_CHECKED_IN, graph)
        assert few is not None
        opened = _decoding(_open(final, _options(variant, 1), variant), final, few)
        feeds = [opened.arrays(*arguments) for arguments in model.inputs]
    with phases.timed("change"):
        return surgery.operate(variant, final, feeds)


def _take(model: LoadedModel, precision: str, to: Path, phases: Phases) -> None:
    """Write the model's ONNX file to `to`."""
    if isinstance(model.module, ModelFile):
        onnx_files.copy_model(Path(model.module.path), to)
        onnx_files.write_places(to, {name: place for place, name in enumerate(model.module.input_names)})
        graph = read_decoder(model.module.path)
        if not isinstance(graph, Missing):
            decoding.keep(graph, to)
    elif precision == GIVEN:
        raise ArmFailed(f"{model.name} is not an .onnx file", hint="write fp32@onnxruntime to export it")
    else:
        torch_use.require_module(model.module, model.name)
        onnx_files.refuse_without_exporter()
        onnx_files.export(model, to, phases)
        _refuse_fixed_shape(to, model)


def _refuse_fixed_shape(path: Path, model: LoadedModel) -> None:
    """Compare the exported float file with its module, if inputs have several shapes."""
    import onnxruntime
    import torch

    if len(shapes.of_each_shape(model.inputs)) < 2:
        return
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # what it raises becomes the arm's failure
    with explained("loading"):
        session, places = _open(path, options, Variant()), onnx_files.read_places(path)
    accepted = {entry.name for entry in session.get_inputs()}
    taken = {name: place for name, place in places.items() if name in accepted}
    with torch.no_grad():
        shapes.refuse_fixed_shape(
            lambda *arguments: session.run(None, onnx_files.feed(taken, arguments)), model.form, model.inputs
        )


def _how(variant: Variant) -> Int8:
    return Int8(
        qdq=variant.level("quantization.format") == "qdq",
        per_channel=variant.level("quantization.granularity") == "channel",
        signed_activations=variant.level("quantization.signs") == "s8s8",
        seven_bits=not has_dot_product(),
        calibrated_by=variant.level("quantization.calibration"),
        floats=_floats(variant),
        smoothed=variant.level("quantization.smooth-quant"),
        biases_corrected=variant.level("quantization.bias-correction") == "on",
    )


def _floats(variant: Variant) -> tuple[str, ...]:
    """The nodes that the quantization tools leave in float."""
    return FACTORS["float-nodes"].left_by(variant.level("float-nodes"))


def has_dot_product() -> bool:
    """Whether the CPU multiplies int8 into int32 in one instruction; without, pairs of products can saturate."""
    try:
        words = set(Path("/proc/cpuinfo").read_text(encoding="utf-8").split())
    except OSError:
        return False
    # Arm's Features line calls SDOT and UDOT asimddp.
    return bool(words & {"avx512_vnni", "avx_vnni", "amx_int8", "asimddp"})


def session_entries(variant: Variant) -> dict[str, str]:
    """The session's configuration; keys of onnxruntime_session_options_config_keys.h."""
    switches = {
        "session.intra_op.allow_spinning": variant.level("session.spinning") == "on",
        "session.disable_prepacking": variant.level("session.prepacking") == "off",
        "session.disable_quant_qdq": variant.level("session.qdq") == "kept",
        "session.set_denormal_as_zero": variant.level("denormals") == "flushed",
    }
    return {key: "1" if on else "0" for key, on in switches.items()}


def _options(variant: Variant, threads: int) -> Any:
    """A session's options for the variant."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # errors only
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    levels, level = onnxruntime.GraphOptimizationLevel, variant.level("session.optimization")
    options.graph_optimization_level = getattr(levels, _OPTIMIZATION[level])
    options.enable_cpu_mem_arena = variant.level("session.arena") == "on"
    for key, value in session_entries(variant).items():
        options.add_session_config_entry(key, value)
    return options


def _weights_mapped(variant: Variant, path: Path, threads: int, feed: dict[str, Any]) -> tuple[Any, str]:
    """A session whose weights lie in a mapped file, as a level of weights= asks for."""

    def opening(other: Path | None, options: Any) -> Any:
        return _open(other or path, options, variant)

    return open_mapped(opening, lambda: _options(variant, threads), feed, memory=memory_of(variant.level(WEIGHTS)))


def _open(path: Path, options: Any, variant: Variant) -> Any:
    import onnxruntime

    return onnxruntime.InferenceSession(
        str(path), options, providers=["CPUExecutionProvider"], disabled_optimizers=disabled_optimizers(variant)
    )


def disabled_optimizers(variant: Variant) -> list[str]:
    """The optimizers that would quantize nodes again which an arm leaves in float; none for other arms."""
    return REQUANTIZING if variant.level(PRECISION) == "int8" and _floats(variant) else []


def load(variant: Variant, prepared: PreparedModel, model: LoadedModel, *, threads: int = 1) -> Program:
    """A session on the prepared file, called with the model's tensors as arrays, which share their memory."""
    refuse_idle(variant)
    path, applied = Path(prepared.path), dict(prepared.applied)
    if (cap := variant.level(ISA)) != FACTORS[ISA].plain:
        applied[ISA] = capping.refuse_uncapped(cap)
    with explained("loading"):
        session = _open(path, _options(variant, threads), variant)
    accepted = {entry.name for entry in session.get_inputs()}
    places = {name: place for name, place in onnx_files.read_places(path).items() if name in accepted}
    generating = in_a_phase(variant.level(PHASE), decoding.kept(path))
    sequence = None if generating is None else _decoding(session, path, generating)

    def opening(options: Any) -> Any:
        return _open(path, options, variant)

    def arrays(*arguments: Any) -> dict[str, Any]:
        return onnx_files.feed(places, arguments) if sequence is None else sequence.arrays(*arguments)

    if variant.level(WEIGHTS) != FACTORS[WEIGHTS].plain:
        session, applied[WEIGHTS] = _weights_mapped(variant, path, threads, arrays(*model.inputs[0]))
        sequence = None if generating is None else _decoding(session, path, generating)

    def profiled(inputs: list[tuple[Any, ...]]) -> NodeProfile:
        runs = [arrays(*arguments) for arguments in inputs]
        return onnx_profile.profile(opening, _options(variant, threads), path, runs)

    def feed(*arguments: Any) -> tuple[Any, ...]:
        return None, arrays(*arguments)

    program = Program(
        infer=session.run,
        feed=feed,
        inputs=model.inputs,
        boundary=BOUNDARY,
        profile=profiled,
        census=lambda: _census(opening, _options(variant, threads), arrays(*model.inputs[0]), threads),
        applied=applied,
    )
    return program if sequence is None else _in_its_phase(program, sequence, path, threads)


def _in_its_phase(program: Program, sequence: decoding.GraphDecoding, path: Path, threads: int) -> Program:
    """The program of a graph that generates text, called as its phase requires."""
    phase, text = sequence.phase, program.inputs[0][0]
    return replace(
        program,
        infer=sequence.session.run_with_ort_values,
        feed=sequence.feed,
        answers=sequence.scores,
        text=lambda: sequence.losses(text),
        work=lambda: decoding.work(sequence.graph, phase, path, threads),
        applied={**program.applied, PHASE: f"{phase}, {threads} threads"},
        boundary=decoding.BOUNDARY[phase.kind],
    )


def _census(opening: Callable[[Any], Any], options: Any, first: dict[str, Any], threads: int) -> OperatorCensus:
    """What the nodes of the optimized graph are, read by running it once on `first`."""
    if importlib.util.find_spec("onnx") is None:
        return OperatorCensus.without("its optimized graph is read by onnx, not installed here")
    try:
        ran = onnx_profile.execute(opening, options, [first])
    except Exception as error:  # noqa: BLE001  # the border to an engine: a graph that cannot be written is no failure
        return OperatorCensus.without(f"its optimized graph could not be read: {innermost(error)}")
    events = ran.events[: ran.each]
    found = onnx_census.census(events, onnx_profile.nodes_of(events, ran.optimized), ran.optimized.graph)
    rank = len(next(iter(first.values())).shape) if first else 0
    return replace(found, counts={**found.counts, "threads": float(threads), "input_rank": float(rank)})


def _decoding(session: Any, path: Path, phase: Phase) -> decoding.GraphDecoding:
    graph = decoding.kept(path)
    assert graph is not None
    return decoding.GraphDecoding(session, graph, phase)


def export(variant: Variant, prepared: Path) -> Export:
    """Export the file, the files of its weights, and the session's options.

    Raises:
        BadInput: it is a decoder, whose loop over tokens the script does not have.
    """
    if decoding.kept(prepared / _FINAL) is not None:
        raise BadInput(
            "the script calls a graph once, and a decoder is called token by token",
            hint="run the file of the arm in your own loop",
        )
    level = variant.level("session.optimization")
    return Export(
        files=tuple(str(part.relative_to(prepared)) for part in onnx_files.parts_of(prepared / _FINAL)),
        values={
            "optimization": _OPTIMIZATION[level],
            "arena": variant.level("session.arena") == "on",
            "entries": list(session_entries(variant).items()),
            "places": onnx_files.read_places(prepared / _FINAL),
            "disabled": disabled_optimizers(variant),
        },
    )


def replayer(variant: Variant, prepared: PreparedModel, model: LoadedModel, *, threads: int = 1) -> Replayer:
    """The layers of a static int8 arm between quantize-dequantize pairs, or those of a dynamic one.

    Raises:
        ArmFailed: the arm is none, or the tools rebuilt its graph.
    """
    if variant.level(PRECISION) not in _BY_TOOLS or not _how(variant).qdq:
        raise ArmFailed(
            "only int8-dynamic, and static int8 with quantize-dequantize pairs, can be replayed",
            hint="int8@onnxruntime",
        )
    path = Path(prepared.path)
    with quiet(), explained("replay"):
        return OnnxReplayer(path.with_name(_FLOAT).with_suffix(".ready.onnx"), path, threads=threads)
