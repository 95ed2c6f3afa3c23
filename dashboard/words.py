"""Everything the screen says, in the reader's language: sentences, numbers, times and money.

All sentences live in ``strings.toml``, one key with a text per language. A name from the shop (product,
zone, device) goes into a sentence between Unicode isolates, so that a right-to-left name cannot turn its
surroundings around, and such a sentence is only ever drawn as plain text. Unknown is a dash, never zero.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from functools import cache
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

LANGUAGES: Final = ("zh-CN", "en")
STRINGS: Final = Path(__file__).with_name("strings.toml")
DASH: Final = "—"
_ISOLATE: Final = ("\u2068", "\u2069")
_CONTROLS: Final = dict.fromkeys((*range(32), 127, *range(8234, 8239), *range(8294, 8298)))
_SIGNS: Final = {
    "zh-CN": {"CNY": "¥", "USD": "US$", "EUR": "€", "HKD": "HK$", "JPY": "JP¥", "GBP": "£"},
    "en": {"CNY": "CN¥", "USD": "$", "EUR": "€", "HKD": "HK$", "JPY": "¥", "GBP": "£"},
}


@cache
def strings() -> Mapping[str, Mapping[str, str]]:
    """Return key → language → text; keys are ``section.name``."""
    with STRINGS.open("rb") as file:
        sections = tomllib.load(file)
    return {
        f"{section}.{name}": texts for section, entries in sections.items() for name, texts in entries.items()
    }


def language_of(asked: str | None, locale: str | None) -> str:
    """Return a language we speak: the one asked for, else the browser's, else English."""
    if asked in LANGUAGES:
        return str(asked)
    return "zh-CN" if (locale or "").lower().startswith("zh") else "en"


def plain(name: str | None, *, most: int = 80) -> str:
    """Return a name without control and direction characters, cut to a bearable length."""
    text = (name or "").translate(_CONTROLS).strip()
    return text if len(text) <= most else f"{text[: most - 1]}…"


def isolated(name: str | None) -> str:
    """Return a plain name that cannot change the direction of the text around it."""
    return f"{_ISOLATE[0]}{plain(name)}{_ISOLATE[1]}"


@dataclass(frozen=True, slots=True)
class Words:
    """A language with the store's time zone and currency."""

    language: str
    zone: tzinfo = UTC
    currency: str = ""

    @classmethod
    def of(cls, language: str, time_zone: str, currency: str) -> "Words":
        """Return words for a store; a time zone this machine does not know becomes UTC."""
        try:
            zone: tzinfo = ZoneInfo(time_zone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            zone = UTC
        return cls(language, zone, currency)

    def __call__(self, key: str, **values: object) -> str:
        """Return a sentence with its values filled in."""
        text = strings()[key][self.language]
        return text.format(**values) if values else text

    def maybe(self, key: str, otherwise: str) -> str:
        """Return a sentence for a word of the hub's that a newer hub may have invented."""
        found = strings().get(key)
        return found[self.language] if found else otherwise

    def name(self, name: str | None, name_zh: str | None, otherwise: str | None) -> str:
        """Return the name in this language, the other language's, or the code."""
        first, second = (name_zh, name) if self.language == "zh-CN" else (name, name_zh)
        return plain(first) or plain(second) or plain(otherwise) or DASH

    def number(self, value: float | None) -> str:
        """Return a number with its thousands apart; a dash for unknown."""
        if value is None:
            return DASH
        return f"{int(value):,}" if value == int(value) else f"{value:,.1f}"

    def money(self, amount: float | None) -> str:
        """Return an amount in the store's currency; a dash for unknown."""
        if amount is None:
            return DASH
        sign = _SIGNS[self.language].get(self.currency, f"{plain(self.currency, most=8)} ")
        return f"{sign}{amount:,.2f}"

    def moment(self, at_ms: int | None, now_ms: int) -> str:
        """Return a local time, with its date when that is not today's; a dash for unknown."""
        if at_ms is None:
            return DASH
        at = datetime.fromtimestamp(at_ms / 1000, self.zone)
        today = datetime.fromtimestamp(now_ms / 1000, self.zone)
        clock = f"{at:%H:%M:%S}"
        if at.date() == today.date():
            return clock
        if self.language == "zh-CN":
            return f"{at.month}月{at.day}日 {at:%H:%M}"
        return f"{at.day} {('Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec')[at.month - 1]} {at:%H:%M}"

    def span(self, seconds: float) -> str:
        """Return a length of time in its largest unit."""
        for size, key in ((86_400, "time.days"), (3_600, "time.hours"), (60, "time.minutes")):
            if seconds >= size:
                return self(key, n=int(seconds // size))
        return self("time.seconds", n=int(seconds))
