#!/usr/bin/env python3
"""Write the generated tables into docs/devices.md, each between its two marks."""

import re
from pathlib import Path

from cli.drivers.command import device_table, settings_table

PAGE = Path(__file__).parents[1] / "docs" / "devices.md"
TABLES = {"drivers": device_table, "settings": settings_table}

text = PAGE.read_text(encoding="utf-8")
for name, table in TABLES.items():
    between = re.compile(rf"(<!-- {name} -->\n).*?(<!-- end -->)", re.DOTALL)
    text = between.sub(lambda marks, table=table: marks[1] + table() + marks[2], text)
PAGE.write_text(text, encoding="utf-8")
