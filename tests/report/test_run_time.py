"""What a run's wall time went into, in words, as JSON and as a bar."""

from __future__ import annotations

from ironlaw.explanation import RunTime
from ironlaw.fact import Activity
from ironlaw.missing import Missing
from ironlaw.report.run_time import run_bar, run_document, run_sentence

SPENT = {
    Activity.PREPARING: 20.0,
    Activity.STARTING: 40.0,
    Activity.LOADING: 6.0,
    Activity.COUNTED: 50.0,
    Activity.ANSWERS: 3.0,
    Activity.WAITING: 1.0,
}
RUN = RunTime(wall_s=120.0, counted_s=50.0, replicates=5, spent=SPENT)
OLD = RunTime(wall_s=120.0, counted_s=50.0, replicates=5, spent=Missing("not there"))


def test_the_sentence_names_the_counted_share_and_what_took_the_rest() -> None:
    said = run_sentence(RUN).replace("\N{NO-BREAK SPACE}", " ")
    assert said == (
        "Run: 120 s in 5 replicates, 50.0 s of counted inferences (42 %); "
        "starting interpreters 40.0 s, preparing models 20.0 s, loading 6.00 s."
    )


def test_an_old_recording_still_says_how_much_was_counted() -> None:
    said = run_sentence(OLD).replace("\N{NO-BREAK SPACE}", " ")
    assert said == "Run: 120 s in 5 replicates, 50.0 s of counted inferences (42 %)."
    assert run_document(OLD)["spent"] == {"missing": "not there"}
    assert run_bar(OLD, name="run") is None


def test_nothing_is_said_of_a_run_whose_time_is_unknown() -> None:
    cut = RunTime(wall_s=Missing("it was cut"), counted_s=0.0, replicates=0, spent=Missing("it was cut"))
    assert run_sentence(cut) == ""
    assert run_sentence(Missing("a published table")) == ""
    assert run_document(Missing("a published table")) == {"missing": "a published table"}
    assert run_document(cut)["wall_s"] == {"missing": "it was cut"}


def test_the_document_has_every_activity_in_seconds() -> None:
    document = run_document(RUN)
    assert document["spent"] == {one.value: seconds for one, seconds in SPENT.items()}
    assert (document["wall_s"], document["counted_s"], document["replicates"]) == (120.0, 50.0, 5)


def test_the_bar_shows_what_the_sentence_says() -> None:
    drawing = run_bar(RUN, name="run")
    assert drawing is not None
    assert drawing.caption == run_sentence(RUN)
    assert "counted inferences" in drawing.svg
    assert "waiting" not in drawing.svg  # less than 1 % of the run
