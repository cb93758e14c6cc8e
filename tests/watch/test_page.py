"""The page in headless Chromium, against the real server."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import small_models
from elman.runtime import Bundle
from elman.serving.track import Track
from watched import watching

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: no test of the page")
CHROMIUM = shutil.which("chromium")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium here: the page is not tested")

TEXT = "The same input may produce different outputs"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_models.bundle(tmp_path_factory.mktemp("models") / "small")


@pytest.fixture(scope="module")
def words(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_models.bundle(tmp_path_factory.mktemp("models") / "words", "words")


@pytest.fixture(scope="module")
def address(folder: Path) -> Iterator[str]:
    with watching(folder) as found:
        yield found


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as driver:
        # Chromium cannot make its sandbox inside of every container.
        chromium = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture
def complaints() -> list[str]:
    return []


@pytest.fixture
def page(browser: Any, address: str, complaints: list[str]) -> Iterator[Any]:
    context = browser.new_context(viewport={"width": 1200, "height": 900})
    found = opened(context, address, complaints)
    yield found
    context.close()
    assert complaints == []


def opened(context: Any, address: str, complaints: list[str]) -> Any:
    page = context.new_page()
    page.set_default_timeout(10_000)
    page.on("console", lambda message: complaints.append(message.text) if message.type != "log" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(address)
    page.wait_for_selector(".panel[data-symbols]")
    return page


def read(page: Any, symbols: int, model: int = 0) -> None:
    page.wait_for_selector(f"#model-{model}[data-symbols='{symbols}']")


def told(page: Any, *parts: str) -> None:
    """Wait until the sentences beside the pictures have these parts in them."""
    for part in parts:
        playwright.expect(page.locator("#model-0 .readout")).to_contain_text(part)


def pictures(page: Any) -> Any:
    return page.get_by_role("slider", name="What small has read, symbol by symbol")


def at_symbol(number: int) -> dict[str, int]:
    return {"x": 15 * number + 7, "y": 10}


def test_every_key_is_a_column(page: Any, folder: Path) -> None:
    page.keyboard.type("The", delay=1)
    read(page, 3)
    told(page, "3 symbols read, the last one “e”")
    page.keyboard.press("Backspace")
    read(page, 2)
    guess = Track(Bundle.read(folder).model).read("Th")[-1].guess
    assert page.locator(".guess li .symbol").first.text_content() == guess[0][0]
    assert page.locator(".guess li .share").first.text_content() == f"{round(100 * guess[0][1])}%"


def test_an_edit_in_the_middle_reads_from_there(page: Any) -> None:
    page.fill("#text", "naïve or not")
    read(page, 12)
    page.fill("#text", "naïve 😀 not")
    read(page, 11)
    page.locator(".scroller").hover(position=at_symbol(6))
    told(page, "“<unk>”, 7 of 11")


def test_the_heat_map_shows_the_state(page: Any, folder: Path) -> None:
    page.fill("#text", "The")
    read(page, 3)
    state = Track(Bundle.read(folder).model).read("The")[-1].state["hidden_l0"]
    column = page.evaluate(
        """() => {
          const { canvas, canvas: { width, height, clientWidth } } = document.querySelector(".heat").getContext("2d");
          const x = Math.round((2.5 * 15 * width) / clientWidth);
          return [...canvas.getContext("2d").getImageData(x, 0, 1, height).data];
        }"""
    )
    height = len(column) // 4
    for unit, value in enumerate(state):
        red, _, blue, _ = column[4 * int((unit + 0.5) * height / len(state)) :][:4]
        # Orange above nothing, blue below; what is nearly nothing has nearly no colour.
        assert abs(value) < 0.05 or (red > blue) == (value > 0)


def test_pointing_at_a_symbol_shows_what_is_left_of_it(page: Any, folder: Path) -> None:
    page.fill("#text", "The same input")
    read(page, 14)
    columns = Track(Bundle.read(folder).model).read("The same input")
    pictures(page).hover(position=at_symbol(9))
    share = columns[13].left[4] / columns[9].left[0]
    shown = f"{round(100 * share)}%" if share >= 0.0995 else f"{100 * share:.1f}%"
    told(page, "“i”, 10 of 14", f"{shown} of it is left after 4 more (against “{columns[9].instead}” in its place).")
    page.locator("#text").hover()
    told(page, "14 symbols read")


def test_a_symbol_is_followed_for_so_long(page: Any, folder: Path) -> None:
    page.fill("#text", TEXT * 4)
    read(page, 4 * len(TEXT))
    pictures(page).focus()
    page.keyboard.press("Home")
    told(page, f"“T”, 1 of {4 * len(TEXT)}", "left after 127 more", "it is followed no further.")


def test_pointing_at_the_heat_map_tells_the_value(page: Any, folder: Path) -> None:
    page.fill("#text", "The")
    read(page, 3)
    value = Track(Bundle.read(folder).model).read("The")[1].state["hidden_l0"][4]
    page.locator(".heat").hover(position={"x": 15 + 7, "y": 85})
    told(page, f"hidden, layer 1, unit 5: {value:.2f}.")


def test_a_keyboard_is_enough(page: Any) -> None:
    page.fill("#text", "The same input")
    read(page, 14)
    pictures(page).focus()
    page.keyboard.press("Home")
    page.wait_for_selector(".scroller[aria-valuenow='1']")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    page.wait_for_selector(".scroller[aria-valuenow='2'][aria-valuetext*='hidden, layer 1, unit 1: ']")
    spoken = pictures(page).get_attribute("aria-valuetext")
    assert re.match(r"“h”, 2 of 14: [\d.]+ bits of surprise. [\d.]+% of it is left after 12 more .*", spoken)
    assert "Expected next: " in spoken
    page.keyboard.press("Escape")
    page.wait_for_selector(".scroller[aria-valuenow='14']")


def test_going_back_leaves_the_other_way_on_at_hand(page: Any) -> None:
    page.fill("#text", "The same input")
    read(page, 14)
    pictures(page).click(position=at_symbol(7))
    page.get_by_role("button", name="Go back here").click()
    read(page, 8)
    assert page.input_value("#text") == "The same"
    page.keyboard.type("!")
    read(page, 9)
    page.get_by_role("button", name="The same input").click()
    read(page, 14)
    assert page.input_value("#text") == "The same input"
    page.get_by_role("button", name="The same!").click()
    read(page, 9)
    assert page.input_value("#text") == "The same!"


def test_the_model_writes_until_it_is_stopped(page: Any) -> None:
    page.fill("#text", "The ")
    page.fill("#pace", "30")
    page.get_by_role("button", name="Let it write").click()
    page.wait_for_selector(".panel[data-symbols^='1']")
    page.get_by_role("button", name="Stop writing").click()
    assert page.input_value("#text").startswith("The ")
    assert len(page.input_value("#text")) >= 10
    page.locator("#text").press("End")
    page.keyboard.type("So")
    read(page, len(page.input_value("#text")))
    assert page.input_value("#text").endswith("So")


def test_a_text_is_read_once_more_from_its_beginning(page: Any) -> None:
    page.fill("#text", "So it")
    read(page, 5)
    page.fill("#pace", "30")
    page.get_by_role("button", name="Replay").click()
    page.wait_for_selector("#replay[aria-pressed='true']")
    page.wait_for_selector("#replay[aria-pressed='false']")
    read(page, 5)
    assert page.input_value("#text") == "So it"


def test_another_state_can_be_shown(page: Any) -> None:
    page.fill("#text", "The")
    read(page, 3)
    page.get_by_label("State").select_option(label="cell, layer 2")
    pictures(page).focus()
    page.keyboard.press("ArrowUp")
    page.wait_for_selector(".scroller[aria-valuetext*='cell, layer 2, unit 7: ']")


def test_a_lost_connection_is_told_and_mended(page: Any, address: str, complaints: list[str]) -> None:
    sockets: list[Any] = []

    def through(socket: Any) -> None:
        socket.connect_to_server()
        sockets.append(socket)

    page.route_web_socket(re.compile("/live"), through)
    page.reload()
    page.fill("#text", "The same")
    read(page, 8)
    sockets[0].close()
    page.wait_for_selector("#status.lost")
    page.fill("#text", "The same input")
    page.wait_for_selector("#status:not(.lost)")
    read(page, 14)


def test_nothing_is_loaded_from_elsewhere(browser: Any, address: str, complaints: list[str]) -> None:
    context = browser.new_context()
    asked: list[str] = []
    context.on("request", lambda request: asked.append(request.url))
    page = opened(context, address, complaints)
    page.on("websocket", lambda socket: asked.append(socket.url.replace("ws:", "http:")))
    page.reload()
    page.wait_for_selector(".panel[data-symbols]")
    context.close()
    assert {"main.js", "page.css"} <= {url.rpartition("/")[2] for url in asked}
    assert f"{address}live" in asked
    assert [url for url in asked if not url.startswith(address)] == []
    assert complaints == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_a_phone_and_can_be_read(browser: Any, address: str, complaints: list[str], scheme: str) -> None:
    context = browser.new_context(color_scheme=scheme, viewport={"width": 360, "height": 740}, has_touch=True)
    page = opened(context, address, complaints)
    page.fill("#text", TEXT * 3)
    read(page, 3 * len(TEXT))
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    ground, ink = page.evaluate(
        "() => { const s = getComputedStyle(document.body); return [s.backgroundColor, s.color]; }"
    )
    brightness = [sum(map(int, re.findall(r"\d+", colour)[:3])) for colour in (ground, ink)]
    assert (brightness[0] > brightness[1]) == (scheme == "light")
    assert abs(brightness[0] - brightness[1]) > 500
    page.locator(".scroller").tap(position={"x": 100, "y": 10})
    page.wait_for_selector(".back:enabled")
    context.close()
    assert complaints == []


def test_everything_that_is_used_has_a_name(page: Any) -> None:
    names = page.evaluate("""() => [...document.querySelectorAll("button, input, select, textarea, [role=slider]")].map(
      (each) => each.ariaLabel || each.labels?.[0]?.textContent.trim() || each.textContent.trim())""")
    assert len(names) >= 8
    assert all(names)


def test_two_models_read_side_by_side(browser: Any, folder: Path, words: Path, complaints: list[str]) -> None:
    with watching(folder, words) as address:
        context = browser.new_context(viewport={"width": 1200, "height": 900})
        page = opened(context, address, complaints)
        page.fill("#text", "The same input may ")
        read(page, 19)
        read(page, 4, model=1)
        pictures(page).hover(position=at_symbol(9))
        page.wait_for_selector("#model-1 .readout:text('“same”, 2 of 4')")
        context.close()
    assert complaints == []
