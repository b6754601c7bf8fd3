"""Whether a set of layers in int8 is fast and keeps the answers: EfficientNet-Lite0 in ONNX Runtime, one thread.

    python -m benchmarks.frontier [--speed 1.5] [--agreement 0.99] [--passes 3] [--judge 6400] [--out FOLDER]

Needs the packages of the tests with trained weights, torch and onnxruntime, and a machine that does nothing else. Every
layer is in int8, by percentiles of 64 crops and with corrected biases, or in float. A set of layers in float has two
figures, measured: the noise at the network's output, as a share of the output's energy on 160 crops, and the time
beside the float file, in turns with it. For two speeds the set of the least noise is searched: the change of one layer
at a time is measured in all layers, the best combination of these is found by integer programming, measured, and taken
if it is better. How little noise any set could have at the wanted speed is the bound of the linear program over the
same changes, if they add up. It is optimistic: it takes errors of single measured times for gains. The tools'
smallest and largest values are tried as ranges with the set that was found.

Then crops that neither calibrated nor chose judge the sets that were found, and one that no rounding of weights can
reach: activations are rounded, weights are not. An answer changes where the noise exceeds the distance of the two
highest outputs, so the share of changed answers grows with the noise's root; the least noise is compared with the one
at which the wanted share of answers is kept.
"""

from __future__ import annotations

import argparse
import math
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnx import numpy_helper
from scipy import optimize, sparse
from tests.models.pretrained import LITE0_PREPROCESSING, lite0

from ironlaw.analysis.statistics.interval import share_interval, t_quantile
from ironlaw.engines.border.phases import Phases
from ironlaw.engines.onnxruntime.biases import correct_biases
from ironlaw.engines.onnxruntime.files import Int8, quantize, write_places
from ironlaw.engines.onnxruntime.mixing import Mixing
from ironlaw.missing import Missing
from ironlaw.models import images

Floats = frozenset[str]  # names of the layers that compute in float
Array = NDArray[np.float32]

CALIBRATING, CHOOSING = 64, 160
RANGES = "percentile"
SEED = 0
ROUNDS, COUNT = 9, 6  # of a time: paired turns, inferences a turn
STEPS = (2, 4, 8, 16)  # how many layers a proposal changes at once


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """A set's noise as a share of the output's energy, its time as a share of float's, and same top classes."""

    noise: float
    time: float
    same: float

    def __str__(self) -> str:
        return f"{decibels(self.noise)}, {1 / self.time:.3f}x, {self.same:.1%} of {CHOOSING} that chose"


def decibels(noise: float) -> str:
    """The signal-to-noise ratio of a share of energy; a sum of changes that is none, or infinite, has no ratio."""
    return f"{-10 * math.log10(noise):.2f} dB" if 0 < noise < math.inf else "no ratio"


def session(model: bytes, threads: int) -> Any:
    """A session, which leaves layers in float in float."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(
        model, options, providers=["CPUExecutionProvider"], disabled_optimizers=["WeightBiasQuantization"]
    )


def answers(held: Any, inputs: Sequence[Array]) -> Array:
    """The outputs, one row an input."""
    name = held.get_inputs()[0].name
    rows: Array = np.concatenate([held.run(None, {name: one})[0] for one in inputs])
    return rows


def crops(count: int, seed: int) -> Iterator[Array]:
    """Crops of the shipped photographs, each as a batch of one."""
    photos = [images.decode_photo(path) for path in images.check_folder(None)]
    for crop in images.crops(photos, LITE0_PREPROCESSING, count=count, seed=seed):
        yield crop[None]


def make(folder: Path) -> Path:
    """The float file."""
    import torch

    network, shown = lite0()
    source = folder / "float.onnx"
    torch.onnx.export(
        network,
        tuple(map(torch.from_numpy, shown[0])),
        str(source),
        input_names=["input0"],
        dynamo=True,
        verbose=False,
        external_data=False,
    )
    write_places(source, {"input0": 0})
    return source


def mixing(source: Path, ranges: str) -> Mixing:
    """The float file beside the one in which every layer is in int8, by ranges of a calibration method."""
    made = source.with_name(f"{ranges}.onnx")
    given = [(crop,) for crop in crops(CALIBRATING, SEED)]
    quantize(source, made, Int8(calibrated_by=ranges, biases_corrected=True), given, Phases())
    return Mixing(onnx.load(str(source.with_suffix(".ready.onnx"))), onnx.load(str(made)))


@dataclass(slots=True)
class Search:
    """Measures sets of layers, and looks for those with the least noise."""

    mixing: Mixing
    source: bytes
    seen: dict[Floats, Measured] = field(default_factory=dict)
    _in_float: Any = None
    _chosen: list[Array] = field(default_factory=list)
    _wanted: Any = None

    def __post_init__(self) -> None:
        self._in_float = session(self.source, 1)
        self._chosen = list(crops(CHOOSING, SEED + 1))
        self._wanted = answers(self._in_float, self._chosen)

    @property
    def layers(self) -> list[str]:
        """The layers that the tools quantized, in the order of the file."""
        return list(self.mixing.decisions.nodes)

    def model(self, floats: Floats) -> Any:
        """The network with these layers in float."""
        int8 = frozenset(self.layers) - floats
        return self.mixing.part(int8, self.mixing.ready.nodes, self.mixing.outputs).model

    def measure(self, floats: Floats) -> Measured:
        """A set's figures, measured once."""
        if floats not in self.seen:
            written = self.model(floats).SerializeToString()
            given = answers(session(written, 2), self._chosen)
            self.seen[floats] = Measured(
                noise=self._noise(given),
                time=float(np.exp(np.median(self.log_times(session(written, 1), ROUNDS)))),
                same=float((given.argmax(1) == self._wanted.argmax(1)).mean()),
            )
        return self.seen[floats]

    def noise_of(self, floats: Floats) -> float:
        """A set's noise alone, without its time."""
        return self._noise(answers(session(self.model(floats).SerializeToString(), 2), self._chosen))

    def _noise(self, given: Array) -> float:
        return float(np.square(given - self._wanted).sum() / np.square(self._wanted).sum())

    def log_times(self, held: Any, rounds: int) -> NDArray[np.float64]:
        """ln of the time beside float, by pairs of turns."""
        one, two = held.get_inputs()[0].name, self._in_float.get_inputs()[0].name
        fed, found = self._chosen[0], []
        for turn in range(-1, rounds):  # the first warms both up
            began = time.perf_counter()
            for _ in range(COUNT):
                held.run(None, {one: fed})
            between = time.perf_counter()
            for _ in range(COUNT):
                self._in_float.run(None, {two: fed})
            if turn >= 0:
                found.append(math.log((between - began) / (time.perf_counter() - between)))
        return np.array(found)

    def changes(self, base: Floats) -> Changes:
        """What a change of each layer alone adds to a set's noise and time."""
        before = self.measure(base)
        after = [self.measure(base ^ {layer}) for layer in self.layers]
        return Changes(
            base=base,
            layers=self.layers,
            noise=np.array([one.noise - before.noise for one in after]),
            time=np.array([one.time - before.time for one in after]),
        )

    def least(self, speed: float, start: Floats, passes: int) -> tuple[Floats, float]:
        """The set of the least noise found at a speed or above, and the bound of any by the last set's changes."""
        best, bound = start, math.inf
        for _ in range(passes):
            before = self.measure(best)
            changes = self.changes(best)
            room = 1 / speed - before.time
            bound = before.noise + changes.bound(room)
            proposed = {changes.best(room, step) for step in STEPS}
            for one in proposed:
                print(
                    f"    of {len(one ^ best)} changes, predicted {changes.predicted(before, one)}: {self.measure(one)}"
                )
            fit = [one for one in proposed if self.measure(one).time <= 1 / speed]
            better = min(fit, key=lambda one: self.measure(one).noise, default=best)
            print(f"  {len(best)} in float: {before}; bound {decibels(bound)}", flush=True)
            if better == best or (before.time <= 1 / speed and self.measure(better).noise >= before.noise):
                break
            best = better
        return best, bound


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """By layer, what its change alone adds to the noise and the time of a set."""

    base: Floats
    layers: list[str]
    noise: NDArray[np.float64]
    time: NDArray[np.float64]

    def predicted(self, before: Measured, changed: Floats) -> str:
        """The noise and speed of a set, if changes add up."""
        taken = [place for place, layer in enumerate(self.layers) if layer in changed ^ self.base]
        noise = before.noise + float(self.noise[taken].sum())
        speed = 1 / (before.time + float(self.time[taken].sum()))
        return f"{decibels(noise)}, {speed:.3f}x"

    def bound(self, room: float) -> float:
        """The least that any of these changes, in part or whole, can add to the noise for no more time than `room`."""
        solved = optimize.linprog(self.noise, A_ub=[self.time], b_ub=[room], bounds=(0, 1))
        return float(solved.fun) if solved.success else math.inf

    def best(self, room: float, most: int) -> Floats:
        """The set of whole changes, `most` of them, that adds the least noise."""
        rows = sparse.csr_matrix(np.vstack([self.time, np.ones(len(self.layers))]))
        within = optimize.LinearConstraint(rows, ub=[room, most])
        solved = optimize.milp(
            self.noise, constraints=within, integrality=np.ones(len(self.layers)), bounds=optimize.Bounds(0, 1)
        )
        if not solved.success:  # the set itself is too slow: as fast as `most` changes can make it
            quickest = np.argsort(self.time)[:most]
            return self.base ^ {self.layers[place] for place in quickest if self.time[place] < 0}
        return self.base ^ {layer for layer, taken in zip(self.layers, solved.x, strict=True) if taken > 0.5}


def start_at(search: Search, speed: float) -> Floats:
    """A first set: the layers in float that are the noisiest if they alone are in int8, as many as the speed allows."""
    everything = frozenset(search.layers)
    order = sorted(search.layers, key=lambda layer: -search.noise_of(everything - {layer}))
    few, many = 0, len(order)
    while many - few > 1:
        middle = (few + many) // 2
        if search.measure(frozenset(order[:middle])).time <= 1 / speed:
            few = middle
        else:
            many = middle
    return frozenset(order[:few])


def finer_weights(source: Path) -> Mixing:
    """As `mixing`, with weights of convolutions 65536 times as finely rounded, so that only activations are rounded."""
    made = source.with_name("finer.onnx")
    given = [(crop,) for crop in crops(CALIBRATING, SEED)]
    quantize(source, made, Int8(calibrated_by=RANGES), given, Phases())
    ready = source.with_suffix(".ready.onnx")
    pair = Mixing(onnx.load(str(ready)), onnx.load(str(made)))
    model, constants = pair.made.model, pair.made.constants
    for one in pair.decisions.nodes.values():
        if one.node.op_type == "Conv":
            rounded, scale, zero = one.constants[1].input
            exact = pair.ready.values_of(one.node.input[1]).astype(np.float64)
            step = pair.made.values_of(scale) / 65536
            across = step.reshape(-1, *(1,) * (exact.ndim - 1))
            for name, values in ((rounded, np.rint(exact / across)), (zero, np.zeros(step.shape))):
                constants[name].CopyFrom(numpy_helper.from_array(values.astype(np.int32), name))
            constants[scale].CopyFrom(numpy_helper.from_array(step.astype(np.float32), scale))
    onnx.save(model, str(made))
    correct_biases(ready, made, ({"input0": crop} for (crop,) in given))
    return Mixing(onnx.load(str(ready)), onnx.load(str(made)))


@dataclass(slots=True, kw_only=True)
class Judged:
    """How one model answers the judging crops."""

    name: str
    held: Any
    same: int = 0
    noise: float = 0.0


def judge(source: bytes, models: dict[str, bytes], count: int) -> tuple[list[Judged], int]:
    """Answers of models on crops that neither calibrated nor chose; `noise` becomes a share of the energy."""
    in_float = session(source, 2)
    judged = [Judged(name=name, held=session(model, 2)) for name, model in models.items()]
    energy, seen, seed = 0.0, 0, 1000
    while seen < count:
        some = list(crops(64, seed))
        wanted = answers(in_float, some)
        energy += float(np.square(wanted).sum())
        for one in judged:
            given = answers(one.held, some)
            one.same += int((given.argmax(1) == wanted.argmax(1)).sum())
            one.noise += float(np.square(given - wanted).sum())
        seen, seed = seen + len(some), seed + 1
    for one in judged:
        one.noise /= energy
    return judged, seen


def needed_noise(judged: Sequence[Judged], total: int, agreement: float) -> tuple[float, float]:
    """The noise at which a share of answers is kept, by the model answers = 1 - k sqrt(noise); and the worst misfit.

    The misfit is in standard errors of a single set.
    """
    roots = np.array([math.sqrt(one.noise) for one in judged])
    changed = np.array([1 - one.same / total for one in judged])
    errors = np.sqrt(changed * (1 - changed) / total)
    slope = float((changed * roots / errors**2).sum() / (roots**2 / errors**2).sum())
    misfit = float(np.abs((changed - slope * roots) / errors).max())
    return ((1 - agreement) / slope) ** 2, misfit


def main() -> None:
    """Search, judge and compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--speed", type=float, default=1.5)
    parser.add_argument("--agreement", type=float, default=0.99)
    parser.add_argument("--passes", type=int, default=3)
    parser.add_argument("--judge", type=int, default=6400)
    parser.add_argument("--out", type=Path, help="keep the models of the sets here")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        source = make(Path(folder))
        search = Search(mixing(source, RANGES), source.read_bytes())
        print(f"{len(search.layers)} layers; all in int8: {search.measure(frozenset())}", flush=True)
        found: dict[float, Floats] = {}
        start, bounds = start_at(search, given.speed), {}
        for speed in (given.speed, 0.8 * given.speed):
            print(f"at {speed:.3g}x:", flush=True)
            start, bounds[speed] = search.least(speed, start, given.passes)
            found[speed] = start
        finer = Search(finer_weights(source), search.source)
        other = Search(mixing(source, "minmax"), search.source)
        print(f"minmax: {decibels(other.noise_of(found[given.speed]))} with the layers of {given.speed:.3g}x")
    models = {f"{speed:.3g}x": search.model(floats) for speed, floats in found.items()}
    models["activations only"] = finer.model(found[given.speed])
    if given.out:
        given.out.mkdir(parents=True, exist_ok=True)
        (given.out / "float.onnx").write_bytes(search.source)
        for name, model in models.items():
            onnx.save(model, str(given.out / f"{name.replace(' ', '-')}.onnx"))
    judged, total = judge(search.source, {name: one.SerializeToString() for name, one in models.items()}, given.judge)
    for one in judged:
        share = share_interval(one.same, total)
        assert not isinstance(share, Missing)
        print(
            f"{one.name}: {decibels(one.noise)}, top class of float on {share.value:.2%}"
            f" [{share.low:.2%}, {share.high:.2%}] of {total}"
        )
    for floats in found.values():
        logs = search.log_times(session(search.model(floats).SerializeToString(), 1), 40)
        spread = t_quantile(len(logs) - 1, 0.975) * logs.std(ddof=1) / math.sqrt(len(logs))
        low, high = (math.exp(-logs.mean() + sign * spread) for sign in (-1, 1))
        print(f"{len(floats)} layers in float: {math.exp(-logs.mean()):.3f}x [{low:.3f}, {high:.3f}]: {sorted(floats)}")
    needed, misfit = needed_noise(judged, total, given.agreement)
    print(
        f"{given.agreement:.0%} needs {decibels(needed)} (worst misfit {misfit:.1f} standard errors);"
        f" at {given.speed:.3g}x the best set has {decibels(search.measure(found[given.speed]).noise)},"
        f" the bound is {decibels(bounds[given.speed])}"
    )


if __name__ == "__main__":
    main()
