"""Units behind and before numbers: a column of 5 kg and 300 g holds measurements, not names."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection

from gan_runner.datasets.readers.numbers import affix
from gan_runner.errors import printable

_UNITS = """
mg kg lb lbs oz nm um µm \u03bcm mm cm km in inch inches ft feet yd mi mile miles ml cl gal mcg µg
ns us ms sec secs second seconds min mins minute minutes hr hrs hour hours day days week weeks wk
mo month months mon yr yrs year years kb mb gb tb kib mib gib bytes hz khz mhz ghz w kw mw hp bhp
ps kj cal kcal wh kwh mah pa hpa kpa mpa bar mbar psi mmhg mph kmh kph km/h m/s kn kt mpg kmpl
km/kg km/l l/100km % ‰ ° °c °f ppm ppb mol mmol bn mn mio mrd cc rpm mv ma px pt dpi $ € £ ¥ ₹ ₽ ₩
₺ ¢ usd eur gbp jpy inr cny chf cad aud sek nok dkk pln czk brl mxn rub krw us$ a$ c$ hk$ nz$ fr
fr. kr kr.
"""
_KNOWN = frozenset(_UNITS.split())
_LETTERS = frozenset("gtmlshdykKMBWVJ")  # others alone are those of seats and blocks
_MOST_OTHERS = 0.2  # of the different cells
_LEAST_NUMBERS = 2


def find_units(cells: Collection[str]) -> str:
    """Such as "numbers with different units (g, kg)" where most cells are numbers with one of them,
    "" otherwise. Other letters behind numbers, as of seats, are names."""
    found = [affix(cell) for cell in cells]
    units = Counter("" if each == "0" else each.replace("0", "") for each in found if each)
    others = [cell for cell, each in zip(cells, found, strict=True) if not each]
    if units.total() < _LEAST_NUMBERS or len(others) > max(1, _MOST_OTHERS * len(cells)):
        return ""
    if not any(units) or not all(map(is_unit, filter(None, units))):
        return ""
    shown = ", ".join(printable(unit, limit=20) or "none" for unit in sorted(units))
    text = f"numbers with different units ({shown})" if len(units) > 1 else ""
    if others:
        text = text or f"numbers with a unit ({shown})"
        text += f" beside other texts, as {printable(others[0], limit=40)}"
    return text


def is_unit(text: str) -> bool:
    """Whether a text is a unit of measurement."""
    if len(text) == 1 and text.isalpha():
        return text in _LETTERS
    return text.casefold() in _KNOWN or "/" in text
