"""derandcut: MAXCUT, Ising and QUBO, each answer with a proof attached.

>>> import derandcut
>>> result = derandcut.maxcut(([0, 1, 2], [1, 2, 0], [1, 1, 1]))
>>> result.cut, result.upper_bound
(2, 2)
"""

import importlib
from types import ModuleType

from derandcut.cut.goemans_williamson import goemans_williamson
from derandcut.cut.sdp import sdp
from derandcut.errors import DerandcutError, InputError
from derandcut.formats import read_graph
from derandcut.graph import CutGraph
from derandcut.options import Options
from derandcut.result import CutResult, Status
from derandcut.solver import maxcut
from derandcut.verification import verify

__all__ = [
    "CutGraph",
    "CutResult",
    "DerandcutError",
    "InputError",
    "Options",
    "Status",
    "goemans_williamson",
    "maxcut",
    "read_graph",
    "sdp",
    "verify",
]
__version__ = "0.1.0"

_MODULES = ("datasets", "formats", "jl", "lemma", "models", "nn")


def __getattr__(name: str) -> ModuleType:
    """Load a module when it is first used: `derandcut.datasets`, `derandcut.nn`."""
    if name in _MODULES:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_MODULES})
