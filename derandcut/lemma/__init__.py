"""The derandomization lemma for any objective: certificate (1.3), collapse (2.5)."""

from derandcut.lemma.certificate import certify, largest_eigenvalue
from derandcut.lemma.collapse import Collapse, collapse, collapse_direction
from derandcut.lemma.diagnostics import Diagnosis, check_objective, stein_error
from derandcut.lemma.engine import LemmaResult, derandomize
from derandcut.lemma.expectation import (
    ClosedForm,
    Expectation,
    GaussHermite,
    Moments,
    MonteCarlo,
)
from derandcut.lemma.objective import (
    FunctionObjective,
    Objective,
    TorchObjective,
    as_objective,
)
from derandcut.lemma.optimise import (
    LBFGS,
    Adam,
    Momentum,
    Optimiser,
    PerturbedGradientDescent,
    escape,
)
from derandcut.lemma.schedules import constant, geometric, linear

__all__ = [
    "LBFGS",
    "Adam",
    "ClosedForm",
    "Collapse",
    "Diagnosis",
    "Expectation",
    "FunctionObjective",
    "GaussHermite",
    "LemmaResult",
    "Moments",
    "Momentum",
    "MonteCarlo",
    "Objective",
    "Optimiser",
    "PerturbedGradientDescent",
    "TorchObjective",
    "as_objective",
    "certify",
    "check_objective",
    "collapse",
    "collapse_direction",
    "constant",
    "derandomize",
    "escape",
    "geometric",
    "largest_eigenvalue",
    "linear",
    "stein_error",
]
