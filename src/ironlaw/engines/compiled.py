"""Inductor, torch's compiler, ahead of time: float, bfloat16, and static int8 by PT2E with torchao's x86 quantizer.

The model is exported, optimised with its weights frozen as constants, and compiled into a package that replicates load
in milliseconds. It holds the kernels that torch.compile would make; the call into them costs less, since no guards are
checked.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
from pathlib import Path
from typing import Any

from ironlaw.engines.applicable import refuse_idle, refuse_precision
from ironlaw.engines.bfloat16 import NOTE, between_float32, in_bfloat16, refuse_emulated
from ironlaw.engines.failures import explained, quiet
from ironlaw.engines.phases import Phases
from ironlaw.errors import ArmFailed
from ironlaw.missing import Maybe, Missing
from ironlaw.models import LoadedModel
from ironlaw.program import PreparedModel, Program
from ironlaw.variant import PRECISION, Variant

IMPORTS = ("torch", "torch._inductor")
BOUNDARY = "call of the compiled package with its input tensors in memory until it returns"
_OFFERED = ("fp32", "bf16", "int8")
_PACKAGE = "prepared.pt2"
# Names of the int8 operators that Inductor calls into oneDNN by, as they stand in a package's machine code.
_INT8_KERNELS = (
    b"qconv_pointwise",
    b"qconv2d_pointwise",
    b"qlinear_pointwise",
    b"qlinear_unary",
    b"int8_gemm",
    b"qconv",
)


def missing_extra() -> Maybe[bool]:
    """True when there is a C++ compiler, which Inductor needs to make kernels."""
    compilers = (os.environ.get("CXX"), "g++", "clang++")
    if not any(shutil.which(name) for name in compilers if name):
        return Missing("no C++ compiler found: install g++, for example sudo apt-get install g++")
    return True


def prepare(variant: Variant, model: LoadedModel, folder: Path) -> PreparedModel:
    """Export, quantize if asked, and compile into a package.

    Raises:
        ArmFailed: the model cannot be exported, quantized or compiled; names the operator.
    """
    import torch

    refuse_precision(variant, _OFFERED)
    refuse_idle(variant, reads=())
    folder.mkdir(parents=True, exist_ok=True)
    if not isinstance(model.module, torch.nn.Module):
        raise ArmFailed(f"{model.name} is not a torch module", hint="return a torch module from the factory")
    # A cache shared with earlier runs would make the phase `compile` depend on them.
    os.environ["TORCHINDUCTOR_CACHE_DIR"] = str(folder / "inductor")
    os.environ["TORCHINDUCTOR_COMPILE_THREADS"] = "1"
    phases, package = Phases(), folder / _PACKAGE
    precision = variant.level(PRECISION)
    with quiet(), explained("compiled"), torch.no_grad():
        arguments = model.inputs[0]
        module = model.form.eval()
        if precision == "bf16":
            refuse_emulated()
            module, arguments = in_bfloat16(module), in_bfloat16(arguments)
        with phases.timed("export"):
            exported: Any = torch.export.export(module, arguments)
        if precision == "int8":
            exported = torch.export.export(_quantized(exported.module(), model.calibration, phases), arguments)
        with phases.timed("compile"):
            torch._inductor.aoti_compile_and_package(
                exported, package_path=str(package), inductor_configs={"freezing": True}
            )
    shutil.rmtree(folder / "inductor", ignore_errors=True)
    if precision == "int8" and not _holds_int8(package):
        raise ArmFailed(
            "nothing in this model was compiled to int8: Inductor made only float kernels",
            hint="compare precisions of a model with convolutions or linear layers",
        )
    return PreparedModel(
        path=str(package),
        size_bytes=package.stat().st_size,
        phases_ns=phases.ns,
        weights=model.weights,
        notes=("size is that of the package: machine code and weights", *((NOTE,) if precision == "bf16" else ())),
    )


def _quantized(module: Any, calibration: list[tuple[Any, ...]], phases: Phases) -> Any:
    """The exported module between quantize and dequantize operators, which the compiler turns into int8 kernels."""
    if importlib.util.find_spec("torchao") is None:
        raise ArmFailed("torchao is not installed", hint="pip install 'ironlaw[compiled]'")
    from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e, prepare_pt2e
    from torchao.quantization.pt2e.quantizer import x86_inductor_quantizer as x86

    quantizer = x86.X86InductorQuantizer()
    quantizer.set_global(x86.get_default_x86_inductor_quantization_config())
    with phases.timed("prepare"):
        observed = prepare_pt2e(module, quantizer)
    with phases.timed("calibrate"):
        for arguments in calibration:
            observed(*arguments)
    with phases.timed("convert"):
        return convert_pt2e(observed)


def _holds_int8(package: Path) -> bool:
    """Whether the compiled code calls an int8 kernel."""
    import zipfile

    with zipfile.ZipFile(package) as archive:
        libraries = [name for name in archive.namelist() if name.endswith((".so", ".cpp"))]
        return any(kernel in archive.read(name) for name in libraries for kernel in _INT8_KERNELS)


def load(variant: Variant, prepared: PreparedModel, model: LoadedModel) -> Program:
    """The package, ready to be called; nothing is traced or compiled."""
    import torch

    refuse_idle(variant, reads=())
    with quiet(), explained("loading"):
        package: Any = torch._inductor.aoti_load_package(prepared.path)
    infer = between_float32(package) if variant.level(PRECISION) == "bf16" else package
    return Program(infer=infer, inputs=model.inputs, guard=torch.inference_mode, boundary=BOUNDARY)
