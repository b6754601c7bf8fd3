"""llama.cpp runs GGUF files: given tokens, a state taken back, logits of every token, faults in two lines."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from ironlaw.engines import ENGINES
from ironlaw.engines.llamacpp import execution
from ironlaw.errors import ArmFailed, BadInput
from ironlaw.missing import Missing, is_known
from ironlaw.models import llama_library, open_model
from ironlaw.program import Program
from ironlaw.variant import Variant
from tests.language_models import Made, gguf_file

pytestmark = pytest.mark.skipif(
    isinstance(llama_library.library_file(), Missing), reason="no package with llama.cpp's library is installed"
)
pytest.importorskip("gguf")


def loaded(tmp_path: Path, phase: str, made: Made | None = None, *, threads: int = 1) -> Program:
    """An arm on a small file, as a replicate has it."""
    source = str(gguf_file(tmp_path / "small.gguf", made))
    variant = Variant.parse(f"given@llamacpp+phase={phase}")
    model = open_model(source)
    prepared = execution.prepare(variant, model, tmp_path / phase.replace(":", "-"), threads=threads)
    return execution.load(variant, prepared, model, threads=threads)


def one(program: Program, number: int = 0) -> None:
    batch = program.feed(*program.inputs[number])
    for before in program.before_each:
        before()
    program.infer(*batch)


def test_tokens_are_those_of_the_passage_in_the_files_own_vocabulary(tmp_path: Path) -> None:
    [first] = loaded(tmp_path, "prefill:16").inputs[0]
    assert bytes(first[:5].tolist()).isascii()
    assert len(set(first.tolist())) > 20
    assert 257 in first  # "the", which its merges make


def test_scores_of_tokens_given_together_and_one_by_one_agree(tmp_path: Path) -> None:
    import numpy

    for name in ("together", "apart"):
        (tmp_path / name).mkdir()
    together, apart = loaded(tmp_path / "together", "prefill:16"), loaded(tmp_path / "apart", "decode:8")
    tokens = together.inputs[0][0][:12]
    first, second = (numpy.asarray(program.compared(tokens)) for program in (together, apart))
    assert first.shape == (12, 258)
    assert float(numpy.abs(first - second).max()) < 1e-2 * float(numpy.abs(first).max())
    assert float(numpy.abs(first[0] - first[5]).max()) > 0.1


def test_an_inference_starts_from_the_same_state_each_time(tmp_path: Path) -> None:
    program = loaded(tmp_path, "decode:8")
    sequence: Any = program.infer.__self__  # type: ignore[attr-defined]  # of a bound method
    seen = []
    for _ in range(3):
        one(program)
        seen.append(sequence.context.logits().tobytes())
    assert len(set(seen)) == 1


def test_a_state_that_was_not_taken_back_gives_other_scores(tmp_path: Path) -> None:
    program = loaded(tmp_path, "decode:8")
    sequence: Any = program.infer.__self__  # type: ignore[attr-defined]  # of a bound method
    one(program)
    before = sequence.context.logits().tobytes()
    program.infer(*program.feed(*program.inputs[0]))
    assert sequence.context.logits().tobytes() != before


def test_a_text_is_predicted_and_the_state_is_put_back(tmp_path: Path) -> None:
    program = loaded(tmp_path, "decode:8")
    sequence: Any = program.infer.__self__  # type: ignore[attr-defined]  # of a bound method
    one(program)
    before = sequence.context.logits().tobytes()
    found = program.text()
    assert found["text_tokens"] == 127
    assert is_known(found["text_nats"])
    assert 4.0 < found["text_nats"] < 9.0  # ln(258) is 5.6: its weights are random
    one(program)
    assert sequence.context.logits().tobytes() == before


def test_what_an_inference_reads_is_known(tmp_path: Path) -> None:
    program = loaded(tmp_path, "decode:8", Made(kind="Q8_0"), threads=2)
    assert program.census is not None
    counts = {**program.work(), **program.census().counts}
    assert counts["tokens"] == 1
    assert counts["threads"] == 2
    assert counts["cache_bytes"] == 8 * 2 * 64 * 2  # tokens, layers, keys and values of half the width, float16
    weights = counts["weight_bytes"]
    assert is_known(weights)
    assert weights == counts["weight_bytes_Q8_0"] + counts["weight_bytes_F32"]  # type: ignore[operator]
    assert is_known(counts["own_clock"])


def test_the_phase_of_an_arm_is_read_back(tmp_path: Path) -> None:
    assert loaded(tmp_path, "prefill:16").applied["phase"].startswith("prefill:16")


def failing(tmp_path: Path, text: str, made: Made | None = None) -> ArmFailed:
    source = str(gguf_file(tmp_path / "small.gguf", made))
    with pytest.raises(ArmFailed) as caught:
        execution.prepare(Variant.parse(text), open_model(source), tmp_path / "made")
    assert caught.value.hint
    return caught.value


def test_an_arm_without_a_phase_is_refused(tmp_path: Path) -> None:
    assert "phase=prefill:128" in failing(tmp_path, "given@llamacpp").hint


def test_a_phase_longer_than_the_models_context_is_refused(tmp_path: Path) -> None:
    error = failing(tmp_path, "given@llamacpp+phase=decode:64", Made(context=64))
    assert "needs a context of 65 tokens, and the file's is 64" in error.message


def test_a_phase_longer_than_the_context_is_refused_where_another_phase_of_the_file_was_prepared(
    tmp_path: Path,
) -> None:
    model = open_model(str(gguf_file(tmp_path / "small.gguf", Made(context=64))))
    prepared = execution.prepare(Variant.parse("given@llamacpp+phase=decode:8"), model, tmp_path / "made")
    with pytest.raises(ArmFailed, match="needs a context of 65 tokens"):
        execution.load(Variant.parse("given@llamacpp+phase=decode:64"), prepared, model)


def test_an_architecture_that_the_library_does_not_know_is_named(tmp_path: Path) -> None:
    error = failing(tmp_path, "given@llamacpp+phase=prefill:8", Made(architecture="no-such-one"))
    assert "no-such-one" in error.message


def test_a_context_that_no_memory_holds_is_the_arms_failure(tmp_path: Path) -> None:
    import resource

    text = "given@llamacpp+phase=prefill:8"
    model = open_model(str(gguf_file(tmp_path / "small.gguf", Made(context=1 << 30))))
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (8 << 30, before[1]))
    try:
        with pytest.raises(ArmFailed) as caught:
            execution.prepare(Variant.parse(text.replace(":8", ":999999")), model, tmp_path / "made")
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)
    assert caught.value.hint


def test_without_either_package_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    lacking = ENGINES["llamacpp"].lacks("given")
    assert "llama_cpp or xllamacpp" in lacking
    assert ENGINES["llamacpp"].remedy_for(lacking, "given") == "pip install 'ironlaw[llamacpp]'"


@pytest.mark.parametrize("is_shared", [True, False])
def test_repeated_weights_keep_the_shape_of_the_scores_and_change_their_values(tmp_path: Path, is_shared: bool) -> None:
    import numpy

    from ironlaw.engines.llamacpp import aliasing
    from ironlaw.models.gguf import read_gguf

    program = loaded(tmp_path, "prefill:16", Made(kind="Q4_1"))
    path = tmp_path / "prefill-16" / "prepared.gguf"
    tokens = program.inputs[0][0][:8]
    before = numpy.asarray(program.compared(tokens)).copy()
    said = aliasing.alias(path, read_gguf(str(path)), is_shared=is_shared)
    after = numpy.asarray(program.compared(tokens))
    total, behind = (float(size) for size in re.findall(r"([\d.]+) MB", said))
    assert is_shared or behind == pytest.approx(total, abs=0.05)
    assert after.shape == before.shape
    assert bool(numpy.isfinite(after).all())
    assert not numpy.array_equal(before, after)


@pytest.mark.parametrize(("kind", "block"), [("Q4_1", 20), ("Q8_0", 34), ("Q4_K", 144), ("F32", 4)])
def test_a_frame_repeats_after_whole_pages_and_whole_blocks(kind: str, block: int) -> None:
    from ironlaw.engines.llamacpp.aliasing import frame_bytes

    for frames in (1, 5, 40):
        size = frame_bytes(kind, frames)
        assert size % 4096 == 0
        assert size % block == 0
        assert size <= 256 << 10


@pytest.mark.parametrize(("level", "bytes_of_a_block"), [("q8_0", 34), ("q4_0", 18), ("f32", 128)])
def test_keys_and_values_are_kept_in_the_type_that_is_named(tmp_path: Path, level: str, bytes_of_a_block: int) -> None:
    wide = Made(width=128, heads=4)  # heads of 32, a block of each type
    plain = loaded(tmp_path, "decode:64", wide)
    program = loaded(tmp_path, f"decode:64+llama.cache-type={level}", wide)
    assert program.applied["llama.cache-type"] == f"keys in {level}, values in {level}"
    half, other = plain.work()["cache_bytes"], program.work()["cache_bytes"]
    assert is_known(half)
    assert other == half * bytes_of_a_block / 64
    one(program)


@pytest.mark.parametrize(
    ("level", "kind", "locked"), [("read", "0 of 1 MiB", " 0 MiB"), ("locked", "1 of 1", " 1 MiB")]
)
def test_weights_are_read_or_locked_as_the_process_shows(tmp_path: Path, level: str, kind: str, locked: str) -> None:
    said = loaded(tmp_path, f"decode:8+llama.load={level}", Made(width=128)).applied["llama.load"]
    assert said.startswith(kind)
    assert said.endswith(f"{locked} locked")


def test_weights_that_are_read_cannot_be_aliased(tmp_path: Path) -> None:
    with pytest.raises(ArmFailed, match="memory of their own"):
        loaded(tmp_path, "decode:8+llama.load=read+weights=aliased")


def test_repacked_weights_can_be_aliased_once_they_keep_the_layout_of_the_file(tmp_path: Path) -> None:
    made = Made(kind="Q4_0", width=256, hidden=512)
    packed = loaded(tmp_path, "decode:8", made)
    if not packed.work()["repacked_bytes"]:
        pytest.skip("this library repacks no Q4_0 on this CPU")
    assert packed.work()["aliasable_bytes"] == 0
    with pytest.raises(ArmFailed, match="CPU_REPACK") as caught:
        loaded(tmp_path, "decode:8+weights=aliased", made)
    assert caught.value.hint == "add llama.repack=off to this arm"
    kept = loaded(tmp_path, "decode:8+llama.repack=off+weights=aliased", made)
    assert kept.applied["llama.repack"] == "no weights are repacked"
    assert kept.applied["weights"].startswith("0.6 MB of weights over ")
    assert kept.work()["repacked_bytes"] == 0
    one(kept)


def test_repacking_is_a_switch_of_prepacking_where_weights_are_repacked() -> None:
    from ironlaw.arm import Arm
    from ironlaw.causes.prepacking import CAUSE
    from ironlaw.observed import Observed

    (switch,) = (switch for switch in CAUSE.switches if switch.factor == "llama.repack")
    for repacked in (1e6, 0.0):
        arm = Arm.of("given@llamacpp+phase=decode:8")
        census = {"repacked_bytes": repacked}
        found = Observed(arm=arm, wall_ns=1e7, page_faults=0.0, checks={}, census=census, cpus=1)
        assert CAUSE.suits(switch, found) is bool(repacked)


def test_a_prompt_in_micro_batches_reads_its_weights_as_often_and_answers_the_same(tmp_path: Path) -> None:
    import numpy

    whole = loaded(tmp_path, "prefill:32")
    parts = loaded(tmp_path, "prefill:32+llama.micro-batch=12")
    assert parts.applied["llama.micro-batch"] == "12 tokens together"
    output = 258 * 64 * 4  # one matrix, for the last token alone
    once, often = (program.work()["weight_bytes"] for program in (whole, parts))
    assert is_known(once)
    assert often == 3 * (once - output) + output
    tokens = whole.inputs[0][0][:30]
    first, second = (numpy.asarray(program.compared(tokens)) for program in (whole, parts))
    assert float(numpy.abs(first - second).max()) < 1e-2 * float(numpy.abs(first).max())
    one(parts)


def test_an_arm_with_cold_pages_has_a_file_of_its_own(tmp_path: Path) -> None:
    loaded(tmp_path, "decode:8")
    loaded(tmp_path, "decode:8+page-cache=cold")
    assert (tmp_path / "decode-8" / "prepared.gguf").is_symlink()
    own = tmp_path / "decode-8+page-cache=cold" / "prepared.gguf"
    assert not own.is_symlink()
    assert own.read_bytes() == (tmp_path / "small.gguf").read_bytes()


def test_a_batch_is_refused_with_the_options_that_ask_for_it_and_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="one sequence at a time, not 4") as refused:
        open_model(str(gguf_file(tmp_path / "small.gguf")), batch=4)
    hint = refused.value.hint or ""
    assert "--batch, --vary batch" in hint
    assert "+phase=prefill:512" in hint
