"""Make the peers' own model files as their documentation says: python -m benchmarks.peers.make MODEL DIR.

Writes float.onnx and int8.onnx (onnxruntime.quantization, QDQ, per channel), float.xml and int8.xml (NNCF), and
example.npz. Nothing of ironlaw's engines is used, only its model and images.
"""

import sys
from pathlib import Path
from typing import Any

from ironlaw.models import open_model


def main(source: str, folder: Path) -> None:
    """Export once, quantize with each peer's own tools."""
    import numpy
    import torch

    folder.mkdir(parents=True, exist_ok=True)
    model = open_model(source)
    arguments = tuple(one for one in model.inputs[0] if isinstance(one, torch.Tensor))
    numpy.savez(folder / "example.npz", *(one.numpy() for one in arguments))
    torch.onnx.export(
        model.form.eval(), model.inputs[0], str(folder / "float.onnx"), dynamo=True, external_data=False, verbose=False
    )
    calibration = [[one.numpy() for one in inputs if isinstance(one, torch.Tensor)] for inputs in model.calibration]
    _with_onnxruntime(folder, calibration)
    _with_openvino(folder, calibration)


def _with_onnxruntime(folder: Path, calibration: list[list[Any]]) -> None:
    import onnxruntime
    from onnxruntime import quantization
    from onnxruntime.quantization.shape_inference import quant_pre_process

    names = [entry.name for entry in onnxruntime.InferenceSession(str(folder / "float.onnx")).get_inputs()]
    waiting = iter([dict(zip(names, arrays, strict=True)) for arrays in calibration])

    class Reader(quantization.CalibrationDataReader):  # type: ignore[misc]  # its library carries no types
        """The calibration inputs."""

        def get_next(self) -> dict[str, Any] | None:
            """The next one, or None."""
            return next(waiting, None)

    quant_pre_process(str(folder / "float.onnx"), str(folder / "ready.onnx"))
    quantization.quantize_static(
        str(folder / "ready.onnx"),
        str(folder / "int8.onnx"),
        Reader(),
        per_channel=True,
        activation_type=quantization.QuantType.QUInt8,
        weight_type=quantization.QuantType.QInt8,
    )


def _with_openvino(folder: Path, calibration: list[list[Any]]) -> None:
    import nncf
    import openvino

    converted = openvino.convert_model(str(folder / "float.onnx"))
    openvino.save_model(converted, str(folder / "float.xml"), compress_to_fp16=False)
    made = nncf.quantize(converted, nncf.Dataset(calibration), subset_size=len(calibration))
    openvino.save_model(made, str(folder / "int8.xml"), compress_to_fp16=False)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
