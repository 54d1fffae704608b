"""Axes to draw on, where a result's `plot` is given none."""

from __future__ import annotations

from typing import Any

from derandcut.errors import MissingDependencyError

__all__ = ["new_axes"]


def new_axes() -> Any:
    """Axes of a new pyplot figure.

    Raises
    ------
    MissingDependencyError
        Without matplotlib.
    """
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise MissingDependencyError(
            "a plot needs matplotlib: pip install 'derandcut[plot]'"
        ) from error
    return plt.subplots()[1]
