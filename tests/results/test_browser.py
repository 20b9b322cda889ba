"""The report in a browser: quiet, alone, as wide as the screen, with all its pictures."""

import io
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from results.plan import read_results
from results.report.writing import write_report
from tests.results.test_report import fill

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed (Debian's package chromium)")

SCREENS = {"desktop": {"width": 1280, "height": 900}, "phone": {"width": 390, "height": 844}}


@pytest.fixture(scope="module", params=["claims", "paper"])
def report(request, tmp_path_factory) -> Path:
    """Of a reproduction that has everything."""
    runs = fill(tmp_path_factory.mktemp("runs"), request.param)
    return write_report(read_results(runs), runs)


@pytest.fixture(scope="module")
def browser():
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with playwright.sync_playwright() as running:
        browser = running.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(params=SCREENS)
def page(request, browser, report):
    """The report, opened from disk; fails afterwards if anything was complained about or asked for."""
    page = browser.new_page(viewport=SCREENS[request.param])
    noise, requests = [], []
    page.on("console", lambda message: noise.append(message.text))
    page.on("pageerror", lambda error: noise.append(str(error)))
    page.on("request", lambda asked: requests.append(asked.url))
    page.goto(report.as_uri())
    yield page
    page.close()
    assert noise == []
    assert [url for url in requests if not url.startswith("data:")] == [report.as_uri()]


def test_the_page_never_scrolls_sideways(page):
    wide = """() => [...document.querySelectorAll('body *')]
        .filter(it => !it.closest('.scroll, pre, nav ul, svg') && it.getBoundingClientRect().right > innerWidth + 0.5)
        .map(it => it.outerHTML.slice(0, 80))"""
    assert page.evaluate(wide) == []
    assert page.evaluate("document.documentElement.scrollWidth") == page.viewport_size["width"]


def test_all_images_are_shown(page):
    widths = page.evaluate("[...document.images].map(it => [it.naturalWidth, it.getBoundingClientRect().width])")
    assert len(widths) == 4
    assert all(natural > 0 and shown > 60 for natural, shown in widths)


def test_the_main_parts_are_drawn(page):
    parts = page.evaluate("[...document.querySelectorAll('main > section')].map(it => it.id)")
    assert {"tables", "curves", "training", "images", "not-run", "run", "trail"} <= set(parts)
    for part in parts:
        element = page.locator(f"#{part}")
        assert element.bounding_box()["height"] > 60, part
    for number in range(page.locator("svg").count()):
        pixels = np.asarray(Image.open(io.BytesIO(page.locator("svg").nth(number).screenshot())).convert("RGB"))
        assert len(np.unique(pixels.reshape(-1, 3), axis=0)) > 20, "an empty picture"


def test_a_link_leads_from_a_figure_to_its_trail(page):
    link = page.locator("#tables td a").first
    anchor = link.get_attribute("href")
    link.click()
    assert page.locator(".trail:target").get_attribute("id") == anchor.removeprefix("#")
    assert page.locator(".trail:target td a").first.get_attribute("href").endswith("/record.json")


@pytest.mark.parametrize(("scheme", "is_dark"), [("light", False), ("dark", True)])
def test_it_is_as_light_as_the_screen(page, scheme, is_dark):
    page.emulate_media(color_scheme=scheme)
    picture = Image.open(io.BytesIO(page.screenshot())).convert("L")
    assert (np.median(np.asarray(picture)) < 80) == is_dark
    page.emulate_media(media="print")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert not page.locator("nav").is_visible()
