"""The report as a browser sees it: quiet, offline, sortable, filterable, and equal to the document."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ironlaw.explanation import Explanation
from ironlaw.recording import load
from ironlaw.report.document import to_document
from ironlaw.report.html import render
from ironlaw.report.notebook import to_fragment
from tests.attached.files import explained
from tests.report import explanations
from tests.report.recordings import recording

pytest.importorskip("selenium", reason="selenium is not installed")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")
pytestmark = [
    pytest.mark.skipif(CHROMIUM is None or DRIVER is None, reason="no chromium with chromedriver is installed"),
    pytest.mark.filterwarnings("ignore::ResourceWarning:selenium.*"),
]

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    from selenium import webdriver

    folder = tmp_path_factory.mktemp("browser")
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM or ""
    for flag in (*FLAGS, f"--user-data-dir={folder / 'profile'}"):
        options.add_argument(flag)
    options.add_experimental_option("prefs", {"download.default_directory": str(folder)})
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(executable_path=DRIVER))
    try:
        yield driver
    finally:
        driver.quit()


def opened(browser: Any, folder: Path, explanation: Explanation) -> Explanation:
    """Open the explanation's report and forget what the browser logged before."""
    path = folder / "report.html"
    path.write_text(render(explanation, recording(explanation)), encoding="utf-8")
    browser.get("about:blank")
    browser.get_log("browser")
    browser.get_log("performance")
    browser.get(path.as_uri())
    return explanation


def requested(browser: Any) -> list[str]:
    messages = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    return [
        message["params"]["request"]["url"] for message in messages if message["method"] == "Network.requestWillBeSent"
    ]


def ledger_column(browser: Any, column: int) -> list[str]:
    values: list[str] = browser.execute_script(
        "return [...document.querySelector('table.ledger').tBodies[0].rows].filter(row => !row.hidden)"
        ".map(row => row.cells[arguments[0]].dataset.value ?? row.cells[arguments[0]].textContent)",
        column,
    )
    return values


def press_header(browser: Any, column: int) -> str | None:
    """Press a column's button with the keyboard; gives the order it announces."""
    from selenium.webdriver.common.keys import Keys

    header = browser.find_elements("css selector", "table.ledger thead th")[column]
    header.find_element("tag name", "button").send_keys(Keys.ENTER)
    order: str | None = header.get_attribute("aria-sort")
    return order


@pytest.mark.parametrize("name", ["with_pmu", "without_pmu", "with_hostile_names", "with_failed_arm", "cut_short"])
def test_page_opens_quietly_and_requests_nothing(browser: Any, tmp_path: Path, name: str) -> None:
    opened(browser, tmp_path, getattr(explanations, name)())
    assert browser.get_log("browser") == []
    asked = [url for url in requested(browser) if not url.startswith(("file://", "data:"))]
    assert asked == []
    assert browser.execute_script("return document.querySelectorAll('svg').length") >= 2


def test_a_console_error_would_be_seen(browser: Any, tmp_path: Path) -> None:
    path = tmp_path / "wrong.html"
    path.write_text("<script>throw new Error('seen')</script><img src='http://127.0.0.1:9/x.png'>")
    browser.get_log("browser")
    browser.get_log("performance")
    browser.get(path.as_uri())
    assert any("seen" in entry["message"] for entry in browser.get_log("browser"))
    assert any(url.startswith("http://") for url in requested(browser))


@pytest.mark.parametrize(
    ("around", "dark"),
    [
        ('<html><body data-jp-theme-light="true">', False),
        ('<html><body data-jp-theme-light="false">', True),
        ('<html theme="dark"><body>', True),
        ('<html><body class="vscode-light" data-vscode-theme-kind="vscode-light">', False),
        ('<html><body class="vscode-dark" data-vscode-theme-kind="vscode-dark">', True),
    ],
)
def test_a_notebook_s_answer_is_as_dark_as_the_notebook(browser: Any, tmp_path: Path, around: str, dark: bool) -> None:
    path = tmp_path / "notebook.html"
    path.write_text(f"<!DOCTYPE html>{around}{to_fragment(explanations.with_pmu(), None)}", encoding="utf-8")
    for system in ("light", "dark"):
        emulated = {"features": [{"name": "prefers-color-scheme", "value": system}]}
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", emulated)
        browser.get(path.as_uri())
        shown = browser.execute_script("return getComputedStyle(document.querySelector('body > div')).backgroundColor")
        assert (shown != "rgb(255, 255, 255)") is dark
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


def test_hostile_name_does_not_become_an_element(browser: Any, tmp_path: Path) -> None:
    opened(browser, tmp_path, explanations.with_hostile_names())
    text = browser.find_element("css selector", "h1").text
    assert text.startswith("<script>alert(1)</script>[bold]x[/bold]")


def test_injected_script_would_not_run(browser: Any, tmp_path: Path) -> None:
    path = tmp_path / "injected.html"
    page = render(explanations.with_pmu(), None)
    path.write_text(page.replace("<main>", "<main><script>document.title = 'taken'</script>"), encoding="utf-8")
    browser.get(path.as_uri())
    assert browser.title.startswith("ironlaw: ")


def test_ledger_sorts_by_number_both_ways_by_keyboard(browser: Any, tmp_path: Path) -> None:
    opened(browser, tmp_path, explanations.with_pmu())
    assert press_header(browser, 3) == "descending"
    falling = [float(value) for value in ledger_column(browser, 3)]
    assert falling == sorted(falling, reverse=True)
    assert press_header(browser, 3) == "ascending"
    assert [float(value) for value in ledger_column(browser, 3)] == sorted(falling)


def test_ledger_sorts_names_as_people_count(browser: Any, tmp_path: Path) -> None:
    opened(browser, tmp_path, explanations.with_pmu())
    assert [press_header(browser, 1), press_header(browser, 1)] == ["ascending", "descending"]
    names = ledger_column(browser, 1)
    assert names[0].startswith("unattributed")
    assert names[1].startswith("features.51.conv")
    assert names[-1].startswith("features.0.conv")


def test_gaps_stay_below_numbers_in_either_order(browser: Any, tmp_path: Path) -> None:
    ledger = replace(explanations.ledger(3), rows=explanations.ledger(3).rows[::-1])
    only = replace(explanations.with_pmu().comparisons[2], ledger=ledger)
    opened(browser, tmp_path, replace(explanations.with_pmu(), comparisons=(only,)))
    assert ledger_column(browser, 6)[0] == ""
    for order in ("descending", "ascending"):
        assert press_header(browser, 6) == order
        assert ledger_column(browser, 6)[0] != ""
        assert ledger_column(browser, 6)[-1] == ""


def test_ledger_filters_by_text_and_by_kind(browser: Any, tmp_path: Path) -> None:
    opened(browser, tmp_path, explanations.with_pmu())
    browser.find_element("css selector", ".tools input").send_keys("FEATURES.1")
    assert len(ledger_column(browser, 0)) == 11
    browser.find_element("xpath", "//div[@class='tools']//option[.='1x1']").click()
    assert set(ledger_column(browser, 2)) == {"1x1"}
    assert browser.find_element("css selector", ".tools output").text == "3 of 53 rows"  # 12, 15 and 18


def test_numbers_on_the_page_are_those_of_the_document(browser: Any, tmp_path: Path) -> None:
    document = to_document(opened(browser, tmp_path, explanations.with_pmu()))
    inside = json.loads(browser.find_element("id", "document").get_attribute("textContent"))
    assert inside == document
    fused = next(item for item in document["comparisons"] if item["changed"] == "int8+fused")
    assert [float(value) for value in ledger_column(browser, 3)] == [row["control_ms"] for row in fused["ledger"]]
    rows = browser.execute_script(
        "return [...document.querySelectorAll('table.arms tbody tr')]"
        ".map(row => [...row.cells].slice(1).map(cell => [cell.dataset.value, cell.textContent]))"
    )
    for arm, cells in zip(document["arms"], rows, strict=True):
        assert float(cells[0][0]) == arm["time_ms"]
        assert float(cells[0][1]) == pytest.approx(arm["time_ms"], abs=0.006)
        assert float(cells[4][1]) == pytest.approx(arm["size_mb"], abs=0.006)


def test_downloads_give_the_document_and_the_recording(
    browser: Any, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    explanation = opened(browser, tmp_path, explanations.with_pmu())
    command = {"behavior": "allow", "downloadPath": str(tmp_path)}
    browser.execute_cdp_cmd("Browser.setDownloadBehavior", command)
    for button in browser.find_elements("css selector", ".download"):
        browser.execute_script("arguments[0].click()", button)
        _wait_for(tmp_path / button.get_attribute("data-name"))
    assert json.loads((tmp_path / "explanation.json").read_text()) == to_document(explanation)
    assert load(tmp_path / "recording.jsonl") == recording(explanation)


def test_arms_of_experiments_are_folded_and_paper_unfolds_them(browser: Any, tmp_path: Path) -> None:
    opened(browser, tmp_path, explanations.with_pmu())
    name = browser.find_element("xpath", "//tr[@class='added'][1]/th")
    assert not name.is_displayed()
    browser.execute_script("dispatchEvent(new Event('beforeprint'))")
    assert name.text.startswith("fp32+malloc=retain")
    browser.execute_script("dispatchEvent(new Event('afterprint'))")
    assert not name.is_displayed()


@pytest.mark.parametrize("name", ["with_pmu", "without_pmu"])
def test_on_paper_everything_has_room(browser: Any, tmp_path: Path, name: str) -> None:
    sheet = {"width": 690, "height": 1000, "deviceScaleFactor": 1, "mobile": False}
    try:
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", sheet)
        opened(browser, tmp_path, getattr(explanations, name)())
        shares = browser.execute_script(
            "return [...document.querySelectorAll('dl.facts dd')].map(dd => dd.offsetWidth / dd.parentNode.offsetWidth)"
        )
        assert min(shares) > 0.5
        assert browser.execute_script("return document.documentElement.scrollWidth") <= sheet["width"]
    finally:
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "", "features": []})


def test_fold_opens_by_keyboard(browser: Any, tmp_path: Path) -> None:
    from selenium.webdriver.common.keys import Keys

    opened(browser, tmp_path, explanations.with_pmu())
    browser.find_element("css selector", "#arms summary").send_keys(Keys.ENTER)
    assert browser.find_element("xpath", "//tr[@class='added'][1]/th").is_displayed()


@pytest.mark.parametrize("width", [360, 1100])
def test_page_is_no_wider_than_its_window(browser: Any, tmp_path: Path, width: int) -> None:
    size = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    try:
        for name in ("with_pmu", "with_hostile_names", "with_twelve_arms"):
            opened(browser, tmp_path, getattr(explanations, name)())
            assert browser.execute_script("return document.documentElement.scrollWidth") <= width
    finally:
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


@pytest.fixture
def attached_pair() -> Explanation:
    return explained("onnxruntime-1.32-fp32.json", "onnxruntime-1.32-qdq.json")


@contextmanager
def window(browser: Any, width: int, height: int) -> Iterator[None]:
    """The page's window has this size meanwhile; a window of a desktop cannot be as narrow as a phone."""
    size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    try:
        yield
    finally:
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def _written(folder: Path, explanation: Explanation) -> str:
    path = folder / "report.html"
    path.write_text(render(explanation, None), encoding="utf-8")
    return path.as_uri()


def test_on_a_phone_the_answer_pictures_and_causes_are_whole_without_scrolling(
    browser: Any, tmp_path: Path, attached_pair: Explanation
) -> None:
    wider = (
        "return [...document.querySelectorAll(arguments[0])].filter(one => one.offsetWidth"
        " && (one.scrollWidth > one.clientWidth + 1 || one.getBoundingClientRect().right > innerWidth))"
        ".map(one => one.textContent.trim().slice(0, 40))"
    )
    with window(browser, 400, 800):
        for explanation in (attached_pair, explanations.with_pmu()):
            browser.get(_written(tmp_path, explanation))
            assert browser.execute_script(wider, "header figure, header p, header pre, #arms figure") == []
            assert browser.execute_script(wider, ".scroll:has(.causes), .scroll:has(.guesses)") == []
            assert browser.find_element("css selector", "header .narrow svg").is_displayed()
            assert browser.execute_script("return document.documentElement.scrollWidth") <= 400


def test_the_answer_and_the_pictures_share_a_screen(browser: Any, tmp_path: Path, attached_pair: Explanation) -> None:
    with window(browser, 1280, 800):
        for explanation in (attached_pair, explanations.with_pmu()):
            browser.get(_written(tmp_path, explanation))
            pictures = browser.find_elements("css selector", "header figure .wide svg")
            assert pictures
            assert all(picture.rect["y"] + picture.rect["height"] <= 800 for picture in pictures)


def test_guesses_stand_on_the_page_with_their_answers(browser: Any, tmp_path: Path) -> None:
    explanation = opened(browser, tmp_path, explanations.with_pmu())
    rows = [row.text for row in browser.find_elements("css selector", "table.guesses tbody tr")]
    answered = to_document(explanation)["guesses"]
    assert len(rows) == len(answered) > 0
    assert all(guess["answer"] in row for guess, row in zip(answered, rows, strict=True))


def _wait_for(path: Path) -> None:
    """A download has no event that a driver can wait for; the file appears under its name when it is whole."""
    deadline = time.monotonic() + 20
    while not path.exists():
        assert time.monotonic() < deadline, f"{path.name} was not downloaded"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_is_legible_in_both_schemes(browser: Any, tmp_path: Path, scheme: str) -> None:
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    opened(browser, tmp_path, explanations.with_pmu())
    styles = browser.execute_script(
        "const style = getComputedStyle(document.documentElement);"
        "return ['--text', '--muted', '--paper', '--good', '--bad'].map(name => style.getPropertyValue(name).trim())"
    )
    text, muted, paper, good, bad = (_luminance(colour) for colour in styles)
    assert (paper < 0.05) is (scheme == "dark")
    for ink in (text, muted, good, bad):
        lighter, darker = max(ink, paper), min(ink, paper)
        assert (lighter + 0.05) / (darker + 0.05) >= 4.5  # WCAG 2.2, success criterion 1.4.3
    drawn = browser.execute_script("return getComputedStyle(document.querySelector('svg text')).fill")
    assert _channels(drawn) in (_channels(styles[0]), _channels(styles[1]))


def _channels(colour: str) -> tuple[int, ...]:
    if colour.startswith("#"):
        return tuple(int(colour[place : place + 2], 16) for place in (1, 3, 5))
    return tuple(int(part) for part in colour[colour.index("(") + 1 : -1].split(","))


def _luminance(colour: str) -> float:
    """Relative luminance of a colour (WCAG 2.2)."""
    parts = [value / 255 for value in _channels(colour)]
    red, green, blue = (v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_thousand_layers_open_and_sort(browser: Any, tmp_path: Path) -> None:
    whole = explanations.with_pmu()
    deep = replace(whole.comparisons[2], ledger=explanations.ledger(1000))
    opened(browser, tmp_path, replace(whole, comparisons=(deep,)))
    assert len(ledger_column(browser, 0)) == 1001
    press_header(browser, 5)
    assert browser.get_log("browser") == []
    assert (tmp_path / "report.html").stat().st_size < 6_000_000
