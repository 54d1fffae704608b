"""Johnson-Lindenstrauss embeddings learned by the lemma (docs/jl)."""

try:
    import sklearn as _sklearn  # noqa: F401
except ImportError as error:  # pragma: no cover - needs an environment without it
    from derandcut.errors import MissingDependencyError

    raise MissingDependencyError(
        "derandcut.jl needs scikit-learn: pip install 'derandcut[jl]'"
    ) from error

from derandcut.jl.bounds import chernoff, jl_bound, jl_min_dim, union_bound
from derandcut.jl.objective import SecantObjective
from derandcut.jl.projection import (
    BaselineProjection,
    DerandomizedProjection,
    max_distortion,
    smallest_projection,
)

__all__ = [
    "BaselineProjection",
    "DerandomizedProjection",
    "SecantObjective",
    "chernoff",
    "jl_bound",
    "jl_min_dim",
    "max_distortion",
    "smallest_projection",
    "union_bound",
]
