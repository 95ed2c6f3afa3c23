"""Programs that live and end together: none is left behind, whatever ends their parent."""

import os
import signal
import sys
import time

import pytest

from cli.children import Child, ChildError, Family

SLEEPER = [sys.executable, "-c", "import time; print('up', flush=True); time.sleep(600)"]
STUBBORN = [
    sys.executable,
    "-c",
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(600)",
]


def child(tmp_path, name, command=SLEEPER):
    return Child(name, command, tmp_path / f"{name}.log")


def is_up(one):
    return "up" in one.last_words()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_to_the_parent_stops_every_child_and_the_handlers_are_given_back(tmp_path, number):
    before = signal.getsignal(number)
    children = [child(tmp_path, "one"), child(tmp_path, "two")]

    def live():
        with Family() as family:
            for one in children:
                family.start(one)
            os.kill(os.getpid(), number)
            time.sleep(5)

    with pytest.raises(KeyboardInterrupt):
        live()
    assert [one.alive for one in children] == [False, False]
    assert signal.getsignal(number) is before


def test_a_child_that_ends_by_itself_is_named_with_its_last_words(tmp_path):
    broken = [sys.executable, "-c", "raise SystemExit('no such thing')"]
    with Family() as family:
        family.start(child(tmp_path, "well"))
        family.start(child(tmp_path, "broken", broken))
        with pytest.raises(ChildError, match=r"(?s)broken.*no such thing"):
            family.wait_for("the impossible", lambda: False, 20)


def test_a_child_that_does_not_get_ready_is_named(tmp_path):
    with Family() as family:
        family.start(child(tmp_path, "hub"))
        with pytest.raises(ChildError, match="the hub was not ready within 0 s"):
            family.wait_for("the hub", lambda: False, 0.2)


def test_a_child_that_ignores_sigterm_is_killed(tmp_path):
    stubborn = child(tmp_path, "stubborn", STUBBORN)
    with Family() as family:
        family.start(stubborn)
        family.wait_for("it", lambda: is_up(stubborn), 20)
        assert stubborn.stop(within_s=0.3) == -signal.SIGKILL
    assert stubborn.pid is None
