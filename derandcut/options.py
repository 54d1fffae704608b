"""The options of the pipeline: one record each, with default, range and meaning."""

from __future__ import annotations

import difflib
from dataclasses import dataclass, field, fields, replace
from typing import Any

from derandcut.errors import InputError

__all__ = ["Options"]


def _option(default: Any, low: float, high: float, text: str) -> Any:
    return field(default=default, metadata={"low": low, "high": high, "text": text})


@dataclass(frozen=True, slots=True)
class Options:
    """Settings of the stages; the defaults suit almost every graph.

    Pass a preset's name (``"quick"``, ``"default"``, ``"thorough"``) or an instance as
    ``options=`` of `derandcut.maxcut`. Every field's range is checked.

    Examples
    --------
    >>> from derandcut.options import Options
    >>> Options.of("quick").iterations
    300
    >>> Options.of({"iteration": 5})
    Traceback (most recent call last):
        ...
    derandcut.errors.InputError: unknown option 'iteration', did you mean 'iterations'?
    """

    rank: int = _option(16, 2, 512, "columns of V and W in the relaxation")
    iterations: int | None = _option(
        None,
        0,
        10**7,
        "steps of the derandomized relaxation; None: by size, few before a search",
    )
    starts: int | None = _option(
        None,
        1,
        1000,
        "ascents, the best kept; None: as many as are cheap, one before a search",
    )
    start_scale: float = _option(12.0, 1e-3, 1e6, "c of the start W = c V (tau = 1)")
    sdp_tolerance: float = _option(1e-3, 1e-12, 1, "relative gap of the starting SDP")
    bound_tolerance: float = _option(8e-6, 1e-12, 1, "relative gap of the bound's SDP")
    reductions: bool = _option(
        True, 0, 1, "reduce the graph exactly first; it is split into blocks anyway"
    )

    def __post_init__(self) -> None:
        for record in fields(self):
            low, high = record.metadata["low"], record.metadata["high"]
            value = getattr(self, record.name)
            if value is None and record.default is None:
                continue
            if not isinstance(value, int | float) or not low <= value <= high:
                raise InputError(
                    f"option {record.name} must be between {low} and {high}, "
                    f"got {value!r}"
                )
            if "float" not in record.type and value != int(value):
                raise InputError(
                    f"option {record.name} must be a whole number, got {value!r}"
                )

    @classmethod
    def of(cls, options: Options | str | dict[str, Any] | None) -> Options:
        """Turn what a user passes as ``options=`` into an instance."""
        if options is None:
            return cls()
        if isinstance(options, cls):
            return options
        if isinstance(options, str):
            _known("preset", options, PRESETS)
            return PRESETS[options]
        if isinstance(options, dict):
            names = [record.name for record in fields(cls)]
            for name in options:
                _known("option", name, names)
            return replace(cls(), **options)
        raise InputError(
            f"options must be a preset's name, a dict or Options, got {options!r}"
        )


def _known(kind: str, name: Any, names: Any) -> None:
    if name in names:
        return
    near = difflib.get_close_matches(str(name), list(names), n=1, cutoff=0.0)
    raise InputError(f"unknown {kind} {name!r}, did you mean {near[0]!r}?")


PRESETS = {
    "quick": Options(iterations=300, starts=1, bound_tolerance=1e-5),
    "default": Options(),
    "thorough": Options(iterations=3000, start_scale=24.0, bound_tolerance=1e-7),
}
