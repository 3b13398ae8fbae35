"""The page in a real browser, with the real network behind it."""

import socket
import threading

import pytest
import uvicorn
from playwright.sync_api import expect, sync_playwright

from benchmarks.harness.served import until
from stylize_tf.service.web.app import create_app
from tests.fakes.programs import program
from tests.service.conftest import Service, png

pytestmark = pytest.mark.slow

SMALL = "e => { e.min = 64; e.value = 64; e.dispatchEvent(new Event('input')) }"


class Site(uvicorn.Server):
    """The application in a thread, at a port of its own."""

    def __init__(self, app):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        super().__init__(uvicorn.Config(app, port=port, log_level="error", lifespan="on"))
        self.url = f"http://127.0.0.1:{port}/"
        self._thread = threading.Thread(target=self.run, daemon=True)

    def start(self):
        self._thread.start()
        until(lambda: self.started)

    def end(self):
        self.should_exit = True
        self.force_exit = True
        self._thread.join()


@pytest.fixture(scope="module")
def made(tmp_path_factory, vgg_engine, vgg_weights):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("stylize_tf.network.weights.find", lambda *arguments, **options: vgg_weights)
        service = Service(tmp_path_factory.mktemp("service"), vgg_engine, of_client=100)
        service.work()
        yield service
        service.stop()


@pytest.fixture(scope="module")
def site(made):
    served = Site(create_app(made.queue, made.files, limits=made.limits))
    served.start()
    yield served
    served.end()


@pytest.fixture(scope="module")
def browser():
    path = program("chromium")
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(
            executable_path=path, args=["--no-sandbox", "--disable-background-networking"]
        )
        yield found
        found.close()


@pytest.fixture
def page(browser, site):
    """The page, which must say nothing wrong and ask nobody else."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    page = context.new_page()
    said, asked = [], []
    page.on("console", lambda message: said.append((message.type, message.text)))
    page.on("pageerror", lambda error: said.append(("error", str(error))))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(site.url)
    yield page
    context.close()
    wrong = [text for kind, text in said if kind in ("error", "warning")]
    # What the browser says of every request that is refused, as one test wants.
    assert [text for text in wrong if "responded with a status of 400" not in text] == []
    assert all(url.startswith((site.url, "blob:", "data:")) for url in asked)


def give(page, selector, seed, size=(72, 96)):
    data = {"name": "a.png", "mimeType": "image/png", "buffer": png(seed, size)}
    page.set_input_files(selector, data)


def begin(page):
    give(page, "#content", 0)
    give(page, "#style", 1)
    page.locator("#size").evaluate(SMALL)


def drawn(page):
    """The sum of what the canvas shows."""
    return page.evaluate(
        """() => {
            const canvas = document.getElementById("canvas");
            const { width, height } = canvas;
            let sum = 0;
            const { data } = canvas.getContext("2d").getImageData(0, 0, width, height);
            for (const x of data) sum += x;
            return sum;
        }"""
    )


def test_a_picture_with_a_marked_region_is_painted_and_taken_home(page, made):
    expect(page.locator("#paint")).to_be_disabled()
    begin(page)
    page.locator("#add-region").click()
    expect(page.locator("#paint")).to_be_disabled()
    give(page, "#style-2", 2)
    before = drawn(page)
    box = page.locator("#canvas").bounding_box()
    page.mouse.move(box["x"] + 10, box["y"] + 10)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 20, steps=5)
    page.mouse.up()
    marked = drawn(page)
    assert marked != before
    page.locator("#undo").click()
    assert drawn(page) == before
    page.locator("#invert").click()
    page.locator("#clear").click()
    page.mouse.move(box["x"] + 10, box["y"] + 10)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 20, steps=5)
    page.mouse.up()
    page.locator("#paint").click()
    expect(page.locator("#status")).to_contain_text("Step", timeout=90_000)
    expect(page.locator("#status")).to_have_text("Done.", timeout=90_000)
    job = page.evaluate("JSON.parse(localStorage.getItem('stylize_tf jobs'))[0]")
    asked = made.queue.asked(job)
    assert {role: len(names) for role, names in asked["files"].items()} == {
        "content": 1,
        "style": 2,
        "content_mask": 2,
    }
    with page.expect_download() as download:
        page.locator("#download").click()
    data = download.value.path().read_bytes()
    assert data == made.files.read(job, "result.png")
    assert page.locator("#after").evaluate("e => e.naturalWidth") == 64
    page.locator("#split").evaluate("e => { e.value = 50; e.dispatchEvent(new Event('input')) }")
    assert "50%" in page.locator("#before").evaluate("e => e.style.clipPath")
    expect(page.locator("#history button")).to_have_count(1)


def test_reloaded_in_the_middle_it_watches_on_and_ends_when_asked_to(page, made):
    begin(page)
    page.locator("#size").evaluate(SMALL.replace("64", "512"))
    page.locator("#paint").click()
    expect(page.locator("#status")).to_contain_text("Step", timeout=90_000)
    page.reload()
    expect(page.locator("#status")).to_contain_text("Step", timeout=90_000)
    expect(page.locator("#after")).to_be_visible()
    page.locator("#cancel").click()
    expect(page.locator("#status")).to_contain_text("Ended early", timeout=90_000)
    expect(page.locator("#download")).to_be_visible()


def test_what_the_service_refuses_is_told_in_its_words(page):
    begin(page)
    page.locator("#size").evaluate(SMALL.replace("64", "8"))
    page.locator("#paint").click()
    expect(page.locator("#status")).to_contain_text("`size` must", timeout=30_000)
    expect(page.locator("#paint")).to_be_enabled()


def test_it_is_painted_and_marked_by_keys_alone(page):
    begin(page)
    page.locator("#add-region").click()
    give(page, "#style-2", 2)
    before = drawn(page)
    page.locator("#canvas").focus()
    page.keyboard.press("ArrowLeft")
    moved = drawn(page)
    page.keyboard.press("Space")
    marked = drawn(page)
    assert marked not in (before, moved)
    page.keyboard.press("Control+z")
    assert drawn(page) == moved
    page.keyboard.press("]")
    assert page.locator("#brush-size").input_value() == "56"
    page.locator("#paint").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#status")).to_contain_text("Mark on the photograph where painting 2")
    page.locator("#canvas").focus()
    page.keyboard.press("Space")
    page.locator("#paint").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#status")).to_have_text("Done.", timeout=90_000)


@pytest.mark.parametrize("width", [320, 1440])
def test_it_fits_a_narrow_and_a_wide_window(page, width):
    page.set_viewport_size({"width": width, "height": 800})
    begin(page)
    page.locator("#add-region").click()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    for label in page.locator("input, select, button, canvas").all():
        name = label.evaluate(
            "e => e.textContent || e.getAttribute('aria-label') || e.labels?.[0]?.textContent || ''"
        )
        assert name.strip(), label.evaluate("e => e.outerHTML")
