"""Shows the page of the service as README does, in a browser: a picture with two regions, a clip.

python examples/make_page.py                  # examples/gallery/page*.webp, in some minutes
python examples/make_page.py --output FOLDER  # PNG, to look at
"""

from __future__ import annotations

import argparse
import io
import shutil
import sys
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, expect, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.harness.served import Served, until  # noqa: E402 - after the path is known
from examples.make_clips import frames, write_clip  # noqa: E402

EXAMPLES = ROOT / "examples"
WIDE, NARROW = (1440, 1240), (320, 1900)
MINUTES = 15
"""That a picture may take."""

SET = "(e, value) => { e.value = value; e.dispatchEvent(new Event('input')) }"


def picture(page: Page) -> None:
    """The horse is selected by a click, and gets a painting of its own."""
    page.set_input_files("#content", EXAMPLES / "horse.jpg")
    page.set_input_files("#style", EXAMPLES / "harvesters.jpg")
    page.locator("#add-region").click()
    page.set_input_files("#style-2", EXAMPLES / "style.jpg")
    page.locator("#brushes .tool-alike").check()
    expect(page.locator("#brushes .told")).to_contain_text("Click on a thing", timeout=60_000)
    box = page.locator("#canvas").bounding_box()
    assert box is not None
    page.locator("#canvas").click(position={"x": box["width"] / 2, "y": box["height"] / 2})
    page.locator("#paint").click()
    expect(page.locator("#status")).to_have_text("Done.", timeout=MINUTES * 60_000)
    page.locator("#split").evaluate(SET, 35)
    page.mouse.move(0, 0)
    page.evaluate("scrollTo(0, 0)")


def clip(page: Page, path: Path) -> None:
    """A clip, painted by the network that comes along."""
    page.locator("#live-tab").click()
    page.set_input_files("#clip", path)
    expect(page.locator("#rate")).to_contain_text("frames a second", timeout=60_000)
    page.wait_for_timeout(5_000)


def keep(page: Page, name: str, folder: Path | None) -> None:
    """Keeps what is seen: as a PNG in a folder, else as README has it."""
    data = page.screenshot()
    if folder is not None:
        (folder / f"{name}.png").write_bytes(data)
        return
    Image.open(io.BytesIO(data)).save(EXAMPLES / "gallery" / f"{name}.webp", quality=80, method=6)


def show(url: str, folder: Path | None, scratch: Path) -> None:
    """Walks through the page, and keeps what is seen on the way."""
    with sync_playwright() as playwright:
        path = shutil.which("chromium") or shutil.which("google-chrome")
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": WIDE[0], "height": WIDE[1]})
        page.goto(url)
        picture(page)
        keep(page, "page", folder)
        page.set_viewport_size({"width": NARROW[0], "height": NARROW[1]})
        keep(page, "page_narrow", folder)
        page.emulate_media(color_scheme="dark")
        page.set_viewport_size({"width": WIDE[0], "height": 760})
        clip(page, scratch / "clip.mp4")
        keep(page, "page_clip", folder)
        browser.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, help="Folder for PNG files, in place of gallery/.")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        write_clip(Path(scratch, "clip.mp4"), frames())
        served = Served(Path(scratch))
        try:
            client = served.client()
            until(lambda: client.get("/readyz").status_code == 200)
            show(served.url, options.output, Path(scratch))
        finally:
            served.end()
