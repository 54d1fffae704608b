"""The derandomization lemma for any objective: certificate (1.3), collapse (2.5)."""

from derandcut.lemma.certificate import certify, largest_eigenvalue
from derandcut.lemma.collapse import Collapse, collapse, collapse_direction
from derandcut.lemma.engine import LemmaResult, derandomize, stein_error
from derandcut.lemma.expectation import (
    ClosedForm,
    Expectation,
    GaussHermite,
    Moments,
    MonteCarlo,
)
from derandcut.lemma.objective import (
    Diagnosis,
    FunctionObjective,
    Objective,
    TorchObjective,
    check_objective,
)
from derandcut.lemma.optimise import (
    Adam,
    Momentum,
    Optimiser,
    PerturbedGradientDescent,
)
from derandcut.lemma.schedules import constant, geometric, linear

__all__ = [
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
    "certify",
    "check_objective",
    "collapse",
    "collapse_direction",
    "constant",
    "derandomize",
    "geometric",
    "largest_eigenvalue",
    "linear",
    "stein_error",
]
