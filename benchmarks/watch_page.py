"""The page of `elman watch` in Chromium, with a model of 512 units: until it is open, and from a key to its column."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from benchmarks.harness import Data, Figure
from elman.tasks.language_model import LanguageModel, TextData

UNITS = 512

#: Text that stands there already, and keys that are typed after it.
WRITTEN, KEYS = 1000, 120

TEXT = "The quick brown fox jumps over the lazy dog. Etaoin shrdlu, and so on.\n"

#: Notes when the first picture is there, in milliseconds since the page was asked for.
FIRST_PICTURE = """
new MutationObserver((_, observer) => {
  if (!document.querySelector(".panel[data-symbols]")) return;
  observer.disconnect();
  requestAnimationFrame(() => requestAnimationFrame(() => (window.opened = performance.now())));
}).observe(document, { subtree: true, childList: true, attributes: true });
"""

#: Types letters, each as soon as the one before is on the screen, and gives the milliseconds that each took.
#: Pictures are drawn right before the browser shows a frame; the next task comes after it.
TYPE = """
async (keys) => {
  const field = document.getElementById("text");
  const panel = document.querySelector(".panel");
  const drawn = () => new Promise((done) => {
    new MutationObserver((_, observer) => {
      observer.disconnect();
      setTimeout(done);
    }).observe(panel, { attributes: true });
  });
  const times = [];
  for (let key = 0; key < keys; key++) {
    const began = performance.now();
    const seen = drawn();
    field.value += "etaoin shrdlu"[key % 13];
    field.dispatchEvent(new InputEvent("input"));
    await seen;
    times.push(performance.now() - began);
  }
  return times;
}
"""


def measure(data: Data) -> Sequence[Figure]:
    """Opened in fresh tabs; keys at the end of a long text. A key's time ends when its picture is on the screen."""
    units, written, keys, visits = (16, 20, 3, 1) if data.quick else (UNITS, WRITTEN, KEYS, 5)
    with (
        tempfile.TemporaryDirectory() as place,
        watching(model(Path(place) / "model", units)) as address,
        chromium() as browser,
    ):
        opened = [visit(browser, address).evaluate("window.opened") for _ in range(visits)]
        page = visit(browser, address)
        page.fill("#text", (TEXT * written)[:written])
        page.wait_for_selector(f".panel[data-symbols='{written}']", timeout=120_000)
        times = page.evaluate(TYPE, keys)
    rate = 1e3 * keys / sum(times)
    slowest = quantiles(times, n=20)[-1]
    beside = f"{units} units, {written:,} symbols before"
    return [
        Figure("until the page is open", median(opened) / 1e3, "s", "lower", 1.0),
        Figure("from a key to its column, median", median(times), "ms", "lower", 50, beside),
        Figure("from a key to its column, 95% are faster", slowest, "ms", "lower", 50, beside),
        Figure("columns a second, each typed when the one before is seen", rate, "1/s", "higher", 30, beside),
    ]


def model(folder: Path, units: int) -> Path:
    """An LSTM that has hardly learnt anything."""
    text = TEXT * 200
    sizes = {"hidden_size": units, "num_layers": 1, "batch_size": 2, "window": 8}
    LanguageModel(steps=1, **sizes).fit_texts(TextData([text], [text[:1000]])).save(folder)
    return folder


@contextmanager
def watching(folder: Path) -> Iterator[str]:
    """The address of the page of a real `elman watch`."""
    code = "from elman.cli import main; main()"
    command = [sys.executable, "-c", code, "watch", "--port", "0", "--no-browser", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            yield server.stdout.readline().split()[4].rstrip(".")
        finally:
            server.send_signal(signal.SIGINT)


@contextmanager
def chromium() -> Iterator[Any]:
    """A browser without a window; ends the program with a sentence where there is none."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        raise SystemExit("This benchmark drives a browser: pip install playwright.") from None
    with sync_playwright() as driver:
        # Chromium cannot make its sandbox inside of every container.
        browser = driver.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        yield browser
        browser.close()


def visit(browser: Any, address: str) -> Any:
    """The page in a fresh tab, as soon as it shows the model."""
    page = browser.new_context(viewport={"width": 1280, "height": 900}).new_page()
    page.add_init_script(FIRST_PICTURE)
    page.goto(address)
    page.wait_for_selector(".panel[data-symbols]")
    while page.evaluate("window.opened ?? null") is None:
        page.wait_for_timeout(10)
    return page
