"""An exported arm against the peers' plain scripts.

    python -m benchmarks.peers.race PEERS EXPORTED [THREADS [ROUNDS [COUNT]]]

PEERS is what benchmarks.peers.make wrote, EXPORTED what `ironlaw export` did. One process each, alternated in a
rotating order; per peer the ratio of its time to the arm's, as the mean of ln over rounds with a 95 % interval.
"""

import math
import subprocess
import sys
from pathlib import Path

from ironlaw.explain.statistics.interval import t_interval
from ironlaw.missing import Missing

HERE = Path(__file__).parent


def commands(peers: Path, exported: Path, threads: int, count: int) -> dict[str, list[str]]:
    """The command line of each runner."""
    example, tail = str(peers / "example.npz"), [str(threads), str(count)]
    onnx, vino = str(HERE / "onnxruntime_plain.py"), str(HERE / "openvino_plain.py")
    return {
        "ironlaw": [str(exported / "infer.py"), str(count)],
        "onnxruntime float": [onnx, str(peers / "float.onnx"), example, *tail],
        "onnxruntime int8": [onnx, str(peers / "int8.onnx"), example, *tail],
        "openvino float": [vino, str(peers / "float.xml"), example, *tail],
        "openvino int8": [vino, str(peers / "int8.xml"), example, *tail],
    }


def time_ms(command: list[str], cpus: str) -> float:
    """What one process printed: milliseconds per inference, pinned to some CPUs."""
    ran = subprocess.run(
        ["taskset", "-c", cpus, sys.executable, *command], capture_output=True, text=True, check=True, timeout=120
    )
    return float(ran.stdout.split()[0])


def main(peers: Path, exported: Path, threads: int = 1, rounds: int = 6, count: int = 100) -> None:
    """Race, and print one line per runner."""
    runners = commands(peers, exported, threads, count)
    cpus = ",".join(str(number) for number in range(threads))
    times: dict[str, list[float]] = {name: [] for name in runners}
    names = list(runners)
    for place in range(rounds):
        shift = place % len(names)
        for name in names[shift:] + names[:shift]:
            times[name].append(time_ms(runners[name], cpus))
    for name, series in times.items():
        ln = [math.log(theirs / ours) for theirs, ours in zip(series, times["ironlaw"], strict=True)]
        mean_ms = math.exp(sum(map(math.log, series)) / len(series))
        interval = t_interval(ln)
        said = (
            ""
            if isinstance(interval, Missing) or name == "ironlaw"
            else (f"  x{math.exp(interval.value):.3f} [{math.exp(interval.low):.3f}, {math.exp(interval.high):.3f}]")
        )
        print(f"{name:20} {mean_ms:8.3f} ms{said}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), *map(int, sys.argv[3:]))
