"""What a user of ONNX Runtime alone would write: python onnxruntime_plain.py MODEL.onnx EXAMPLE.npz THREADS COUNT."""

import sys
import time

import numpy
import onnxruntime


def main() -> None:
    """Time COUNT inferences after a warm-up and print milliseconds each."""
    path, example, threads, count = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    with numpy.load(example) as kept:
        arrays = list(kept.values())
    feed = {entry.name: array for entry, array in zip(session.get_inputs(), arrays, strict=True)}
    for _ in range(max(10, count // 10)):
        session.run(None, feed)
    began = time.perf_counter()
    for _ in range(count):
        session.run(None, feed)
    print((time.perf_counter() - began) / count * 1e3)


if __name__ == "__main__":
    main()
