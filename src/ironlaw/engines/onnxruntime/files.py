"""ONNX files: exported from torch modules, and quantized by ONNX Runtime's own tools."""

from __future__ import annotations

import importlib.util
import inspect
import json
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from ironlaw.engines.border.failures import explained, failure, quiet
from ironlaw.engines.border.phases import Phases
from ironlaw.engines.onnxruntime.biases import correct_biases
from ironlaw.engines.onnxruntime.profile import SCOPES
from ironlaw.errors import ArmFailed
from ironlaw.models import LoadedModel, inputs, shapes
from ironlaw.models.graph_inputs import external_files

_INPUTS = "inputs.json"
_KEPT = ".exported.onnx"


@dataclass(frozen=True, slots=True, kw_only=True)
class Int8:
    """How a float file is quantized: the format, the granularity of scales, and the signs of activations."""

    qdq: bool = True
    per_channel: bool = True
    signed_activations: bool = False
    seven_bits: bool = False  # of the weights, where the CPU would saturate in int8 products
    calibrated_by: str = "minmax"
    floats: tuple[str, ...] = ()  # names of nodes that stay in float
    smoothed: str = "off"  # or the share of the range of activations that moves into the weights
    biases_corrected: bool = False

    @property
    def extra_options(self) -> dict[str, Any]:
        """The tools' further options.

        Raises:
            ArmFailed: a package that they need is not installed.
        """
        if self.smoothed == "off":
            return {}
        if importlib.util.find_spec("neural_compressor") is None:
            raise ArmFailed(
                "ONNX Runtime's tools smooth by neural_compressor, not installed here",
                hint="pip install neural-compressor",
            )
        return {"SmoothQuant": True, "SmoothQuantAlpha": float(self.smoothed)}


def refuse_without_exporter() -> None:
    """Check that the packages for torch's exporter are installed.

    Raises:
        ArmFailed: names what is not.
    """
    lacking = [name for name in ("onnx", "onnxscript") if importlib.util.find_spec(name) is None]
    if lacking:
        raise ArmFailed(
            f"torch exports to ONNX by {' and '.join(lacking)}, not installed here", hint="pip install 'ironlaw[onnx]'"
        )


def export(model: LoadedModel, path: Path, phases: Phases) -> None:
    """Write a model as an ONNX file by torch's exporter, which folds BatchNorm; sizes in which inputs differ are open.

    Raises:
        ArmFailed: torch cannot export it; names the operator.
    """
    import torch

    module, arguments = model.form.eval(), shapes.example(model)
    tensors = tensor_places(arguments)
    open_sizes = shapes.dynamic_shapes(module, arguments, model)
    names = [f"input{place}" for place in tensors]
    digest = _digest(model, module, arguments, open_sizes)
    with phases.timed("export"):
        if _is_taken_from_beside(path, digest):
            write_places(path, dict(zip(names, tensors, strict=True)))
            return
    try:
        with quiet(), phases.timed("export"):
            torch.onnx.export(
                module,
                arguments,
                str(path),
                input_names=names,
                dynamo=True,
                verbose=False,
                external_data=False,
                dynamic_shapes=open_sizes,
            )
    except Exception as error:  # noqa: BLE001  # the border to the exporter: the arm's failure
        hint = "replace that operator, or name an .onnx file that you exported"
        raise failure("torch cannot export this model to ONNX", error, hint=hint) from None
    write_places(path, dict(zip(names, tensors, strict=True)))
    _keep(path, digest)


def _digest(model: LoadedModel, module: Any, arguments: tuple[Any, ...], open_sizes: Any) -> str:
    """What an export depends on: the source, the module with its weights, and the form of an input.

    Empty where a weight is stored in a way that has no plain bytes.
    """
    import torch

    found = sha256(repr((model.source, model.seed, dict(model.keywords), str(module), str(open_sizes))).encode())
    for name, tensor in module.state_dict().items():
        if isinstance(tensor, torch.Tensor):
            if type(tensor) not in (torch.Tensor, torch.nn.Parameter) or tensor.is_quantized or tensor.is_meta:
                return ""
            found.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
            found.update(tensor.detach().contiguous().flatten().view(torch.uint8).numpy().data)
    for argument in arguments:
        form = (argument.dtype, tuple(argument.shape)) if isinstance(argument, torch.Tensor) else argument
        found.update(repr(form).encode())
    return found.hexdigest()


def _keep(path: Path, digest: str) -> None:
    """Keep a copy of an export for arms that are prepared later in the same run; it is there only when it is whole."""
    if not digest:
        return
    kept = path.with_name(f"{digest}{_KEPT}")
    shutil.copyfile(path, kept.with_suffix(".part"))
    kept.with_suffix(".part").replace(kept)


def _is_taken_from_beside(path: Path, digest: str) -> bool:
    """Whether another arm of the run has exported the same, of which `path` is then a copy."""
    if not digest:
        return False
    for kept in path.parent.parent.glob(f"*/{digest}{_KEPT}"):
        shutil.copyfile(kept, path)
        return True
    return False


def tensor_places(arguments: tuple[Any, ...]) -> list[int]:
    """Positions of the arguments that are tensors; the others are constants of the exported graph.

    Raises:
        ArmFailed: a tensor lies inside a list or dict.
    """
    for argument in arguments:
        if isinstance(argument, list | tuple | dict):
            raise ArmFailed(
                f"an input of the model is a {type(argument).__name__}",
                hint="wrap the model in a module whose inputs are tensors",
            )
    return [place for place, argument in enumerate(arguments) if inputs.is_array(argument)]


def write_places(path: Path, places: dict[str, int]) -> None:
    """Write, beside a file, the argument that each of its inputs is."""
    path.with_name(_INPUTS).write_text(json.dumps(places))


def read_places(path: Path) -> dict[str, int]:
    """Read what `write_places` wrote."""
    places: dict[str, int] = json.loads(path.with_name(_INPUTS).read_text())
    return places


def feed(places: dict[str, int], arguments: tuple[Any, ...]) -> dict[str, Any]:
    """The arrays of one inference by input name; they share memory with the tensors."""
    return {name: inputs.as_array(arguments[place]) for name, place in places.items()}


def quantize(source: Path, target: Path, how: Int8, calibration: list[tuple[Any, ...]], phases: Phases) -> int:
    """Write a static int8 copy of a float file; the number of biases that were corrected, if that is asked for.

    Raises:
        ArmFailed: the tools fail, nothing became int8, a node that is to stay in float is not there, no bias could be
            corrected, or entropy is asked for where it chooses nothing.
    """
    from onnxruntime import quantization

    kinds = quantization.QuantType
    formats = quantization.QuantFormat
    options = how.extra_options
    if how.calibrated_by == "entropy":
        _refuse_without_choice()
    if how.biases_corrected and not how.qdq:
        raise ArmFailed("biases are corrected in QDQ files only", hint="leave quantization.format=qoperator")
    with quiet(), explained("int8"), phases.timed("calibrate"):
        ready = source.with_suffix(".ready.onnx")
        _preprocess(source, ready)
        _require_nodes(ready, how.floats)
        quantization.quantize_static(
            str(ready),
            str(target),
            _reader(read_places(source), calibration),
            quant_format=formats.QDQ if how.qdq else formats.QOperator,
            per_channel=how.per_channel,
            reduce_range=how.seven_bits,
            activation_type=kinds.QInt8 if how.signed_activations else kinds.QUInt8,
            weight_type=kinds.QInt8,
            calibrate_method=getattr(quantization.CalibrationMethod, _METHODS[how.calibrated_by]),
            nodes_to_exclude=list(how.floats) or None,
            extra_options=options,
        )
        _keep_scopes(source, ready, target)
    if not operators_in(target) & _INT8_OPERATORS:
        raise ArmFailed(
            "nothing in this model could be quantized by ONNX Runtime's tools",
            hint="compare precisions of a model with convolutions or matrix products",
        )
    if not how.biases_corrected:
        return 0
    places = read_places(source)
    with quiet(), explained("correcting biases"), phases.timed("calibrate"):
        return correct_biases(ready, target, (feed(places, arguments) for arguments in calibration))


# What the levels of quantization.calibration are called by the tools.
_METHODS = {"minmax": "MinMax", "entropy": "Entropy", "percentile": "Percentile"}


def _refuse_without_choice() -> None:
    """Refuse entropy where its ranges are those of minmax: where a histogram has no more bins than int8 has steps.

    Ranges of fewer bins than steps are not tried, and `quantize_static` passes neither number on.

    Raises:
        ArmFailed: there is one range to choose from.
    """
    from onnxruntime.quantization.calibrate import EntropyCalibrater

    numbers = {name: one.default for name, one in inspect.signature(EntropyCalibrater).parameters.items()}
    bins, steps = numbers.get("num_bins"), numbers.get("num_quantized_bins")
    if isinstance(bins, int) and isinstance(steps, int) and bins <= steps:
        raise ArmFailed(
            f"entropy of these ONNX Runtime tools has {bins} bins for {steps} steps: its ranges are those of minmax",
            hint="write quantization.calibration=percentile",
        )


def _require_nodes(path: Path, names: Iterable[str]) -> None:
    import onnx

    known = {node.name for node in onnx.load(str(path), load_external_data=False).graph.node}
    for name in names:
        if name not in known:
            raise ArmFailed(
                f"this file has no node called {name}", hint="ironlaw layers FILE --answers --json lists them"
            )


def quantize_dynamic(source: Path, target: Path, how: Int8, phases: Phases) -> None:
    """Write a copy whose matrix products quantize their inputs at each call.

    Raises:
        ArmFailed: the tools fail, nothing became int8, or a node that is to stay in float is not there.
    """
    from onnxruntime import quantization

    with quiet(), explained("int8-dynamic"), phases.timed("convert"):
        ready = source.with_suffix(".ready.onnx")
        _preprocess(source, ready)
        floats = [name.removesuffix("_quant") for name in how.floats]  # as a session calls what is quantized
        _require_nodes(ready, floats)
        quantization.quantize_dynamic(
            str(ready),
            str(target),
            weight_type=quantization.QuantType.QInt8,
            per_channel=how.per_channel,
            reduce_range=how.seven_bits,
            # The tools make a MatMul of a Gemm before they look for what is excluded.
            nodes_to_exclude=[name for one in floats for name in (one, f"{one}_MatMul")],
        )
        _keep_scopes(source, ready, target)
    if not operators_in(target) & _INT8_OPERATORS:
        raise ArmFailed(
            "nothing in this model could be quantized dynamically by ONNX Runtime's tools",
            hint="it has no convolution, matrix product or LSTM",
        )


_INT8_OPERATORS = {
    "QuantizeLinear", "DequantizeLinear", "QLinearConv", "QLinearMatMul", "QGemm", "ConvInteger", "MatMulInteger",
    "DynamicQuantizeLinear", "DynamicQuantizeLSTM", "DynamicQuantizeMatMul", "MatMulIntegerToFloat",
}  # fmt: skip


def copy_model(source: Path, target: Path) -> None:
    """Copy a user's file and its files of weights (external data).

    Raises:
        ArmFailed: such a file is missing, or is outside the model's folder, the only place where engines look.
    """
    shutil.copyfile(source, target)
    for name in external_files(str(source)):
        weights, copy = source.parent / name, target.parent / name
        if not weights.resolve().is_relative_to(source.parent.resolve()):
            raise ArmFailed(f"{source.name} keeps weights outside of its folder, in {name}", hint=_TOGETHER)
        copy.parent.mkdir(parents=True, exist_ok=True)
        try:
            shutil.copyfile(weights, copy)
        except OSError as error:
            raise ArmFailed(
                f"{source.name} keeps weights in {name}, which cannot be read: {error.strerror}", hint=_TOGETHER
            ) from None


_TOGETHER = "keep the model and the files of its weights together, as they were exported"


def parts_of(path: Path) -> tuple[Path, ...]:
    """An .onnx file and its files of weights."""
    return (path, *(path.parent / name for name in external_files(str(path))))


def operators_in(path: Path) -> set[str]:
    """The kinds of operators in a file."""
    import onnx

    return {node.op_type for node in onnx.load(str(path), load_external_data=False).graph.node}


def refuse_quantized(path: Path) -> None:
    """Refuse to quantize a file that already has int8 operators.

    Raises:
        ArmFailed: names one of them.
    """
    held = sorted(operators_in(path) & _INT8_OPERATORS)
    if held:
        raise ArmFailed(
            f"{path.name} is already quantized (it holds {held[0]})", hint="write given@onnxruntime to run it as it is"
        )


def _preprocess(source: Path, target: Path) -> None:
    """Infer shapes and fold constants, without which the tools leave layers in float."""
    from onnxruntime.quantization.shape_inference import quant_pre_process

    quant_pre_process(str(source), str(target))


def _keep_scopes(source: Path, *written: Path) -> None:
    """State in files made of a float file which module each node was exported from, which the tools leave out.

    What the tools put in a node's place begins with its name: node_7_quant_scales_mul, node_7_MatMul_quant of a Gemm,
    node_7/MatMulAddFusion.
    """
    import onnx

    scopes = {
        node.name: [entry for entry in node.metadata_props if entry.key == SCOPES]
        for node in onnx.load(str(source), load_external_data=False).graph.node
        if node.name
    }
    for path in written:
        model = onnx.load(str(path), load_external_data=False)
        for node in model.graph.node:
            if not any(entry.key == SCOPES for entry in node.metadata_props):
                name = node.name.partition("_quant")[0]
                of_gemm = name.removesuffix("_MatMul").removesuffix("_Add")
                names = (name, of_gemm, name.rpartition("/")[0])
                node.metadata_props.extend(next((scopes[one] for one in names if scopes.get(one)), ()))
        onnx.save(model, str(path))


def _reader(places: dict[str, int], calibration: list[tuple[Any, ...]]) -> Any:
    from onnxruntime.quantization import CalibrationDataReader

    waiting = iter(calibration)

    class Reader(CalibrationDataReader):  # type: ignore[misc]  # its library carries no types
        """The calibration inputs, one after the other."""

        def get_next(self) -> dict[str, Any] | None:
            """The next one, or None."""
            arguments = next(waiting, None)
            return None if arguments is None else feed(places, arguments)

    return Reader()
