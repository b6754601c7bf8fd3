"""Recordings with layers, from stated laws: a small network in float and, fused, in int8."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ironlaw.arm import Arm
from ironlaw.code import CodeSite
from ironlaw.layer import Form, LayerCall
from ironlaw.measure.layers.scripted import ScriptedLayer
from ironlaw.measure.scripted import ArmScript, Script
from ironlaw.plan import Plan, Schedule, with_control
from ironlaw.recording import Recording, assemble
from tests.scripted import run_script

IMAGE, FEATURES, TOKENS = (1, 3, 16, 16), (1, 8, 16, 16), (1, 2048)


def layer(
    path: str, operator: str, *fed_by: int, forms: tuple[Form, ...] = (), code: tuple[CodeSite, ...] = (), **law: float
) -> ScriptedLayer:
    """A layer with its input, output and weight."""
    call = LayerCall(
        path=path,
        operator=operator,
        fed_by=fed_by,
        is_functional=not path,
        inputs=forms[:1],
        outputs=forms[1:2],
        parameters=forms[2:],
    )
    return ScriptedLayer(call=call, code=code, **law)


def form(shape: tuple[int, ...], dtype: str = "float32") -> Form:
    return Form(shape, dtype)


FLOAT = (
    layer(
        "conv",
        "Conv2d",
        -1,
        forms=(form(IMAGE), form(FEATURES), form((8, 3, 3, 3))),
        user_instructions=40e6,
        user_cpi=0.8,
        kernel_instructions=2e6,
        page_faults=100,
    ),
    layer("bn", "BatchNorm2d", 0, forms=(form(FEATURES), form(FEATURES)), user_instructions=10e6),
    layer("relu", "ReLU", 1, forms=(form(FEATURES), form(FEATURES)), user_instructions=5e6),
    layer("", "add", 2, forms=(form(FEATURES), form(FEATURES)), user_instructions=5e6),
    layer("fc", "Linear", 3, forms=(form(TOKENS), form((1, 10)), form((10, 2048))), user_instructions=20e6),
)
INT8 = (
    layer("quant", "Quantize", -1, forms=(form(IMAGE), form(IMAGE, "quint8")), user_instructions=2e6),
    layer(
        "conv",
        "ConvReLU2d",
        0,
        forms=(form(IMAGE, "quint8"), form(FEATURES, "quint8"), form((8, 3, 3, 3), "qint8")),
        user_instructions=15e6,
        user_cpi=0.7,
    ),
    layer("", "add", 1, forms=(form(FEATURES, "quint8"), form(FEATURES, "quint8")), user_instructions=4e6),
    layer("dequant", "DeQuantize", 2, forms=(form(FEATURES, "quint8"), form(FEATURES)), user_instructions=1e6),
    layer("fc", "Linear", 3, forms=(form(TOKENS), form((1, 10)), form((10, 2048))), user_instructions=20e6),
)
# What the layers leave of these is the framework's: 10 and 3 million instructions.
FLOAT_ARM = ArmScript(layers=FLOAT, user_instructions=90e6, kernel_instructions=2e6, page_faults=110)
INT8_ARM = ArmScript(layers=INT8, user_instructions=45e6)


def recorded(float_arm: ArmScript = FLOAT_ARM, int8_arm: ArmScript = INT8_ARM, **script: Any) -> Recording:
    """Both arms and a control, six replicates; without noise unless it is asked for."""
    still = {"turn_noise": 0.0, "shared_spread": 0.0, **script}
    replicates = still.pop("replicates", 6)
    names, code = still.pop("names", ("fp32", "int8")), still.pop("code", False)
    plan = Plan(
        model="scripted",
        arms=with_control(tuple(map(Arm.of, names))),
        schedule=Schedule(replicates=replicates, rounds=6),
        layers=True,
        code=code,
    )
    return assemble(run_script(plan, Script(arms={"fp32": float_arm, "int8": int8_arm}, **still)))


def reading_costs(inside_ns: float, between_ns: float) -> tuple[ArmScript, ArmScript]:
    """The arms, slowed by reading."""
    float_arm = replace(FLOAT_ARM, reading_inside_ns=inside_ns, reading_between_ns=between_ns)
    return float_arm, replace(INT8_ARM, reading_inside_ns=inside_ns, reading_between_ns=between_ns)
