"""Structure discovery in neural networks by the lemma (docs/nn)."""

try:
    import torch as _torch  # noqa: F401, I001
    import sklearn as _sklearn  # noqa: F401
except ImportError as error:  # pragma: no cover - needs an environment without it
    from derandcut.errors import MissingDependencyError

    raise MissingDependencyError(
        "derandcut.nn needs torch and scikit-learn: pip install 'derandcut[nn]'"
    ) from error

from derandcut.nn.diagnosis import StructureReport, diagnose, snap, stein_subspace
from derandcut.nn.estimators import StructureClassifier, StructureRegressor
from derandcut.nn.training import StructureNetwork, train

__all__ = [
    "StructureClassifier",
    "StructureNetwork",
    "StructureRegressor",
    "StructureReport",
    "diagnose",
    "snap",
    "stein_subspace",
    "train",
]
