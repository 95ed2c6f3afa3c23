"""The screen in a real browser: layout at two widths and languages, live figures, two taps, hub gone and back.

Then the states of a store that is not as usual: each must give its answer in words and fit at both widths.

Screenshots are left in ``artifacts/screenshots`` for people to look at.
"""

import contextlib
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cli.store import LocalStore

pytestmark = [pytest.mark.flow, pytest.mark.timeout(200)]

SHOTS = Path(__file__).parents[2] / "artifacts" / "screenshots"
PAGES = ("", "floor", "stock", "orders", "gate", "setup")
WIDTHS = {1280: 900, 390: 844}
FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
)  # fmt: skip
SEEN_WITHIN_S = 2.0
HOSTILE = "<img src=x onerror=\"document.title='owned'\"><b>x</b> :red[y] $z$"
HEBREW = "שלום עולם"
ARABIC = "قلب المحيط"


def wait_until(ask, within_s, what):
    deadline = time.monotonic() + within_s
    while True:
        answer = ask()
        if answer:
            return answer
        assert time.monotonic() < deadline, f"{what}: still {answer!r} after {within_s} s"
        time.sleep(0.05)


@pytest.fixture(scope="module")
def chromium(tmp_path_factory):
    """A browser for all tests of this file; its profile is new."""
    if shutil.which("chromium") is None or shutil.which("chromedriver") is None:
        pytest.skip("MISSING COMPONENT: chromium")
    webdriver = pytest.importorskip("selenium.webdriver", reason="MISSING COMPONENT: selenium")
    chosen = webdriver.ChromeOptions()
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        chosen.add_argument(flag)
    chosen.binary_location = shutil.which("chromium")
    chosen.page_load_strategy = "eager"
    chosen.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=chosen, service=webdriver.ChromeService(shutil.which("chromedriver")))
    driver.set_page_load_timeout(30)
    yield driver
    driver.quit()


@pytest.fixture
def serve(tmp_path):
    """Return a function that starts the screen's server against a hub and returns its address."""
    started = []

    def start(hub_url):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        command = [
            sys.executable,
            "-c",
            f"from dashboard.server import serve; serve({hub_url!r}, port={port})",
        ]
        with (tmp_path / "dashboard.log").open("ab") as log:
            started.append(subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL))

        def listens():
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", port)) == 0

        wait_until(listens, 30, "the screen's server")
        return f"http://127.0.0.1:{port}"

    yield start
    for process in started:
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


class Tab:
    """What a person sees and does."""

    def __init__(self, driver):
        self.driver = driver

    def size(self, width, height):
        self.driver.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500},
        )

    def open(self, address, *ready):
        self.driver.get("about:blank")
        self.driver.get_log("browser")
        self.driver.get(address)
        ready = ready or ("updated", "更新")
        wait_until(lambda: any(words in self.text() for words in ready), 40, "the first picture")

    def text(self):
        return self.driver.execute_script(
            "return document.querySelector('[data-testid=stMain]')?.innerText || ''"
        )

    def tile(self, label):
        return self.driver.execute_script(
            """for (const one of document.querySelectorAll('[data-testid=stMetric]'))
                 if (one.innerText.includes(arguments[0]))
                   return one.querySelector('[data-testid=stMetricValue]').innerText;
               return null""",
            label,
        )

    def has_table(self):
        return bool(self.driver.find_elements("css selector", "[data-testid=stDataFrame] canvas"))

    def tap(self, label):
        def press():
            return self.driver.execute_script(
                """for (const one of document.querySelectorAll('[data-testid=stMain] button'))
                     if (one.innerText.trim().endsWith(arguments[0])) { one.click(); return true; }
                   return false""",
                label,
            )

        wait_until(press, 10, f"a button {label!r}")

    def pick(self, text):
        """Open the only list on the page and choose what contains the text."""
        self.open_list()
        wait_until(lambda: self._click("[role=option]", text), 10, f"a choice {text!r}")

    def open_list(self):
        field = wait_until(
            lambda: self.driver.find_elements("css selector", "[data-testid=stSelectbox] input"), 10, "a list"
        )[0]
        field.click()
        wait_until(self.choices, 10, "an open list")

    def choices(self):
        return self.driver.execute_script(
            "return [...document.querySelectorAll('[role=option]')].map(one => one.innerText)"
        )

    def _click(self, selector, text):
        for one in self.driver.find_elements("css selector", selector):
            if text in one.text:
                one.click()
                return True
        return False

    def errors(self):
        """Errors of the console, but for the questions by which Streamlit finds its own root under /page."""
        return [
            entry["message"]
            for entry in self.driver.get_log("browser")
            if entry["level"] == "SEVERE"
            and not any(f"/{page}/_stcore/{what}" in entry["message"] for page in PAGES if page for what in ("health", "host-config"))
        ]  # fmt: skip

    def shoot(self, name):
        SHOTS.mkdir(parents=True, exist_ok=True)
        width, height = self.driver.execute_script("return [innerWidth, innerHeight]")
        full = self.driver.execute_script(
            "return document.querySelector('[data-testid=stMain]').scrollHeight"
        )
        self.size(width, min(max(full, height), 2400))
        time.sleep(0.5)  # the browser lays the page out anew
        self.driver.save_screenshot(str(SHOTS / f"{name}.png"))
        self.size(width, height)


@pytest.fixture
def tab(chromium):
    return Tab(chromium)


def put_a_gate_in(fake_hub, make):
    """Give the store a gate, so that there are six tabs, and a batch with a tag of each kind."""
    heart = ("ocean-heart", "Ocean Heart", "海洋之心")
    tags = [make.gate_tag(f"E28011606000020A6681F2{n:02X}", *heart) for n in range(12)]
    fake_hub.store["gates"] = ["gate-1"]
    fake_hub.gate_batches = [
        make.gate_batch(
            "b-2", expected=tags[:8], unexpected=tags[8:9], undecided=tags[9:10], missing=tags[10:]
        ),
        make.gate_batch("b-1", state="confirmed", ago_ms=900_000, expected=tags[:2]),
    ]
    fake_hub.notices = [make.notice()]


@pytest.mark.parametrize("language", ["en", "zh-CN"])
@pytest.mark.parametrize("width", WIDTHS)
def test_every_page_fits_and_is_quiet(tab, serve, fake_hub, make, width, language):
    fake_hub.decisions += [make.decision("moon-shadow", 0, None, "no_sales")]
    put_a_gate_in(fake_hub, make)
    address = serve(fake_hub.url)
    tab.size(width, WIDTHS[width])
    for page in PAGES:
        tab.open(f"{address}/{page}?lang={language}")
        time.sleep(1.5)  # two live refreshes
        if page:
            wait_until(tab.has_table, 10, "a table")
        found = tab.driver.execute_script(
            """const main = document.querySelector('[data-testid=stMain]');
               const small = [...main.querySelectorAll('button, [data-testid=stPageLink-NavLink]')]
                 .filter(one => !one.closest('[data-testid=stTooltipIcon]') && !one.closest('[data-testid=stMetricLabel]')
                   && one.offsetParent && one.getBoundingClientRect().height > 0 && one.getBoundingClientRect().height < 43.5)
                 .map(one => one.outerHTML.slice(0, 160));
               return {wide: [document.documentElement.scrollWidth, main.scrollWidth], small,
                       lang: document.documentElement.lang}"""
        )
        assert max(found["wide"]) <= width
        assert found["small"] == []
        assert found["lang"] == language
        assert "Traceback" not in tab.text()
        assert tab.driver.find_elements("css selector", "[data-testid=stException]") == []
        assert tab.errors() == []
        tab.shoot(f"{page or 'now'}-{width}-{language}")


def test_tiles_stand_two_in_a_row_on_a_phone(tab, serve, fake_hub):
    tab.size(390, 844)
    tab.open(f"{serve(fake_hub.url)}/?lang=en")
    wait_until(lambda: tab.tile("Devices online"), 10, "the last tile")
    tops = tab.driver.execute_script(
        "return [...document.querySelectorAll('[data-testid=stMetric]')].map(one => Math.round(one.getBoundingClientRect().top))"
    )
    assert len(tops) == 6
    assert tops[0] == tops[1] != tops[2] == tops[3]


def test_a_change_is_on_the_screen_within_two_seconds(tab, serve, fake_hub):
    tab.size(1280, 900)
    tab.open(f"{serve(fake_hub.url)}/?lang=en")
    wait_until(lambda: tab.tile("Visitors today") == "61", 10, "the first figure")
    time.sleep(3.0)  # a page that still loads its pictures is not the one measured
    took = []
    for count in range(62, 68):
        fake_hub.footfall["entered"] = count
        fake_hub.change()
        began = time.monotonic()
        wait_until(lambda count=count: tab.tile("Visitors today") == str(count), 5, "the new figure")
        took.append(time.monotonic() - began)
        time.sleep(0.37)
    assert max(took) < SEEN_WITHIN_S


def test_approve_takes_two_taps_and_reaches_the_hub(tab, serve, fake_hub):
    tab.size(390, 844)
    tab.open(f"{serve(fake_hub.url)}/orders?lang=en")
    tab.tap("Approve")
    tab.tap("Yes, order it")
    wait_until(lambda: fake_hub.told, 5, "the hub's mail")
    assert fake_hub.told == ["/v1/stores/popup-1/orders/popup-1-9/approve"]
    wait_until(lambda: "No order waits for a decision." in tab.text(), 5, "an empty list")
    assert tab.errors() == []


def test_a_batch_is_booked_in_two_taps_on_a_phone(tab, serve, fake_hub, make):
    put_a_gate_in(fake_hub, make)
    tab.size(390, 844)
    tab.open(f"{serve(fake_hub.url)}/gate?lang=en", "In through")
    tab.tap("Only what was expected: 8 units")
    tab.tap("Yes, 8 units have come in")
    wait_until(lambda: fake_hub.told, 5, "the hub's mail")
    assert fake_hub.told == ["/v1/gate/batches/b-2/confirm"]
    assert len(fake_hub.bodies[0]["reject"]) == 2
    wait_until(lambda: "Booked at" in tab.text(), 5, "the batch booked")
    assert tab.errors() == []


def test_a_code_gets_its_product_in_two_taps_and_its_card_goes_at_once(tab, serve, fake_hub):
    tab.size(390, 844)
    tab.open(f"{serve(fake_hub.url)}/setup?lang=en", "39072856")
    time.sleep(2.0)
    tab.tap("Choose product")
    tab.pick("Ocean Heart")
    tab.shoot("setup-choosing-390-en")
    tab.tap("It is this one")
    began = time.monotonic()
    wait_until(lambda: "39072856" not in tab.text(), 5, "the card gone")
    assert time.monotonic() - began < SEEN_WITHIN_S
    assert fake_hub.bodies == [{"code": "39072856", "sku": "ocean-heart", "by": "dashboard"}]
    assert "The code has its product now" in tab.text()
    assert tab.errors() == []


def test_a_list_of_products_stays_open_over_live_refreshes(tab, serve, fake_hub):
    tab.size(390, 844)
    tab.open(f"{serve(fake_hub.url)}/setup?lang=en", "39072856")
    tab.tap("Choose product")
    tab.open_list()
    field = tab.driver.switch_to.active_element
    field.send_keys("moon")
    for _ in range(4):
        fake_hub.change()
        time.sleep(1.0)
        assert len(tab.choices()) == 1
        assert "Moon Shadow" in tab.choices()[0]
    assert field.get_attribute("value") == "moon"
    assert tab.errors() == []


def test_a_tag_laid_down_is_seen_within_two_seconds_and_a_conflict_asks_again(tab, serve, fake_hub, make):
    fake_hub.enrolment = [make.station([])]
    tab.size(390, 844)
    tab.open(f"{serve(fake_hub.url)}/setup?lang=en", "No tag was on this antenna")
    time.sleep(2.0)
    fake_hub.enrolment = [
        make.station([make.tag("E28011606000020A6681F240", "moon-shadow", "Moon Shadow", way="station")])
    ]
    fake_hub.change()
    began = time.monotonic()
    wait_until(lambda: "E28011606000020A6681F240" in tab.text(), 5, "the tag")
    assert time.monotonic() - began < SEEN_WITHIN_S
    tab.tap("Bind as scanned")
    wait_until(lambda: "Replace that with" in tab.text(), 5, "the conflict")
    assert fake_hub.commissioning[0]["sku"] == "moon-shadow"
    tab.shoot("setup-conflict-390-en")
    tab.tap("Yes, replace it")
    wait_until(lambda: "The tag is bound." in tab.text(), 5, "the answer")
    assert [body["replace"] for body in fake_hub.bodies] == [False, True]
    assert tab.errors() == []


def test_hub_gone_dims_the_picture_and_its_return_clears_it(tab, serve, fake_hub):
    tab.size(1280, 900)
    tab.open(f"{serve(fake_hub.url)}/?lang=en")
    port = int(fake_hub.url.rsplit(":", 1)[1])
    fake_hub.stop()
    wait_until(lambda: "The hub does not answer" in tab.text(), 6, "the banner")
    assert tab.tile("Visitors today") == "61"
    opacity = "return getComputedStyle(document.querySelector('.st-key-dimmed')).opacity"
    assert float(tab.driver.execute_script(opacity)) < 0.7
    tab.shoot("hub-gone-1280-en")
    fake_hub.start(port)
    wait_until(lambda: "The hub does not answer" not in tab.text(), 10, "no banner")


@pytest.fixture
def state(tab, serve, fake_hub):
    """Return a function that opens a page at both widths, checks it and leaves a screenshot of each."""
    address = []

    def check(name, path, *said, ready=(), table=False):
        address[:] = address or [serve(fake_hub.url)]
        for width, height in WIDTHS.items():
            tab.size(width, height)
            tab.open(f"{address[0]}/{path}", *ready)
            for words in said:
                wait_until(lambda words=words: words in tab.text(), 10, f"{words!r} on the screen")
            if table:
                wait_until(tab.has_table, 20, "a table")
            time.sleep(1.2)  # a live refresh
            wide = tab.driver.execute_script(
                "return Math.max(document.documentElement.scrollWidth, document.querySelector('[data-testid=stMain]').scrollWidth)"
            )
            assert wide <= width
            assert tab.driver.find_elements("css selector", "[data-testid=stException]") == []
            assert tab.driver.title != "owned"
            assert tab.driver.find_elements("css selector", "img[src=x]") == []
            assert tab.errors() == []
            tab.shoot(f"state-{name}-{width}")

    return check


def test_empty_store(state, fake_hub):
    fake_hub.make_empty()
    state("empty-now", "?lang=en", "shelfwise edge run", "unknown")
    state("empty-floor", "floor?lang=en", "no floor plan yet")
    state(
        "empty-setup", "setup?lang=en", "Every code the till sends has a product", "Describe a barcode scanner", "Nothing was bound yet",
        "No tag was found twice", "Connect a label gateway",
    )  # fmt: skip


def test_one_device_only(state, fake_hub, make):
    fake_hub.make_empty()
    fake_hub.store["zones"] = [make.zone("tray-1", "Tray 1", "托盘 1", x=0.5, w=0.6, y=0.5)]
    fake_hub.devices = [make.device("scale-1", {"tray-1": "seen"})]
    fake_hub.zone_states = {"tray-1": "seen"}
    state("one-device-now", "?lang=en", "1/1", "unknown")


def test_hub_down_from_the_start(state, fake_hub):
    fake_hub.stop()
    state("hub-down", "?lang=en", "has not answered yet", ready=("has not answered yet",))


def test_five_thousand_products(state, fake_hub, make):
    fake_hub.lines = [
        make.line(f"sku-{n:04d}", f"Charm {n}", f"挂件 {n}", n % 30 + 1, sold=n % 7) for n in range(5000)
    ]
    state("5000-skus", "stock?lang=en", "5,000 of 5,000 products", table=True)
    state("5000-skus-search", "stock?lang=en&q=charm%204321", "1 of 5,000 products", table=True)


def test_two_hundred_zones(state, fake_hub, make):
    fake_hub.store["zones"] = [
        make.zone(f"z{n:03d}", f"Zone {n}", f"区 {n}", x=n % 20, y=n // 20 * 0.9, w=0.8, h=0.6)
        for n in range(200)
    ]
    fake_hub.zone_states = {
        f"z{n:03d}": "blind" if n in (17, 93) else "stale" if n == 140 else "seen" for n in range(200)
    }
    fake_hub.heat = [
        {"zone": f"z{n:03d}", "picked_up": n * 7 % 23, "put_back": n % 5, "arrived": 1} for n in range(200)
    ]
    fake_hub.lines = [make.line("ocean-heart", "Ocean Heart", "海洋之心", 7, zone="z003", sold=2)]
    state("200-zones", "floor?lang=en", "Zone 17; Zone 93", table=True)


def test_hostile_and_right_to_left_names(state, fake_hub, make):
    fake_hub.store["name"], fake_hub.store["name_zh"] = HOSTILE, ARABIC
    fake_hub.store["zones"][0]["name"] = HEBREW
    fake_hub.store["zones"][1]["name"] = HOSTILE
    fake_hub.store["zones"][2]["name"] = ARABIC
    fake_hub.lines = [
        make.line("s", HOSTILE, None, None, sold=1), make.line("r", HEBREW, None, None, sold=4),
        make.line("t", ARABIC, "=HYPERLINK(1)", 3),
    ]  # fmt: skip
    fake_hub.orders = [make.order("popup-1-9", "t", 6)]
    state("names-now", "?lang=en", ":red[y]", HEBREW, ARABIC)
    state("names-floor", "floor?lang=en", ":red[y]", table=True)
    state("names-stock", "stock?lang=en", ":red[y]", "3 of 3 products", table=True)
    state("names-orders", "orders?lang=en", ":red[y]", ARABIC)


def test_shelf_labels_with_hostile_and_right_to_left_names(state, fake_hub, make):
    fake_hub.lines = [
        make.line("s", HOSTILE, None, 1),
        make.line("r", HEBREW, None, 2),
        make.line("t", ARABIC, None, 3),
    ]
    fake_hub.unmapped = [make.code(HOSTILE), make.code(HEBREW), make.code("=HYPERLINK(1)")]
    fake_hub.enrolment = [
        make.station(
            [make.tag("E2", "r", HEBREW), make.tag("E3", "s", HOSTILE)], "t", ARABIC, None, code=HOSTILE
        )
    ]
    fake_hub.commissioning = [make.logged("E2", "r"), make.logged("E3", "s", HOSTILE, ARABIC)]
    fake_hub.labels = [
        make.label("0000021EE3B00001", "s", "confirmed", "268.00", "268.00", name=HOSTILE),
        make.label("0000021EE3B00002", "t", "pending", "299.00", name=ARABIC),
        make.label("0000021EE3B00003", "r", "differs", "99.00", "88.00", name=HEBREW, confirmed_sku="t"),
    ]
    said = (":red[y]", HEBREW, ARABIC, "=HYPERLINK(1)", "Not shown as it should be: 2 of 3 labels")
    state("names-setup", "setup?lang=en", *said, table=True)


def test_real_store_shows_an_arrival_within_two_seconds_of_its_record(tab, serve, tmp_path):
    store = LocalStore(tmp_path / "store", "busy")
    with store.family:
        store.start(noise=False, seed=3)
        tab.size(1280, 900)
        tab.open(f"{serve(store.url)}/?lang=en")
        took = []
        deadline = time.monotonic() + 60
        while len(took) < 4 and time.monotonic() < deadline:
            before = store.client.footfall(store.store)["entered"]
            entered = wait_until(
                lambda before=before: max(store.client.footfall(store.store)["entered"] - before, 0),
                30,
                "a visitor",
            )
            began = time.monotonic()
            with contextlib.suppress(ValueError):
                wait_until(
                    lambda before=before, entered=entered: int((tab.tile("Visitors today") or "0").replace(",", "").replace("—", "0"))
                    >= before + entered,
                    5,
                    "the visitor on the screen",
                )  # fmt: skip
            took.append(time.monotonic() - began)
        assert took
        assert sorted(took)[len(took) // 2] < SEEN_WITHIN_S
        assert tab.errors() == []
        tab.shoot("real-store-1280-en")
    store.client.close()
