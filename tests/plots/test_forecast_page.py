from __future__ import annotations

import base64
import hashlib
import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from elman.errors import UsageError
from elman.plots.forecast import Fan
from elman.plots.forecast_page import MOST_SERIES, Fans, forecast_page
from elman.plots.page import Page, Section, Text

CHROMIUM = shutil.which("chromium")
nan = float("nan")
TIMES = np.datetime64("2024-01-01", "ns") + np.arange(6).astype("m8[h]")
FAN = Fan(
    "a </script> & \"b\"", TIMES[:4], np.array([1.0, nan, 3, 4]), TIMES[4:], np.array([5.0, 6]),
    {80: (np.array([4.0, 4]), np.array([6.0, 8]))}, np.array([5.5, nan]), {"last <value>": np.array([4.0, 4])},
)  # fmt: skip


def data_in(page: str) -> dict[str, object]:
    found = re.search(r'<script type="application/json">(.*?)</script>', page, re.S)
    assert found
    return json.loads(found[1])  # type: ignore[no-any-return]


def test_the_numbers_are_on_the_page_whatever_names_hold() -> None:
    data = data_in(Fans([FAN]).html())
    (series,) = data["series"]  # type: ignore[misc]
    assert data["dates"] is True
    assert series["name"] == FAN.name
    assert series["values"] == [1, None, 3, 4]
    assert series["times"][1] - series["times"][0] == 3_600_000
    assert series["intervals"] == [{"percent": 80, "low": [4, 4], "high": [6, 8]}]
    assert series["truth"] == [5.5, None]


def test_the_page_runs_its_own_script_and_nothing_else() -> None:
    page = forecast_page([FAN, FAN], "Forecasts <now>", "two").html()
    (script,) = re.findall(r"<script>(.*?)</script>", page, re.S)
    allowed = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{allowed}'" in page
    assert "default-src 'none'" in page
    assert not re.search(r"(src|href)=.?https?:", page)
    assert "Forecasts &lt;now&gt;" in page


def test_pages_without_movement_have_no_script() -> None:
    assert "script" not in Page("still", [Section("one", [Text("words")])]).html()


def test_many_series_are_cut_and_it_is_said() -> None:
    page = Fans([replace(FAN, name=str(number)) for number in range(MOST_SERIES + 1)]).html()
    assert len(data_in(page)["series"]) == MOST_SERIES  # type: ignore[arg-type]
    assert f"The first {MOST_SERIES} of {MOST_SERIES + 1} series" in page


def test_nothing_to_show() -> None:
    with pytest.raises(UsageError, match="nothing to show"):
        forecast_page([], "empty")


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium here: the page is not tried")
def test_in_a_browser_it_can_be_read_moved_and_asked(tmp_path: Path) -> None:
    sync_api = pytest.importorskip("playwright.sync_api")
    path = forecast_page([FAN, replace(FAN, name="second", truth=None)], "Forecasts").write(tmp_path / "page.html")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 900, "height": 700})
        problems: list[str] = []
        page.on("console", lambda message: problems.append(message.text))
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.goto(path.as_uri())
        page.locator("canvas").focus()
        page.keyboard.press("ArrowRight")
        reading = page.locator("output")
        assert reading.inner_text() == "2024-01-01 05:00   forecast 6   80%: 4 to 8   last <value> 4"
        page.keyboard.press("ArrowLeft")
        assert "came 5.5" in reading.inner_text()
        page.get_by_role("button", name="next series").click()
        assert page.locator("select").input_value() == "second"
        before = page.locator("canvas").screenshot()
        page.locator("input[value='80']").uncheck()
        assert page.locator("canvas").screenshot() != before
        assert problems == []
        browser.close()
