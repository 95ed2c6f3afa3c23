"""``shelfwise contract schema``: the message contract as JSON Schema, checked in under docs/schemas."""

import json
from pathlib import Path
from typing import Any, Final

import msgspec
import typer

from contract.errors import ConfigError
from contract.messages import AnyObservation, Command, CommandResult, Header, Hello, Receipt

contract_app = typer.Typer(help="The message contract.", no_args_is_help=True)

FOLDER: Final = Path(__file__).parent.parent / "docs" / "schemas" / "v1"
SCHEMAS: Final[dict[str, Any]] = {
    "header": Header,
    "observation": AnyObservation,
    "hello": Hello,
    "receipt": Receipt,
    "command": Command,
    "result": CommandResult,
}


def render(kind: Any) -> str:
    """Return the JSON Schema (draft 2020-12) of a message as text."""
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **msgspec.json.schema(kind)}
    return json.dumps(schema, indent=2, ensure_ascii=False, sort_keys=True) + "\n"


@contract_app.callback()
def _group() -> None:
    """Keep `schema` a sub-command."""


@contract_app.command("schema")
def schema(
    *, check: bool = typer.Option(False, "--check", help="fail when a checked-in schema is stale")
) -> None:
    """Write the schemas, or check that they are current.

    Example: shelfwise contract schema --check
    """
    for name, kind in SCHEMAS.items():
        file = FOLDER / f"{name}.json"
        text = render(kind)
        if not check:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
        elif not file.exists() or file.read_text(encoding="utf-8") != text:
            raise ConfigError(f"docs/schemas/v1/{name}.json is stale; run: make schemas")
    print(f"{len(SCHEMAS)} schemas {'are current' if check else 'written'}")
