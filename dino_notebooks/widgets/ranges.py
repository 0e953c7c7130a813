"""The numbers that a knob can take, and the positions of a slider that stand for them."""

import math
from dataclasses import dataclass

POSITIONS = 200  # of a linear slider
FINEST = 0.05  # of the value, a step of a logarithmic slider: each then shows another number of two digits
CLOSEST = 1e-4  # to 1, of a momentum on a slider; the position after it is 1 itself


@dataclass(frozen=True)
class Range:
    """A number that can be set: its name in code, symbol, words, ends, scale, and one sentence on what it does."""

    name: str
    symbol: str
    words: str
    low: float
    high: float
    sentence: str = ""
    scale: str = "linear"  # or "whole" for counts, "log", or "memory" for momenta: 1 - value is logarithmic

    @property
    def name_in_words(self) -> str:
        """What a screen reader calls it."""
        return f"{self.words} {self.symbol}".strip()

    @property
    def positions(self) -> int:
        """The last position of a slider; the first is 0."""
        if self.scale == "linear":
            return POSITIONS
        span = self._scaled(self.high) - self._scaled(self.low)
        return round(span) if self.scale == "whole" else max(1, math.floor(span / FINEST))

    @property
    def step(self) -> float:
        """What an arrow key in the field adds."""
        return 1.0 if self.scale == "whole" else 0.001 if self.high <= 10 else 0.1

    def value_at(self, position: int) -> float:
        """The number at a slider's position, to three digits; on a logarithmic scale to two, see `handy`."""
        low, high = self._scaled(self.low), self._scaled(self.high)
        scaled = low + (high - low) * position / self.positions
        if position in (0, self.positions):
            return self.low if position == 0 else self.high
        if self.scale == "whole":
            return float(round(scaled))
        if self.scale == "log":
            return handy(math.exp(scaled))
        if self.scale == "memory":
            return round(1 - handy(math.exp(-scaled)), 12)
        return rounded(scaled, 3)

    def position_of(self, value: float) -> int:
        """The nearest position of a slider."""
        low, high = self._scaled(self.low), self._scaled(self.high)
        inside = min(self.high, max(self.low, value))
        return round(self.positions * (self._scaled(inside) - low) / (high - low))

    def mended(self, value: float) -> float:
        """The nearest number that can be set."""
        inside = min(self.high, max(self.low, float(value)))
        return float(round(inside)) if self.scale == "whole" else inside

    def _scaled(self, value: float) -> float:
        if self.scale == "log":
            return math.log(max(value, 1e-12))
        if self.scale == "memory":
            return -math.log(max(1 - value, CLOSEST))
        return value


def rounded(value: float, digits: int) -> float:
    """The value to so many significant digits."""
    return float(f"{value:.{digits}g}")


def handy(value: float) -> float:
    """The nearest of 1, 1.05, 1.1, ... 1.95, 2, 2.1, ... 9.9 times a power of ten: never more than 5 % apart."""
    unit = 10.0 ** math.floor(math.log10(value))
    step = 0.05 if value < 2 * unit else 0.1
    return rounded(round(value / unit / step) * step * unit, 3)
