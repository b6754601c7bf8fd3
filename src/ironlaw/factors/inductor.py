"""inductor.*: settings of torch.compile's Inductor while it compiles a model; they are no part of the model."""

from __future__ import annotations

from ironlaw.factor import ActsOn, Factor


class _Asked(Factor):
    """A setting that the compiled engine reads while it makes a model; on or off, unless a factor says otherwise."""

    plain = "on"
    levels: tuple[str, ...] = ("on", "off")
    shapes_model = True
    acts_on = ActsOn.ENGINE


class InductorFreezing(_Asked):
    """off leaves weights as arguments: nothing is computed from them beforehand, and nothing is packed."""

    name = "inductor.freezing"
    summary = "whether Inductor treats weights as constants, folds what follows from them and packs them"
    may_move = "BatchNorm stays a kernel of its own; library calls without the activation behind them; reorders"


class InductorFusion(_Asked):
    """off gives every elementwise operator and every reduction a loop of its own, which stores its result."""

    name = "inductor.fusion"
    summary = "whether Inductor generates one loop for neighbouring operators"
    may_move = "memory of intermediate results, and so page faults; what a library call computes besides stays in it"


class InductorPrepacking(_Asked):
    """off calls the kernels that take weights as they are stored; constants are folded all the same."""

    name = "inductor.prepacking"
    summary = "whether Inductor lays out weights for oneDNN once, when it compiles"
    may_move = "which library multiplies (MKL instead of oneDNN), and whether activations are part of its call"


class InductorVectors(_Asked):
    """own is the widest that the CPU has. off writes plain loops, of which the C++ compiler may make vectors."""

    name = "inductor.vectors"
    summary = "bits of the vectors that Inductor writes into its loops"
    plain = "own"
    levels = ("own", "off", "128", "256", "512")
    may_move = "nothing in library calls, which choose their own instructions (isa=)"


FACTORS = (InductorFreezing(), InductorFusion(), InductorPrepacking(), InductorVectors())
