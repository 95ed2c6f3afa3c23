#!/usr/bin/env python3
"""Take the pictures of the documentation from a running demo: docs/pictures/{now,floor,stock,orders,setup}.png.

Opens a simulated store with nine days of history and the screen, lets shoppers in for a while, and
photographs every page at desk width and the first one at phone width. Needs chromium and chromedriver
(Debian packages chromium and chromium-driver), a Chinese font (fonts-noto-cjk) and the development tools of the lock:

    .venv/bin/python scripts/pictures.py
"""

import contextlib
import shutil
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from cli.broker import free_port
from cli.children import Child, shelfwise
from cli.store import STRAY_CODE, LocalStore
from dashboard.client import HubUnreachableError

FOLDER: Final = Path(__file__).parent.parent / "docs" / "pictures"
SHOTS: Final = (
    ("now", "", 1280, 900),
    ("floor", "floor", 1280, 900),
    ("stock", "stock", 1280, 900),
    ("orders", "orders", 1280, 900),
    ("setup", "setup", 1280, 900),
    ("now-phone", "", 390, 844),
)
FLAGS: Final = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
)  # fmt: skip
SHOPPERS_S: Final = 110.0
SEED: Final = 7


@contextlib.contextmanager
def browser(profile: Path) -> Iterator[Any]:
    """Yield a browser that nobody sees."""
    from selenium import webdriver

    program, driver_program = shutil.which("chromium"), shutil.which("chromedriver")
    if program is None or driver_program is None:
        raise SystemExit(
            "missing: chromium and chromedriver; install them with: sudo apt-get install chromium chromium-driver"
        )
    chosen = webdriver.ChromeOptions()
    for flag in (*FLAGS, f"--user-data-dir={profile}"):
        chosen.add_argument(flag)
    chosen.binary_location = program
    chosen.page_load_strategy = "eager"
    driver = webdriver.Chrome(options=chosen, service=webdriver.ChromeService(driver_program))
    driver.set_page_load_timeout(30)
    try:
        yield driver
    finally:
        driver.quit()


def shoot(driver: Any, address: str, width: int, height: int, target: Path) -> None:
    """Open a page, wait for its first figures, and save what is seen."""
    size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    driver.get("about:blank")
    driver.get(address)
    seen = "return (document.querySelector('[data-testid=stMain]')?.innerText || '').includes('updated')"
    wait_until(lambda: driver.execute_script(seen), 30, f"figures on {address}")
    drawn = """const charts = [...document.querySelectorAll('[data-testid=stPlotlyChart]')];
        const wanted = ['/stock', '/orders', '/setup'].includes(location.pathname) ? 0 : 1;
        return charts.length >= wanted && charts.every(chart => chart.querySelector('.main-svg .shapelayer, .main-svg .cartesianlayer'))"""
    time.sleep(2.0)  # two live refreshes
    wait_until(lambda: driver.execute_script(drawn), 30, f"charts on {address}")
    time.sleep(1.0)
    driver.save_screenshot(str(target))


def wait_until(ask: Callable[[], Any], within_s: float, what: str) -> None:
    """Wait for a yes."""
    deadline = time.monotonic() + within_s
    while not ask():
        if time.monotonic() > deadline:
            raise SystemExit(f"{what} did not come within {within_s:.0f} s")
        time.sleep(0.2)


def answers(url: str) -> bool:
    """Return whether somebody answers there, past any proxy."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with contextlib.suppress(OSError), opener.open(url, timeout=2) as answer:
        return bool(answer.status == 200)
    return False


def has_stock(store: LocalStore) -> bool:
    """Return whether live stock has arrived."""
    with contextlib.suppress(HubUnreachableError):
        return any(line["total"] for line in store.client.stock(store.store)["lines"])
    return False


def main() -> None:
    """Open the store, take the pictures, close the store."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="shelfwise-pictures-") as scratch:
        folder = Path(scratch)
        store = LocalStore(folder / "store", "popup")
        store.write_history(seed=SEED)
        with store.family:
            store.start(noise=True, seed=SEED, stray_code=STRAY_CODE)
            port = free_port()
            command = shelfwise("dashboard", "run", "--hub-url", store.url, "--port", str(port))
            store.family.start(Child("screen", command, folder / "screen.log"))
            address = f"http://127.0.0.1:{port}"
            store.family.wait_for("the screen", lambda: answers(f"{address}/_stcore/health"), 60)
            store.family.wait_for("live stock", lambda: has_stock(store), 60)
            time.sleep(SHOPPERS_S)
            store.client.post(f"/v1/stores/{store.store}/replan", None)
            with browser(folder / "profile") as driver:
                for name, page, width, height in SHOTS:
                    target = FOLDER / f"{name}.png"
                    shoot(driver, f"{address}/{page}?lang=en", width, height, target)
                    sys.stdout.write(f"{target}\n")


if __name__ == "__main__":
    main()
