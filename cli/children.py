"""Child programs: started in a session of their own, watched, stopped by pid in reverse order."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from contract.errors import ShelfwiseError


class ChildError(ShelfwiseError):
    """A child program ended by itself or did not get ready; the text shows its last words."""


class Child:
    """One program.

    Args:
        name: what people call it.
        command: program and arguments.
        log: file for its output.
        environment: variables beside the inherited ones.
    """

    def __init__(
        self, name: str, command: list[str], log: Path, environment: Mapping[str, str] | None = None
    ) -> None:
        self.name = name
        self._command = command
        self._log = log
        self._environment = {**os.environ, **(environment or {})}
        self._running: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the program; in its own session, so that Ctrl-C reaches only the parent."""
        with self._log.open("ab") as sink:
            self._running = subprocess.Popen(
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=sink,
                env=self._environment,
                start_new_session=True,
            )

    @property
    def pid(self) -> int | None:
        """Process id, None when it does not run."""
        return self._running.pid if self.alive and self._running else None

    @property
    def alive(self) -> bool:
        """True while the program runs."""
        return self._running is not None and self._running.poll() is None

    def kill(self) -> None:
        """SIGKILL, as a pulled plug would."""
        if self._running is not None:
            self._running.kill()
            self._running.wait()

    def stop(self, within_s: float = 8.0) -> int | None:
        """SIGTERM, then SIGKILL after a while; returns the exit code."""
        if self._running is None:
            return None
        if self._running.poll() is None:
            self._running.send_signal(signal.SIGTERM)
            try:
                self._running.wait(within_s)
            except subprocess.TimeoutExpired:
                self._running.kill()
                self._running.wait()
        return self._running.returncode

    def last_words(self, lines: int = 6) -> str:
        """Return the end of the program's output."""
        if not self._log.exists():
            return ""
        return "\n".join(self._log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])


class Family:
    """Programs that live and end together; a context manager that stops all, last started first.

    Within the context SIGTERM ends the parent as Ctrl-C does. While the children are being stopped both
    are ignored: an impatient second Ctrl-C would leave the rest of them running.
    """

    def __init__(self) -> None:
        self.children: dict[str, Child] = {}

    def __enter__(self) -> Self:
        self._handlers = {
            number: signal.signal(number, signal.default_int_handler)
            for number in (signal.SIGINT, signal.SIGTERM)
        }
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number in self._handlers:
            signal.signal(number, signal.SIG_IGN)
        for child in reversed(self.children.values()):
            child.stop()
        for number, handler in self._handlers.items():
            signal.signal(number, handler)

    def start(self, child: Child) -> Child:
        """Start a program as part of the family."""
        self.children[child.name] = child
        child.start()
        return child

    def check(self) -> None:
        """Raise ChildError when a program has ended by itself."""
        for child in self.children.values():
            if not child.alive:
                raise ChildError(
                    f"{child.name} ended unexpectedly; its last words were:\n{child.last_words()}"
                )

    def wait_for(self, what: str, ready: Callable[[], bool], within_s: float) -> None:
        """Wait until ``ready`` answers true.

        Raises:
            ChildError: a program ended, or the time is over.
        """
        deadline = time.monotonic() + within_s
        while not ready():
            self.check()
            if time.monotonic() > deadline:
                raise ChildError(f"{what} was not ready within {within_s:.0f} s")
            time.sleep(0.1)


def shelfwise(*arguments: str) -> list[str]:
    """Return the command line of one of our own programs, in this environment."""
    return [sys.executable, "-m", "cli.main", *arguments]
