#!/usr/bin/env python3
"""Cut the lock down to what one role needs, hashes and all.

requirements.lock pins every extra and the tools of development. pip cannot install a part of it by hash:
constraints give versions but no hashes to what they bring in. So pip is asked once what the role's extras
come to under the lock's versions (nothing is installed), and the lock's own entries of these packages,
with their hashes, are written out.

A role is an extra of the project, which brings the project's own dependencies along; ``build``, what it is
built with; or the name of a package in the lock.

    python docker/role_lock.py hub < requirements.lock > hub.lock
"""

import json
import re
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Container, Iterable, Mapping
from pathlib import Path
from typing import Any


def entries(lock: str) -> dict[str, list[str]]:
    """Return package name → its entries; one that is pinned differently per Python has several."""
    found: dict[str, list[str]] = {}
    for entry in re.split(r"\n(?=[A-Za-z0-9])", lock.strip()):
        name = re.match(r"[A-Za-z0-9._-]+", entry)
        if name is None:
            raise SystemExit(f"the lock has an entry without a name: {entry[:60]!r}")
        found.setdefault(normal(name[0]), []).append(entry)
    return found


def normal(name: str) -> str:
    """Return a package name as indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def constraints(lock: str) -> str:
    """Return the lock's versions without hashes."""
    return re.sub(r" \\$", "", re.sub(r"^ +--hash=.*\n?", "", lock, flags=re.MULTILINE), flags=re.MULTILINE)


def wanted(pyproject: Mapping[str, Any], roles: Iterable[str], pinned: Container[str]) -> list[str]:
    """Return the requirements of these roles."""
    project = pyproject["project"]
    extras = project["optional-dependencies"]
    found: list[str] = []
    for role in roles:
        if role in extras:
            found += [*project["dependencies"], *extras[role]]
        elif role == "build":
            found += pyproject["build-system"]["requires"]
        elif normal(role) in pinned:
            found.append(role)
        else:
            raise SystemExit(
                f"{role!r} is neither an extra ({', '.join(extras)}), 'build' nor a package in the lock"
            )
    return list(dict.fromkeys(found))


def cut(lock: str, names: Iterable[str]) -> str:
    """Return the lock's entries of these packages."""
    every = entries(lock)
    missing = sorted(set(names) - set(every))
    if missing:
        raise SystemExit(f"the lock does not pin {', '.join(missing)}; make it anew")
    return "".join(f"{entry}\n" for name in sorted(set(names)) for entry in every[name])


def resolve(lock: str, requirements: list[str]) -> list[str]:
    """Ask pip which packages these requirements come to under the lock's versions."""
    with tempfile.TemporaryDirectory() as folder:
        pins, report = Path(folder, "pins.txt"), Path(folder, "report.json")
        pins.write_text(constraints(lock), encoding="utf-8")
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--dry-run", "--ignore-installed"]
        command += ["--constraint", str(pins), "--report", str(report), *requirements]
        subprocess.run(command, check=True)  # noqa: S603 - our own interpreter, the project's own requirements
        chosen = json.loads(report.read_text(encoding="utf-8"))["install"]
    return [normal(package["metadata"]["name"]) for package in chosen]


def main() -> None:
    """Read the lock from standard input, write the role's part of it to standard output."""
    roles = sys.argv[1:]
    if not roles:
        raise SystemExit("expected one or more roles, for example: python docker/role_lock.py hub")
    with Path("pyproject.toml").open("rb") as file:
        pyproject = tomllib.load(file)
    lock = sys.stdin.read()
    sys.stdout.write(cut(lock, resolve(lock, wanted(pyproject, roles, entries(lock)))))


if __name__ == "__main__":
    main()
