"""What a user of OpenVINO alone would write: python openvino_plain.py MODEL.xml EXAMPLE.npz THREADS COUNT."""

import sys
import time

import numpy
import openvino


def main() -> None:
    """Time COUNT inferences after a warm-up and print milliseconds each."""
    path, example, threads, count = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    # The precision is left to OpenVINO, which takes bfloat16 for float models where the CPU has it.
    options = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": threads}
    request = openvino.Core().compile_model(path, "CPU", options).create_infer_request()
    with numpy.load(example) as kept:
        arrays = list(kept.values())
    for _ in range(max(10, count // 10)):
        request.infer(arrays, share_inputs=True)
    began = time.perf_counter()
    for _ in range(count):
        request.infer(arrays, share_inputs=True)
    print((time.perf_counter() - began) / count * 1e3)


if __name__ == "__main__":
    main()
