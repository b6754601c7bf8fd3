"""Categories of code that no rule matches, by the operators it ran in: functions of stripped libraries have no name."""

from __future__ import annotations

import re
from collections import Counter, defaultdict

from ironlaw.analysis.account.kernels import categorised
from ironlaw.code import CodeSite
from ironlaw.explanation.account import Category
from ironlaw.missing import Missing
from ironlaw.recording import Recording

_FEWEST_SAMPLES = 10
_LEAST_SHARE = 0.9  # of a function's samples in operators of one kind: one that several kinds call is none of them
Functions = dict[tuple[str, int], Category]  # by object, and where the function begins in it

# Operators of engines, for code without a name that ran in nothing else; QLinearSoftmax of ONNX Runtime 1.32 was one.
_OPERATORS = (
    (Category.KERNELS, r"(?i)conv|matmul|gemm|attention|lstm|gru"),
    (Category.NORMALIZATION, r"(?i)softmax|norm"),
    (Category.QUANTIZE, r"(?i)quantize|cast"),
    (Category.REORDER, r"(?i)transpose|reshape|concat|gather|slice|reorder|pad$|where|split|expand"),
    (Category.ELEMENTWISE, r"(?i)add|mul|sub|div|relu|gelu|sigmoid|tanh|erf|clip|pool|resize|reduce|exp|sqrt|pow"),
)


def category_of_operator(operator: str) -> Category:
    """What an operator is for by its name; *other* where no rule takes it."""
    return next((category for category, names in _OPERATORS if re.search(names, operator)), Category.OTHER)


def functions_by_operator(recording: Recording, arm: str) -> Functions:
    """The categories of an arm's unclassified functions whose samples nearly all fell into one kind of layer."""
    graph = next((one for one in reversed(recording.layer_graphs) if one.arm == arm), None)
    if graph is None or isinstance(graph.calls, Missing):
        return {}
    counts: dict[tuple[str, int], Counter[Category]] = defaultdict(Counter)
    for fact in recording.layer_codes:
        if fact.arm != arm or isinstance(fact.sites, Missing):
            continue
        pieces = categorised(fact.sites)
        for call, place, count in fact.within:
            site, category = pieces[place]
            if category is Category.OTHER and site.function and call < len(graph.calls):
                kind = category_of_operator(graph.calls[call].operator)
                counts[site.object, site.function][kind] += count
    found: Functions = {}
    for function, kinds in counts.items():
        ((kind, most),) = kinds.most_common(1)
        if kinds.total() >= _FEWEST_SAMPLES and most >= _LEAST_SHARE * kinds.total():
            found[function] = kind
    return found


def judged(pieces: list[tuple[CodeSite, Category]], functions: Functions) -> list[tuple[CodeSite, Category]]:
    """Sites with their categories; an unclassified one gets that of its function, if it is known."""
    return [
        (site, functions.get((site.object, site.function), own) if own is Category.OTHER and site.function else own)
        for site, own in pieces
    ]
