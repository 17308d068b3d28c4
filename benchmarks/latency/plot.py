"""Draws lines over a logarithmic axis, as SVG, for the growth figures."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

_WIDTH, _HEIGHT, _LEFT, _TOP, _RIGHT, _BOTTOM = 720, 360, 50, 40, 20, 90
_COLOURS: Final = ("#1f77b4", "#d62728", "#2ca02c", "#9467bd")
_HIGHEST: Final = 1.6
_TICKS: Final = (0.0, 0.4, 0.8, 1.2, _HIGHEST)


@dataclass(frozen=True, slots=True)
class Line:
    """Points of size (1 or more) and ratio, under a name."""

    name: str
    points: Sequence[tuple[int, float]]


def drawn(title: str, lines: Sequence[Line], limit: float) -> str:
    """The lines in one picture, with a dashed one at the `limit`. Values above the picture are drawn at its edge."""
    decades = max(1, math.ceil(math.log10(max(size for line in lines for size, _ in line.points))))
    bottom, right = _HEIGHT - _BOTTOM, _WIDTH - _RIGHT

    def x(size: float) -> float:
        return _LEFT + math.log10(size) / decades * (right - _LEFT)

    def y(ratio: float) -> float:
        return bottom - min(ratio, _HIGHEST) / _HIGHEST * (bottom - _TOP)

    parts = [_text(_LEFT, _TOP / 2, title, "start")]
    for tick in _TICKS:
        parts += [_line(_LEFT, y(tick), right, y(tick), "#ddd"), _text(_LEFT - 8, y(tick) + 4, f"{tick:.1f}", "end")]
    for decade in range(decades + 1):
        parts.append(_text(x(10**decade), bottom + 18, f"{10**decade:,}", "middle"))
    parts.append(_line(_LEFT, y(limit), right, y(limit), "#333", "6 4"))
    for number, line in enumerate(lines):
        colour = _COLOURS[number % len(_COLOURS)]
        points = " ".join(f"{x(size):.1f},{y(ratio):.1f}" for size, ratio in line.points)
        parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts += [
            f'<circle cx="{x(size):.1f}" cy="{y(ratio):.1f}" r="3" fill="{colour}"/>' for size, ratio in line.points
        ]
        parts.append(_text(_LEFT, bottom + 40 + 16 * number, line.name, "start", colour))
    size = f'width="{_WIDTH}" height="{_HEIGHT}" viewBox="0 0 {_WIDTH} {_HEIGHT}"'
    style = 'font-family="sans-serif" font-size="12"'
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" {size} {style}>',
            '<rect width="100%" height="100%" fill="white"/>',
            *parts,
            "</svg>\n",
        ]
    )


def _text(x: float, y: float, text: str, anchor: str, colour: str = "#333") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}">{escape(text)}</text>'


def _line(x1: float, y1: float, x2: float, y2: float, colour: str, dashes: str = "none") -> str:
    place = f'x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"'
    return f'<line {place} stroke="{colour}" stroke-dasharray="{dashes}"/>'
