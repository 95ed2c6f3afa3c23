"""``shelfwise drivers``: list what there is, check one against the laws, begin a new one."""

import json
import re
from importlib.resources import files
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from cli.drivers.conformance import explained, findings
from contract.errors import ConfigError
from edge.driver import DriverSpec
from edge.drivers import ENTRY_POINT_GROUP, driver, drivers

drivers_app = typer.Typer(
    help="Drivers: what there is, what keeps the laws, a new one.", no_args_is_help=True
)

READ_OF: Final = {"scale": "WeightRead", "counter": "CountRead", "rfid": "TagRead", "scanner": "BarcodeRead"}
COLUMNS: Final = ("driver", "device", "senses", "lines", "tier", "notes")


def row(spec: DriverSpec[Any]) -> tuple[str, ...]:
    """Return one driver's line of the device table."""
    line = f" {spec.baud} {spec.framing}" if spec.baud else ""
    lines = ", ".join(f"{name}{line}" if name == "serial" else name for name in spec.transports)
    return (spec.name, spec.title, spec.kind, lines.replace("_", " "), spec.tier, spec.notes)


def device_table() -> str:
    """Return the device table of the documentation, in Markdown."""
    lines = [f"| {' | '.join(COLUMNS)} |", "|" + "---|" * len(COLUMNS)]
    for spec in drivers().values():
        name, *rest = (cell.replace("|", "\\|") for cell in row(spec))
        lines.append(f"| `{name}` | {' | '.join(rest)} |")
    return "\n".join(lines) + "\n"


def settings_table() -> str:
    """Return every driver's settings with default and meaning, in Markdown."""
    lines = ["| driver | setting | default | meaning |", "|---|---|---|---|"]
    for spec in drivers().values():
        shown = f"`{spec.name}`"
        meanings = explained(spec.settings)
        for field in msgspec.structs.fields(spec.settings):
            meaning = meanings.get(field.name, "").replace("``", "`").replace("|", "\\|")
            lines.append(f"| {shown} | `{field.name}` | {_default(field)} | {meaning} |")
            shown = ""
    return "\n".join(lines) + "\n"


def _default(field: msgspec.structs.FieldInfo) -> str:
    value = field.default_factory() if field.default is msgspec.NODEFAULT else field.default
    if value in (None, "", (), {}):
        return "none"
    return f"`{value}`" if isinstance(value, str) else json.dumps(msgspec.to_builtins(value))


@drivers_app.command("list")
def list_drivers(
    *, markdown: Annotated[bool, typer.Option("--markdown", help="as a table for documents")] = False
) -> None:
    """List every driver with its device, lines and tier.

    Example: shelfwise drivers list
    """
    if markdown:
        print(device_table(), end="")
        return
    table = Table(*COLUMNS[:-1], box=None)
    for spec in drivers().values():
        table.add_row(*row(spec)[:-1])
    Console().print(table)


@drivers_app.command("check")
def check(
    names: Annotated[
        list[str] | None, typer.Argument(help="drivers to check; all when none is named")
    ] = None,
    file: Annotated[Path | None, typer.Option(help="check the driver in this file instead")] = None,
) -> None:
    """Check drivers against the laws that every driver keeps; exits with 1 when one is broken.

    Example: shelfwise drivers check m100
    """
    chosen = [_from_file(file)] if file else [driver(name) for name in names or drivers()]
    broken = 0
    for spec in chosen:
        wrong = findings(spec)
        broken += bool(wrong)
        print(f"{spec.name}: {'keeps every law' if not wrong else ''}".rstrip())
        for sentence in wrong:
            print(f"  {sentence}")
    raise typer.Exit(1 if broken else 0)


def _from_file(path: Path) -> DriverSpec[Any]:
    found = spec_from_file_location(path.stem, path)
    if found is None or found.loader is None or not path.exists():
        raise ConfigError(f"{path} is not a Python file with a driver")
    module = module_from_spec(found)
    try:
        found.loader.exec_module(module)
    except (ImportError, SyntaxError) as error:
        raise ConfigError(f"{path} cannot be loaded: {error}") from error
    declared = getattr(module, "DRIVER", None)
    if not isinstance(declared, DriverSpec):
        raise ConfigError(f"{path} declares no DriverSpec as its DRIVER")
    return declared


@drivers_app.command("new")
def new(
    name: Annotated[str, typer.Argument(help="lower case, for example acme")],
    kind: Annotated[
        Literal["scale", "counter", "rfid", "scanner"], typer.Option(help="what it senses")
    ] = "scale",
    package: Annotated[
        Path | None,
        typer.Option(help="make an installable package in this folder instead of a file in this tree"),
    ] = None,
) -> None:
    """Begin a driver: one file with ten lines to fill in, found by itself.

    Example: shelfwise drivers new acme --kind scale
    """
    name = name.strip().lower().replace("-", "_")
    if not re.fullmatch(r"[a-z][a-z0-9_]{1,40}", name):
        raise ConfigError(
            f"driver name {name!r} is not allowed; expected a letter followed by letters, digits and '_'"
        )
    if name in drivers():
        raise ConfigError(f"there is a driver {name!r} already; choose another name")
    for path, text in _new_files(name, kind, package).items():
        if path.exists():
            raise ConfigError(f"{path} exists already; nothing was written over it")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        print(path)
    where = f"--file {package / f'shelfwise_{name}.py'}" if package else name
    print(f"fill in the ten lines, then: shelfwise drivers check {where}")


def _new_files(name: str, kind: str, package: Path | None) -> dict[Path, str]:
    template = files("cli.drivers").joinpath("template.py.txt").read_text(encoding="utf-8")
    words = {
        "NAME": name,
        "CLASS": "".join(word.capitalize() for word in name.split("_")),
        "TITLE": name.replace("_", " ").title(),
        "KIND": kind,
        "READ": READ_OF[kind],
    }
    text = re.sub(r"@([A-Z]+)@", lambda found: words[found[1]], template)
    if package is None:
        folder = Path("edge/drivers")
        if not folder.is_dir():
            raise ConfigError(
                f"there is no folder {folder} here; run this in the project's folder, or name a folder with --package"
            )
        return {folder / f"{name}.py": text}
    return {
        package / f"shelfwise_{name}.py": text,
        package / "pyproject.toml": f"""[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "shelfwise-{name.replace("_", "-")}"
version = "0.1.0"
dependencies = ["shelfwise[edge]"]

[project.entry-points."{ENTRY_POINT_GROUP}"]
{name} = "shelfwise_{name}:DRIVER"

[tool.hatch.build.targets.wheel]
only-include = ["shelfwise_{name}.py"]
""",
    }
