"""CSV rows whose every error names file, line, column, the value and what was expected."""

import csv
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import TypeVar

from contract.errors import ConfigError, MessageError
from contract.gtin import gtin_check_digit
from contract.ids import parse_epc, parse_slug

T = TypeVar("T")


class CsvRow:
    """One row; accessors raise ConfigError."""

    def __init__(self, file: str, line: int, values: Mapping[str, str]) -> None:
        self._file, self._line, self._values = file, line, values

    def fail(self, column: str, expected: str) -> ConfigError:
        """Return the error for a column of this row."""
        value = self._values.get(column, "")
        return ConfigError(f"{self._file} line {self._line}, column {column!r}: {value!r} is not {expected}")

    def optional(self, column: str, read: Callable[[str], T]) -> T | None:
        """Return None for an empty or absent field, else what ``read`` makes of the column."""
        return read(column) if (self._values.get(column) or "").strip() else None

    def text(self, column: str) -> str:
        """Return a text of 1 to 200 characters."""
        value = (self._values.get(column) or "").strip()
        if not value or "\0" in value or len(value) > 200:
            raise self.fail(column, "a text of 1 to 200 characters")
        return value

    def whole(self, column: str) -> int:
        """Return a whole number from 1."""
        text = self.text(column)
        if not (text.isascii() and text.isdigit() and 1 <= int(text) <= 1_000_000):
            raise self.fail(column, "a whole number from 1 to 1000000")
        return int(text)

    def units(self, column: str) -> int:
        """Return a whole number other than 0, below it for goods that came back."""
        text = self.text(column)
        digits = text.removeprefix("-")
        if not (digits.isascii() and digits.isdigit() and 1 <= int(digits) <= 1_000_000):
            raise self.fail(column, "a whole number from 1 to 1000000, or the same below zero for a return")
        return int(text)

    def number(self, column: str) -> float:
        """Return a number from 0."""
        try:
            value = float(self.text(column))
        except ValueError:
            value = -1.0
        if not 0 <= value <= 1e9:
            raise self.fail(column, "a number from 0 to 1e9")
        return value

    def gtin(self, column: str) -> str:
        """Return a GTIN of 14 digits, shorter ones filled with zeros."""
        digits = self.text(column)
        if not (digits.isascii() and digits.isdigit() and len(digits) in (8, 12, 13, 14)):
            raise self.fail(column, "a GTIN of 8, 12, 13 or 14 digits")
        full = digits.zfill(14)
        right = gtin_check_digit(full[:13])
        if full[13] != right:
            raise self.fail(column, f"a GTIN with a right check digit (expected {right} at the end)")
        return full

    def epc(self, column: str) -> str:
        """Return an EPC in its one spelling."""
        try:
            return parse_epc(self.text(column))
        except MessageError as error:
            raise self.fail(column, "an EPC in hex of whole 16-bit words") from error

    def slug(self, column: str) -> str:
        """Return an id."""
        try:
            return parse_slug(column, self.text(column))
        except MessageError as error:
            raise self.fail(column, "an id of a-z, 0-9, '_' and '-'") from error

    def moment(self, column: str) -> int:
        """Return an RFC 3339 time as ms."""
        try:
            moment = datetime.fromisoformat(self.text(column))
        except ValueError:
            moment = None
        if moment is None or moment.tzinfo is None or moment.year < 1970:
            raise self.fail(column, "an RFC 3339 time with an offset, such as 2026-05-01T10:00:00+08:00")
        return round(moment.timestamp() * 1000)


def csv_rows(text: str, file: str, needed: Sequence[str], optional: Sequence[str]) -> Iterator[CsvRow]:
    """Yield the rows of a CSV file whose header has all needed and no unknown columns.

    Raises:
        ConfigError: a column is missing or unknown, or a row has too many fields.
    """
    reader = csv.DictReader(text.lstrip("\ufeff").splitlines(), restkey="", restval="", strict=True)
    try:
        header = [name.strip() for name in reader.fieldnames or ()]
        reader.fieldnames = header
        for name in needed:
            if name not in header:
                raise ConfigError(
                    f"{file} line 1: column {name!r} is missing; found {', '.join(header) or 'nothing'}"
                )
        for name in header:
            if name not in (*needed, *optional):
                raise ConfigError(
                    f"{file} line 1: column {name!r} is not known; known are {', '.join((*needed, *optional))}"
                )
        for values in reader:
            if "" in values:
                raise ConfigError(
                    f"{file} line {reader.line_num}: has more fields than the header's {len(header)}"
                )
            yield CsvRow(file, reader.line_num, values)
    except csv.Error as error:
        raise ConfigError(f"{file} line {reader.reader.line_num}: {error}") from error
