"""How tests of damaged input look for examples: the same ones in every run, however slow each is."""

from __future__ import annotations

from hypothesis import HealthCheck, settings


def fuzzed(examples: int) -> settings:
    """That many examples, derived from the test's name; a folder that it is given is shared by all."""
    return settings(
        max_examples=examples,
        deadline=None,
        derandomize=True,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
    )
