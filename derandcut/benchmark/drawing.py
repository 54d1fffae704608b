"""Line charts as inline SVG: small, legible at 380 pixels and in print."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

__all__ = ["Axis", "Series", "line_chart", "swatch"]

# Okabe and Ito's colours, told apart by the colour-blind; then again with dashes.
COLOURS = (
    "#0072b2",
    "#d55e00",
    "#009e73",
    "#cc79a7",
    "#56b4e9",
    "#e69f00",
    "#000000",
    "#7f7f7f",
)
DASHES = ("", "6 3", "2 2", "8 3 2 3")
WIDTH, HEIGHT = 460, 300
LEFT, RIGHT, TOP, BOTTOM = 62, 12, 10, 44


@dataclass(frozen=True)
class Series:
    """A line: points (x, y), the number of its style, and marked points."""

    name: str
    points: Sequence[tuple[float, float]]
    style: int
    steps: bool = False
    marks: Sequence[tuple[float, float]] = ()


@dataclass(frozen=True)
class Axis:
    """Label, range and scale; values below `low` are drawn at `low`."""

    label: str
    low: float
    high: float
    logarithmic: bool = False
    percent: bool = False
    zero_at_low: bool = False

    def place(self, value: float) -> float:
        """Position in 0..1."""
        value = min(max(value, self.low), self.high)
        if self.logarithmic:
            return math.log(value / self.low) / math.log(self.high / self.low)
        return (value - self.low) / (self.high - self.low)

    def ticks(self) -> list[float]:
        """Round values in range."""
        if not self.logarithmic or self.high < 4 * self.low:
            step = _round_step((self.high - self.low) / 5)
            first = math.ceil(self.low / step - 1e-9)
            last = math.floor(self.high / step + 1e-9)
            return [k * step for k in range(first, last + 1)]
        decades = range(
            math.ceil(math.log10(self.low) - 1e-9),
            math.floor(math.log10(self.high) + 1e-9) + 1,
        )
        if len(decades) >= 2:
            return [10.0**k for k in decades]
        low = math.floor(math.log10(self.low))
        wide = [d * 10.0**k for k in range(low, low + 3) for d in (1, 2, 5)]
        return [tick for tick in wide if self.low <= tick <= self.high]

    def text(self, value: float) -> str:
        """A tick's label."""
        if self.zero_at_low and value <= self.low * (1 + 1e-9):
            return "0"
        return f"{100 * value:.4g} %" if self.percent else f"{value:.4g}"


def _round_step(step: float) -> float:
    power = 10.0 ** math.floor(math.log10(step))
    return next(k * power for k in (1, 2, 2.5, 5, 10) if k * power >= step * 0.999)


def line_chart(title: str, x: Axis, y: Axis, series: Sequence[Series]) -> str:
    """Return an ``<svg>`` element; the legend is the caller's (see `swatch`)."""
    parts = [
        f'<svg class="chart" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-label="{escape(title)}"><title>{escape(title)}</title>'
    ]
    for tick in x.ticks():
        at = _x(x, tick)
        parts.append(
            f'<path class="grid" d="M{at:.1f} {TOP}V{HEIGHT - BOTTOM}"/>'
            f'<text x="{at:.1f}" y="{HEIGHT - BOTTOM + 15}" '
            f'text-anchor="{"end" if at > WIDTH - 25 else "middle"}">'
            f"{x.text(tick)}</text>"
        )
    for tick in y.ticks():
        at = _y(y, tick)
        parts.append(
            f'<path class="grid" d="M{LEFT} {at:.1f}H{WIDTH - RIGHT}"/>'
            f'<text x="{LEFT - 5}" y="{at + 4:.1f}" text-anchor="end">'
            f"{y.text(tick)}</text>"
        )
    parts.append(
        f'<path class="axis" d="M{LEFT} {TOP}V{HEIGHT - BOTTOM}H{WIDTH - RIGHT}"/>'
        f'<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 8}" '
        f'text-anchor="middle">{escape(x.label)}</text>'
    )
    parts += [_line(x, y, line) for line in series]
    return "".join(parts) + "</svg>"


def _x(axis: Axis, value: float) -> float:
    return LEFT + axis.place(value) * (WIDTH - LEFT - RIGHT)


def _y(axis: Axis, value: float) -> float:
    return HEIGHT - BOTTOM - axis.place(value) * (HEIGHT - TOP - BOTTOM)


def _line(x: Axis, y: Axis, line: Series) -> str:
    shown = [(_x(x, a), _y(y, b)) for a, b in line.points if math.isfinite(b)]
    colour, dash = _style(line.style)
    path = ""
    for i, (a, b) in enumerate(shown):
        if i == 0:
            path = f"M{a:.1f} {b:.1f}"
        else:
            path += f"H{a:.1f}V{b:.1f}" if line.steps else f"L{a:.1f} {b:.1f}"
    drawn = (
        f'<path class="line" stroke="{colour}"{dash} d="{path}">'
        f"<title>{escape(line.name)}</title></path>"
    )
    for a, b in line.marks:
        drawn += (
            f'<circle cx="{_x(x, a):.1f}" cy="{_y(y, b):.1f}" r="3.5" '
            f'fill="{colour}"><title>{escape(line.name)}</title></circle>'
        )
    return drawn


def _style(number: int) -> tuple[str, str]:
    colour = COLOURS[number % len(COLOURS)]
    dash = DASHES[number // len(COLOURS) % len(DASHES)]
    return colour, f' stroke-dasharray="{dash}"' if dash else ""


def swatch(number: int) -> str:
    """A legend's piece of line."""
    colour, dash = _style(number)
    return (
        '<svg class="swatch" viewBox="0 0 26 10" aria-hidden="true">'
        f'<path class="line" stroke="{colour}"{dash} d="M1 5H25"/></svg>'
    )
