"""Exported arms against the peers' plain scripts.

    python -m benchmarks.peers.race PEERS EXPORTED [EXPORTED ...] [--threads 1] [--rounds 6] [--count 200]

PEERS is what benchmarks.peers.make wrote, each EXPORTED what `ironlaw export` did. One process each, alternated in a
rotating order. Per exported arm and peer the ratio of the peer's time to the arm's, as the mean of ln over rounds with
a 95 % interval: above 1 the arm is faster.
"""

import argparse
import math
import os
import subprocess
import sys
from pathlib import Path

from ironlaw.analysis.statistics.interval import t_interval
from ironlaw.missing import Missing

HERE = Path(__file__).parent


def peer_commands(peers: Path, threads: int, count: int) -> dict[str, list[str]]:
    """The command line of each peer."""
    example, tail = str(peers / "example.npz"), [str(threads), str(count)]
    onnx, vino = str(HERE / "onnxruntime_plain.py"), str(HERE / "openvino_plain.py")
    return {
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


def last_cpus(threads: int) -> str:
    """As many CPUs as threads, the last ones first: what else runs on a machine is mostly on the first."""
    return ",".join(map(str, sorted(os.sched_getaffinity(0))[-threads:]))


def race(runners: dict[str, list[str]], *, threads: int, rounds: int) -> dict[str, list[float]]:
    """Every runner's times, ms, one per round."""
    times: dict[str, list[float]] = {name: [] for name in runners}
    names = list(runners)
    for place in range(rounds):
        shift = place % len(names)
        for name in names[shift:] + names[:shift]:
            times[name].append(time_ms(runners[name], last_cpus(threads)))
    return times


def reported(ours: list[float], theirs: list[float]) -> str:
    """How many times as fast ours is, with its interval."""
    interval = t_interval([math.log(their_ms / our_ms) for their_ms, our_ms in zip(theirs, ours, strict=True)])
    if isinstance(interval, Missing):
        return interval.reason
    return f"{math.exp(interval.value):.3f} [{math.exp(interval.low):.3f}, {math.exp(interval.high):.3f}]"


def main() -> None:
    """Race, and print the times of all and the ratios of each exported arm to each peer."""
    parser = argparse.ArgumentParser()
    parser.add_argument("peers", type=Path)
    parser.add_argument("exported", type=Path, nargs="+")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--count", type=int, default=200)
    given = parser.parse_args()
    peers = peer_commands(given.peers, given.threads, given.count)
    ours = {folder.name: [str(folder / "infer.py"), str(given.count)] for folder in given.exported}
    times = race({**ours, **peers}, threads=given.threads, rounds=given.rounds)
    for name, series in times.items():
        print(f"{name:24} {math.exp(sum(map(math.log, series)) / len(series)):8.3f} ms")
    for name in ours:
        for peer in peers:
            print(f"{name} against {peer}: {reported(times[name], times[peer])}")


if __name__ == "__main__":
    main()
