"""The report as text, and in a real browser."""

import base64
import io
import json
import re
import shutil
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.support.select import Select

from analysis.page import Page, Picture, RunCurve, Section, render, thin
from analysis.tables import Table
from tests.waiting import LIMIT, wait_until

HOSTILE = ["</script><b>&\"'", '"onerror=alert(1) x="', "<img src=x onerror=alert(1)>", "{{ page }}", "a\u2028b -->"]
FLAGS = (
    "--headless=new --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --disable-dev-shm-usage"
)
SVG = b'<svg xmlns="http://www.w3.org/2000/svg" width="900" height="300"><rect id="a" width="900" height="300"/></svg>'
VOID = {"meta", "link", "input", "img", "br"}
# Value and text of cells.
AMOUNTS = [
    (950.0, "950"),
    (1200.0, "1.20 k"),
    (3.4e6, "3.40 M"),
    (3.15e10, "31.5 GFLOP"),
    (1234.0, "1,234"),
    (-2, "-2.0"),
]
ROWS = 20
TASKS, VARIANTS, SEEDS = ["walker_walk", "cheetah_run"], ["dreamer", "ed2", "planet"], 30


def gif() -> bytes:
    frames = [Image.new("RGB", (64, 64), (40 * k, 80, 120)) for k in range(4)]
    file = io.BytesIO()
    frames[0].save(file, "GIF", save_all=True, append_images=frames[1:], duration=100, loop=0)
    return file.getvalue()


def numbers() -> tuple[list[int], list[float], list[tuple[float, str]]]:
    """The numbers of a table: names' numbers, scores with ties and gaps, amounts with ties."""
    rng = np.random.default_rng(3)
    scores = rng.integers(0, 15, ROWS) * 112.5 - 300
    scores[[4, 11]] = np.nan
    amounts = [AMOUNTS[k] for k in rng.integers(0, len(AMOUNTS), ROWS)]
    return rng.permutation(ROWS).tolist(), scores.tolist(), amounts


def wide_table() -> Table:
    ids, scores, amounts = numbers()
    cells = ["-" if np.isnan(score) else f"{score:,.1f} [{score - 9:,.1f}, {score + 9:,.1f}], n=5" for score in scores]
    rows = [
        [f"horizon={id}", cell, amount, *["0.123 [0.100, 0.150]"] * 8]
        for id, cell, (_, amount) in zip(ids, cells, amounts, strict=True)
    ]
    rows.append(["average", "5.0 (18)", "-", *["-"] * 8])
    columns = ["variant", "score", "size", *(f"dreamer+horizon={k}" for k in range(8))]
    return Table("Wide", ["A note."], columns, rows, bold=frozenset({(0, 1)}), averages=1)


def curve(task: str, variant: str, seed: int, points: int) -> RunCurve:
    steps = 1000.0 * np.arange(1, points + 1)
    values = 900 * (1 - np.exp(-steps / 9e4)) + np.random.default_rng(seed).normal(0, 20, points)
    film = gif() if seed == 0 else None
    state = "done" if seed else "unfinished"
    folder = f"results/a_rather_long_name_of_a_suite/{task}/{variant}/{seed}"
    return RunCurve(task, variant, seed, steps, values, state, folder, "#4c72b0", film, 100_000 if film else None)


def example() -> Page:
    """A page with every kind of content, all of it wider than a phone where possible."""
    runs = [
        curve(task, variant, seed, 500 if seed else 7)
        for task in TASKS
        for variant in VARIANTS
        for seed in range(SEEDS)
    ]
    runs.append(RunCurve("cheetah_run", "none", 0, [], [], "missing", "", "#dd8452"))
    sections = [
        Section("overview", "Over all tasks", "An intro.", [Picture("aggregates", "Aggregates", SVG, "A caption.")]),
        Section("tasks", "Task by task", "", [Picture("curves", "Curves", SVG, "Another."), wide_table()]),
    ]
    return Page(
        "A study",
        "What came out.",
        [("runs", "181")],
        "Data: a file.",
        "analyze.py " + "x" * 200,
        sections,
        runs,
        "eval/return",
    )


def hostile() -> Page:
    """A page in which every text contains markup."""
    parts: list[Picture | Table] = [Picture(text, text, SVG, text) for text in HOSTILE]
    parts += [Table(text, [text], [text, text], [[text, text]] * 7, bold=frozenset({(0, 1)})) for text in HOSTILE]
    runs = [RunCurve(text, text, 0, [1], [2], text, text, text, b"GIF89a", 1) for text in HOSTILE]
    everything = " ".join(HOSTILE)
    sections = [Section("all", everything, everything, parts)]
    facts = [(everything, everything)]
    return Page(everything, everything, facts, everything, everything, sections, runs, everything)


class Outline(HTMLParser):
    """Checks that tags are closed in order, and collects tags, attributes and texts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str]] = []
        self.texts: list[tuple[str, str]] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, self.getpos()

    def handle_data(self, data: str) -> None:
        self.texts.append((self.open[-1] if self.open else "", data))


@pytest.mark.parametrize("page", [example(), hostile()], ids=["plain", "hostile"])
def test_html_is_well_formed_and_loads_nothing(page: Page) -> None:
    text = render(page)
    outline = Outline(text)
    assert outline.open == []
    ids = [value for name, value in outline.attributes if name == "id"]
    assert len(ids) == len(set(ids))
    links = [value for name, value in outline.attributes if name in ("href", "src")]
    assert len(links) > 5
    assert all(link.startswith(("#", "data:")) for link in links)
    assert set(re.findall(r"https?://[^\"'\s]+", text)) == {"http://www.w3.org/2000/svg"}


def test_text_is_never_markup() -> None:
    page = hostile()
    outline = Outline(render(page))
    assert "b" not in outline.tags
    assert not [name for name, _ in outline.attributes if name.startswith("on")]
    cells = [text for tag, text in outline.texts if tag == "th"]
    assert all(text in cells for text in HOSTILE)
    data = json.loads("".join(text for tag, text in outline.texts if tag == "script" and text.startswith('{"')))
    assert [run["variant"] for run in data["runs"]] == HOSTILE


def test_equal_pages_are_equal_bytes() -> None:
    assert render(example()) == render(example())


def test_two_thousand_runs_stay_small() -> None:
    values = np.random.default_rng(0).uniform(0, 1000, (2000, 500))
    steps = np.arange(500) * 2000
    runs = [
        RunCurve(f"t{k % 20}", f"v{k // 200}", k, steps, values[k], "done", f"results/{k}", "#000000")
        for k in range(2000)
    ]
    page = Page("", "", [], "", "", [], runs, "eval/return")
    assert len(render(page).encode()) < 3e6


def test_thinning_keeps_both_ends_and_only_finite_points() -> None:
    steps, values = np.arange(1000.0), np.arange(1000.0) ** 2 / 7
    values[[0, 500]] = np.nan
    thinned, kept = thin(steps, values)
    assert len(thinned) == len(kept) == 100
    assert (thinned[0], thinned[-1]) == (1, 999)
    assert all(np.isclose(value, step**2 / 7, rtol=1e-4) for step, value in zip(thinned, kept, strict=True))
    assert thin(steps[:5], values[:5])[0] == (1, 2, 3, 4)


@pytest.fixture(scope="session")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    chromium, chromedriver = shutil.which("chromium"), shutil.which("chromedriver")
    if not (chromium and chromedriver):
        pytest.skip("the report is not tried in a browser: chromium or chromedriver is not installed")
    options = Options()
    options.binary_location = chromium
    for flag in [*FLAGS.split(), f"--user-data-dir={tmp_path_factory.mktemp('chromium')}"]:
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    # With an explicit path, selenium does not search the network for a driver.
    driver = webdriver.Chrome(options=options, service=Service(executable_path=chromedriver))
    driver.set_script_timeout(LIMIT)
    driver.get("about:blank")  # Chromium's start page loads resources
    yield driver
    driver.quit()


@pytest.fixture(scope="session")
def report(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("report") / "report.html"
    path.write_text(render(example()), encoding="utf-8")
    return path.as_uri()


@pytest.fixture
def opened(driver: webdriver.Chrome, report: str) -> Iterator[webdriver.Chrome]:
    """The report in a browser; afterwards checks that it sent no request and logged no message."""
    for log in ("browser", "performance"):
        driver.get_log(log)
    driver.get(report)
    yield driver
    events = [json.loads(entry["message"])["message"] for entry in driver.get_log("performance")]
    sent = {event["params"]["request"]["url"] for event in events if event["method"] == "Network.requestWillBeSent"}
    assert {url for url in sent if not url.startswith("data:")} == {report}
    driver.execute_script("console.error('the last')")
    assert [entry["message"].split(" ", 2)[2] for entry in driver.get_log("browser")] == ['"the last"']
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
    driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def shown(driver: webdriver.Chrome) -> list[list[str]]:
    """The cells of the visible rows of the table."""
    return driver.execute_script(
        "return [...document.querySelectorAll('#table-1 tbody tr')].filter((row) => row.getClientRects().length)"
        ".map((row) => [...row.cells].map((cell) => cell.textContent))"
    )


@pytest.mark.parametrize("column", [0, 1, 2])
def test_headers_sort(opened: webdriver.Chrome, column: int) -> None:
    rows, average = list(wide_table().rows[:-1]), wide_table().rows[-1]
    ids, scores, amounts = numbers()
    key = np.array([ids, scores, [value for value, _ in amounts]], float)[column]
    header = opened.find_elements(By.CSS_SELECTOR, "#table-1 thead th")[column]

    def expected(sign: int) -> list[Any]:
        order = sorted(range(ROWS), key=lambda k: (np.isnan(key[k]), 0 if np.isnan(key[k]) else sign * key[k]))
        return [*(rows[k] for k in order), average]

    for state, order in (("ascending", expected(1)), ("descending", expected(-1)), (None, [*rows, average])):
        header.find_element(By.TAG_NAME, "button").click()
        assert header.get_dom_attribute("aria-sort") == state
        assert shown(opened) == order


@pytest.mark.parametrize("query", ["1", "HORIZON=1 gflop", "nowhere"])
def test_words_filter_rows(opened: webdriver.Chrome, query: str) -> None:
    rows, average = list(wide_table().rows[:-1]), wide_table().rows[-1]
    kept = [row for row in rows if all(word in " ".join(row).lower() for word in query.lower().split())]
    opened.find_element(By.CSS_SELECTOR, "#table-1 input").send_keys(query)
    assert shown(opened) == [*kept, average]
    count = opened.find_element(By.CSS_SELECTOR, "#table-1 output").text
    assert count == (f"{len(kept)} of {ROWS} rows" if len(kept) < ROWS else f"{ROWS} rows")


def test_pictures_show_enlarge_and_save(opened: webdriver.Chrome, tmp_path: Path) -> None:
    sizes = opened.execute_async_script(
        "const done = arguments[0], images = [...document.querySelectorAll('main img')];"
        "Promise.all(images.map((image) => image.decode()))"
        ".then(() => done(images.map((image) => [image.complete, image.naturalWidth])))"
    )
    assert sizes == [[True, 900]] * 2 + [[True, 64]] * 2  # two figures, and of the first 60 runs two have a video
    opened.execute_cdp_cmd("Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(tmp_path)})
    figure = opened.find_element(By.CSS_SELECTOR, "figure[data-name=curves]")
    figure.find_element(By.CLASS_NAME, "save").click()
    saved = tmp_path / "curves.svg"
    wait_until(saved.exists, "the figure is saved")
    assert saved.read_bytes() == SVG
    figure.find_element(By.CLASS_NAME, "enlarge").click()
    dialog = opened.find_element(By.ID, "large")
    assert dialog.is_displayed()
    assert opened.execute_script("return document.querySelector('dialog img').getBoundingClientRect().width") > 600
    dialog.find_element(By.TAG_NAME, "button").click()
    assert not dialog.is_displayed()


def test_single_runs(opened: webdriver.Chrome) -> None:
    runs = example().runs
    panels = (By.CSS_SELECTOR, "#run-panels .panel")
    assert len(opened.find_elements(*panels)) == 60
    more = opened.find_element(By.ID, "run-more")
    assert more.text == "Show 30 more of 30"
    more.click()
    assert len(opened.find_elements(*panels)) == 90
    assert not more.is_displayed()

    task, variant = (Select(opened.find_element(By.NAME, name)) for name in ("task", "variant"))
    task.select_by_visible_text("cheetah_run")
    variant.select_by_visible_text("ed2")
    chosen = [run for run in runs if (run.task, run.variant) == ("cheetah_run", "ed2")]
    found = opened.find_elements(*panels)
    assert len(found) == len(chosen)
    drawn = []
    for panel, run in zip(found[:2], chosen[:2], strict=True):
        assert all(word in panel.text for word in (run.variant, f"seed {run.seed}", run.state, run.folder))
        points = panel.find_element(By.TAG_NAME, "polyline").get_dom_attribute("points")
        assert points is not None
        x, y = np.array([point.split(",") for point in points.split()], float).T
        steps, values = thin(run.steps, run.values)
        assert len(x) == min(np.size(run.steps), 100)
        drawn.append(np.stack([x, y, steps, values]))
        assert len(panel.find_elements(By.CSS_SELECTOR, ".film img")) == (run.video is not None)
    # On the same axes, to a tenth of a pixel; the vertical axis of a screen points down.
    x, y, steps, values = np.concatenate(drawn, axis=1)
    across, down = np.polyfit(steps, x, 1), np.polyfit(values, y, 1)
    assert abs(np.polyval(across, steps) - x).max() < 0.1
    assert abs(np.polyval(down, values) - y).max() < 0.1
    assert across[0] > 0 > down[0]
    film = opened.find_element(By.CSS_SELECTOR, ".film img").get_attribute("src")
    assert film is not None
    assert base64.b64decode(film.partition(",")[2]) == gif()

    variant.select_by_visible_text("none")
    assert "no evaluations" in opened.find_element(*panels).text
    variant.select_by_visible_text("all variants")
    opened.find_element(By.NAME, "words").send_keys("ed2 29")
    assert len(opened.find_elements(*panels)) == 1


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_has_enough_contrast(opened: webdriver.Chrome, scheme: str) -> None:
    """Contrast of text and background by the formula of WCAG 2."""
    media = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    opened.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
    texts = "return ['h1', '.method', '.intro', '.note', 'figcaption', 'nav a', '.save', '.rest', 'dt'].map((name) => "
    colors = opened.execute_script(texts + "getComputedStyle(document.querySelector(name)).color)")
    paper = opened.execute_script("return getComputedStyle(document.body).backgroundColor")

    def luminance(color: str) -> float:
        channels = np.array(re.findall(r"[\d.]+", color)[:3], float) / 255
        linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
        return float(linear @ [0.2126, 0.7152, 0.0722])

    assert (luminance(paper) > 0.5) == (scheme == "light")
    for color in colors:
        dark, light = sorted([luminance(color), luminance(paper)])
        assert (light + 0.05) / (dark + 0.05) >= 4.5


def test_fits_a_phone(opened: webdriver.Chrome) -> None:
    screen = {"width": 360, "height": 740, "deviceScaleFactor": 1, "mobile": False}
    opened.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
    assert opened.execute_script("return innerWidth") == 360
    assert opened.execute_script("return document.documentElement.scrollWidth") <= 360
    # The table is wider and scrolls within its box.
    assert opened.execute_script("return document.querySelector('.scroll').scrollWidth") > 360


def test_prints_all_rows_and_no_controls(opened: webdriver.Chrome) -> None:
    opened.find_element(By.CSS_SELECTOR, "#table-1 input").send_keys("nowhere")
    assert len(shown(opened)) == 1
    pdf = base64.b64decode(opened.execute_cdp_cmd("Page.printToPDF", {})["data"])
    assert len(re.findall(rb"/S /TR\b", pdf)) == len(wide_table().rows) + 1  # the marks of a tagged PDF
    opened.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    assert len(shown(opened)) == len(wide_table().rows)
    controls = "[...document.querySelectorAll('input, select, nav, .save, #run-more')]"
    assert opened.execute_script(f"return {controls}.filter((each) => each.getClientRects().length).length") == 0


def test_reads_without_its_script(opened: webdriver.Chrome, report: str) -> None:
    opened.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    opened.get(report)
    text = opened.find_element(By.TAG_NAME, "main").text
    controls = [each.is_displayed() for each in opened.find_elements(By.CSS_SELECTOR, "input, select, .save")]
    opened.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})
    assert all(words in text for words in ("A caption.", "horizon=19", "scripts are switched off"))
    assert len(controls) > 3
    assert not any(controls)
