"""The page in a real browser: Debian's Chromium, driven through its own driver."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement

from runner.report import Report, render
from runner.report.training import render_training
from runner.tally import Tally, bucket
from runner.workspace import Job, JobStatus, LoggedModel, Metric, Point, Run

from .reports import attempt, report, small, troubled

CHROMIUM = Path("/usr/bin/chromium")
DRIVER = Path("/usr/bin/chromedriver")
FLAGS = (
    "--headless=new --no-sandbox --disable-gpu --disable-quic --no-first-run "
    "--disable-background-networking --disable-component-update --disable-sync "
    "--disable-dev-shm-usage"
)

# Every element with words of its own, with the contrast of its colour against what lies behind.
CONTRASTS = """
const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
function rgba(colour) {
  canvas.clearRect(0, 0, 1, 1);
  canvas.fillStyle = colour;
  canvas.fillRect(0, 0, 1, 1);
  return [...canvas.getImageData(0, 0, 1, 1).data];
}
function luminance(colour) {
  const [r, g, b] = rgba(colour).slice(0, 3).map((part) => part / 255)
    .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}
function behind(element) {
  if (element.classList.contains("inside")) {
    return getComputedStyle(element.parentElement.querySelector("rect")).fill;
  }
  for (let one = element; one; one = one.parentElement) {
    const colour = getComputedStyle(one).backgroundColor;
    if (rgba(colour)[3] > 0) return colour;
  }
  return "white";
}
return [...document.body.querySelectorAll("*")]
  .filter((one) => one.checkVisibility() && !one.closest(".hidden, title, script"))
  .filter((one) => [...one.childNodes].some((node) => node.nodeType === 3 && node.data.trim()))
  .map((one) => {
    const style = getComputedStyle(one);
    const words = luminance(one instanceof SVGElement ? style.fill : style.color);
    const ground = luminance(behind(one));
    const ratio = (Math.max(words, ground) + 0.05) / (Math.min(words, ground) + 0.05);
    return [ratio, one.tagName + " " + one.textContent.slice(0, 40)];
  });
"""


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    missing = [str(path) for path in (CHROMIUM, DRIVER) if not path.exists()]
    if missing:
        why = f"{' and '.join(missing)} not found: install chromium and chromium-driver"
        if os.environ.get("CI"):
            pytest.fail(why)
        pytest.skip(why)
    options = ChromeOptions()
    options.binary_location = str(CHROMIUM)
    for flag in [*FLAGS.split(), f"--user-data-dir={tmp_path_factory.mktemp('profile')}"]:
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = Chrome(options=options, service=Service(str(DRIVER)))
    try:
        yield driver
    finally:
        driver.quit()


def show(
    browser: Chrome, shown: Report | str, folder: Path, width: int = 1280, theme: str = "light"
) -> None:
    """Open the page from disk in a window of that width, and forget what was logged before."""
    path = folder / "report.html"
    path.write_text(shown if isinstance(shown, str) else render(shown), encoding="utf-8")
    window = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", window)
    features = [{"name": "prefers-color-scheme", "value": theme}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    for kind in ("browser", "performance"):
        logged(browser, kind)
    browser.get(path.as_uri())


def logged(browser: Any, kind: str) -> list[dict[str, str]]:
    """Return the lines that the browser logged since it was last asked."""
    entries: list[dict[str, str]] = browser.get_log(kind)
    return entries


def requests(browser: Chrome) -> list[str]:
    events = [json.loads(entry["message"])["message"] for entry in logged(browser, "performance")]
    return [
        event["params"]["request"]["url"]
        for event in events
        if event["method"] == "Network.requestWillBeSent"
    ]


def regression() -> Report:
    buckets: dict[str, int] = {}
    for i in range(2000):
        key = bucket(-40 + (i * 37 % 400) + (i * 11 % 90))
        buckets[key] = buckets.get(key, 0) + 1
    attempts = [attempt(i, {f"houses-{i}.csv": 40 + i}) for i in range(50)]
    return report(attempts, Tally(buckets=buckets))


def awkward() -> Report:
    name = "<b>" + "wide" * 60 + "\udcff.csv"
    attempts = [
        attempt(0, outcome="retried", reason="unbroken" * 100),
        attempt(0, {name: f"{name} is no good", "tiny.csv": 1}, attempt=2, warnings=(name,)),
        attempt(1, {"later.csv": 10**13}, started=90_000.0),
    ]
    return report(
        attempts,
        Tally(classes={name: 10**13, "1": 1}),
        job="j" * 200,
        status=JobStatus.FAILED,
        error="e" * 500,
        output="/" + "o" * 300,
        settings={"k" * 100: "v" * 300},
        resumed=1,
    )


def busy() -> Report:
    """Too many attempts to draw one by one, by more workers than there are lanes."""
    attempts = [
        attempt(i, {f"{i}.csv": i % 90}, worker=i % 64, started=0.1 * (i // 64))
        for i in range(2000)
    ]
    return report(attempts, Tally(classes={f"class {i}": 1 + i for i in range(50)}))


def training() -> str:
    """Return the page of a training job whose names and values are too long for a line."""
    name, curve = "m" * 200, tuple(Point(step, 1.0 / (1 + step), step) for step in range(20))
    job = Job("j" * 200, "command", JobStatus.COMPLETED, "2025-03-01T14:05:09.000+00:00")
    run = Run(
        "0a1b",
        name,
        name,
        "FINISHED",
        parameters={name: "v" * 500},
        metrics={name: Metric(0.05, 20, curve), "flat": Metric(1.0, 2, (Point(0, 1.0, 0),) * 2)},
        models=(LoggedModel(name, "m-1", ("sklearn",)),),
        artifacts=(f"{name}/{name}.png",),
        tags={name: "t" * 500},
    )
    return render_training(job, run)


JOBS: dict[str, Callable[[], Report | str]] = {
    "small": small,
    "troubled": troubled,
    "regression": regression,
    "awkward": awkward,
    "busy": busy,
    "training": training,
    "empty": lambda: report([], status=JobStatus.FAILED, output=None, error="no model"),
}
jobs = pytest.mark.parametrize("job", JOBS)


@jobs
@pytest.mark.parametrize("width", [1280, 900, 390])
def test_nothing_is_wider_than_the_window(
    browser: Chrome, tmp_path: Path, job: str, width: int
) -> None:
    show(browser, JOBS[job](), tmp_path, width)
    widths = "return [innerWidth, document.documentElement.scrollWidth]"
    inner, scrolled = browser.execute_script(widths)
    assert inner == width
    assert scrolled <= inner


@jobs
def test_the_page_loads_without_an_error_or_a_request(
    browser: Chrome, tmp_path: Path, job: str
) -> None:
    show(browser, JOBS[job](), tmp_path)
    assert logged(browser, "browser") == []
    assert requests(browser) == [(tmp_path / "report.html").as_uri()]
    resources = "return performance.getEntriesByType('resource').map((one) => one.name)"
    assert browser.execute_script(resources) == []


def test_the_policy_stops_a_request_before_it_is_made(browser: Chrome, tmp_path: Path) -> None:
    show(browser, small(), tmp_path)
    blocked = browser.execute_async_script(
        """
        const finish = arguments[0];
        document.addEventListener("securitypolicyviolation", (event) => finish(event.blockedURI));
        const image = new Image();
        image.src = "http://127.0.0.1:9/pixel.png";
        document.body.append(image);
        """
    )
    assert blocked == "http://127.0.0.1:9/pixel.png"


@jobs
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_words_stand_out_from_what_is_behind_them(
    browser: Chrome, tmp_path: Path, job: str, theme: str
) -> None:
    show(browser, JOBS[job](), tmp_path, theme=theme)
    found = browser.execute_script(CONTRASTS)
    assert len(found) > 20
    assert [pair for pair in found if pair[0] < 4.5] == []


def test_the_page_is_dark_where_the_person_wants_it_dark(browser: Chrome, tmp_path: Path) -> None:
    ground = "return getComputedStyle(document.body).backgroundColor"
    show(browser, small(), tmp_path, theme="light")
    assert browser.execute_script(ground) == "rgb(247, 248, 250)"
    show(browser, small(), tmp_path, theme="dark")
    assert browser.execute_script(ground) == "rgb(14, 17, 22)"


def test_the_totals_are_seen_without_scrolling(browser: Chrome, tmp_path: Path) -> None:
    show(browser, small(), tmp_path)
    totals = browser.find_element(By.CLASS_NAME, "totals")
    assert totals.is_displayed()
    assert totals.rect["y"] + totals.rect["height"] < 900
    assert totals.find_element(By.TAG_NAME, "dd").text == "400"


def drawn(elements: list[WebElement]) -> list[float]:
    """Widths in pixels, as drawn."""
    return [float(element.rect["width"]) for element in elements]


@pytest.mark.parametrize("width", [1280, 390])
def test_bars_are_drawn_in_proportion(browser: Chrome, tmp_path: Path, width: int) -> None:
    show(browser, small(), tmp_path, width)
    most, least = drawn(browser.find_elements(By.CSS_SELECTOR, ".bars rect")[:2])
    assert most > 50
    assert least == pytest.approx(most / 3, abs=1)


def test_blocks_of_the_timeline_are_drawn_in_proportion(browser: Chrome, tmp_path: Path) -> None:
    attempts = [
        attempt(0, {"a.csv": 1}, started=0.0, seconds=1.0),
        attempt(1, {"b.csv": 1}, started=0.0, seconds=4.0),
    ]
    show(browser, report(attempts), tmp_path)
    short, long = drawn(browser.find_elements(By.CSS_SELECTOR, ".timeline rect.done"))
    assert short == pytest.approx(long / 4, abs=1)


def rows(browser: Chrome) -> list[list[str]]:
    """Return the words of the failures table's visible rows."""
    found: list[list[str]] = browser.execute_script(
        "return [...document.querySelectorAll('#failures tbody tr')]"
        ".filter((row) => row.checkVisibility())"
        ".map((row) => [...row.cells].map((cell) => cell.textContent))"
    )
    return found


def test_the_filter_leaves_the_rows_that_have_every_word(browser: Chrome, tmp_path: Path) -> None:
    show(browser, troubled(), tmp_path)
    assert len(rows(browser)) == 16
    search = browser.find_element(By.CSS_SELECTOR, "#tools input")
    search.send_keys("PART-15 number")
    assert [row[1] for row in rows(browser)] == ["part-15.csv"]
    assert browser.find_element(By.CSS_SELECTOR, "#tools output").text == "1 of 16 shown"
    search.send_keys(Keys.CONTROL + "a", Keys.BACKSPACE)
    assert len(rows(browser)) == 16


def test_a_header_sorts_its_column_by_number_and_then_the_other_way(
    browser: Chrome, tmp_path: Path
) -> None:
    show(browser, troubled(), tmp_path)
    headers = browser.find_elements(By.CSS_SELECTOR, "#failures th")
    place = [header.text.strip() for header in headers].index("Mini-batch")
    button: Any = headers[place].find_element(By.TAG_NAME, "button")
    button.click()
    order = [int(row[place]) for row in rows(browser)]
    assert order == sorted(order)
    assert headers[place].get_attribute("aria-sort") == "ascending"
    button.click()
    assert [int(row[place]) for row in rows(browser)] == order[::-1]


def test_a_short_table_has_no_filter(browser: Chrome, tmp_path: Path) -> None:
    show(browser, report([attempt(0, {"a.csv": "no number"})]), tmp_path)
    assert len(rows(browser)) == 1
    assert browser.find_elements(By.ID, "tools") == []


def test_everything_but_the_filter_is_there_without_scripts(
    browser: Chrome, tmp_path: Path
) -> None:
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        show(browser, troubled(), tmp_path)
        assert not browser.find_element(By.ID, "tools").is_displayed()
        listed = browser.find_elements(By.CSS_SELECTOR, "#failures tbody tr")
        assert len(listed) == 16
        assert listed[0].is_displayed()
    finally:
        browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})


def test_names_are_text_and_never_markup(browser: Chrome, tmp_path: Path) -> None:
    evil = "<img src=x onerror=\"document.title='taken'\"><script>document.title='taken'</script>"
    attempts = [attempt(0, {evil: evil}, warnings=(evil,), outcome="failed", reason=evil)]
    show(browser, report(attempts, Tally(classes={evil: 1}), endpoint=evil), tmp_path)
    assert browser.find_elements(By.TAG_NAME, "img") == []
    assert browser.title == "diabetes-batch-1 · Completed"
    assert rows(browser)[0][1] == evil
