"""Experiments in recordings of any age."""

from __future__ import annotations

import msgspec

from ironlaw.experiment import Experiment, Switch

# As recordings have had it from the first on.
LINE = (
    b'{"arm":"b","switches":[{"cause":"c","factor":"malloc","level":"retain","adds":false,"predicts":"faster"}],'
    b'"thrown":"b","spared":"it has none"}'
)


def test_an_experiment_is_written_and_read_by_the_names_that_recordings_have() -> None:
    switch = Switch(cause="c", factor="malloc", level="retain")
    experiment = Experiment(arm="b", switches=(switch,), applied="b", excluded="it has none")
    assert msgspec.json.decode(LINE, type=Experiment) == experiment
    assert msgspec.json.encode(experiment) == LINE[:-1] + b',"beside":""}'
