"""The page in a real browser, with the real networks behind it."""

import contextlib
import io
import re
import shlex
import socket
import threading
from pathlib import Path

import axe_playwright_python
import numpy as np
import pytest
import uvicorn
from PIL import Image
from playwright.sync_api import expect, sync_playwright

from benchmarks.harness.served import until
from stylize_tf.feedforward import network_files
from tests.fakes import clips
from tests.fakes.programs import program
from tests.fakes.tiny_network import network_of
from tests.service.conftest import Service, png

pytestmark = pytest.mark.slow

expect.set_options(timeout=30_000)

SMALL = "e => { e.min = 64; e.value = 64; e.dispatchEvent(new Event('input')) }"


class Site(uvicorn.Server):
    """The application in a thread, at a port of its own."""

    def __init__(self, app, port=0):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = port or free.getsockname()[1]
        self.port = port
        super().__init__(uvicorn.Config(app, port=port, log_level="critical", lifespan="on"))
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
        folder = tmp_path_factory.mktemp("service")
        network_files.save(network_of("sea", "sky"), folder / "pond.keras")
        networks = [str(folder / "pond.keras")]
        service = Service(folder, vgg_engine, networks, of_client=100)
        service.work()
        service.work("network", service.at_once, is_of_network=True)
        yield service
        service.stop()


@pytest.fixture(scope="module")
def site(made):
    served = site_of(made)
    yield served
    served.end()


def site_of(made, port=0):
    served = Site(made.app(), port)
    served.start()
    return served


@pytest.fixture(scope="module")
def browser():
    path = program("chromium")
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(
            executable_path=path,
            args=[
                *("--no-sandbox", "--disable-background-networking"),
                "--use-fake-device-for-media-stream",
            ],
        )
        yield found
        found.close()


@pytest.fixture
def page(browser, site):
    """The page, which must say nothing wrong and ask nobody else."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    page = context.new_page()
    with watched(page, site.url):
        page.goto(site.url)
        yield page
        context.close()


@contextlib.contextmanager
def watched(page, url):
    """What a page says and asks for while it is open."""
    said, asked = [], []
    page.on("console", lambda message: said.append((message.type, message.text)))
    page.on("pageerror", lambda error: said.append(("error", str(error))))
    page.on("request", lambda request: asked.append(request.url))
    yield
    wrong = [text for kind, text in said if kind in ("error", "warning")]
    # What the browser says of every request that is refused or lost, as tests want some to be.
    statuses = (f"responded with a status of {x}" for x in (400, 401, 429, 503))
    wanted = (*statuses, "net::ERR_")
    assert [text for text in wrong if not any(x in text for x in wanted)] == []
    assert all(x.startswith((url, "blob:", "data:")) for x in asked)


@pytest.fixture
def idle(browser, tmp_path):
    """Pages of a service that has no worker: what it takes waits."""
    with contextlib.ExitStack() as stack:

        def visit(url=None, token=None):
            if url is None:
                served = Site(Service(tmp_path, None, of_client=2).app(token=token))
                served.start()
                stack.callback(served.end)
                url = served.url
            page = stack.enter_context(browser.new_context()).new_page()
            stack.enter_context(watched(page, url))
            page.goto(url)
            return page

        yield visit


def give(page, selector, seed, size=(72, 96), name="a.png"):
    data = {"name": name, "mimeType": "image/png", "buffer": png(seed, size)}
    page.set_input_files(selector, data)


def begin(page):
    give(page, "#content", 0, name="horse.png")
    give(page, "#style", 1, name="harvesters.png")
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
    give(page, "#style-2", 2)
    before = drawn(page)
    page.locator("#canvas").scroll_into_view_if_needed()
    box = page.locator("#canvas").bounding_box()
    page.mouse.move(box["x"] + 10, box["y"] + 10)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 20, steps=5)
    page.mouse.up()
    marked = drawn(page)
    assert marked != before
    page.locator("#brushes .undo").click()
    assert drawn(page) == before
    page.locator("#brushes .invert").click()
    page.locator("#brushes .clear").click()
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
    assert downloaded(page) == ("horse_harvesters_a.png", made.files.read(job, "result.png"))
    assert page.locator("#after").evaluate("e => e.naturalWidth") == 64
    page.locator("#split").evaluate("e => { e.value = 50; e.dispatchEvent(new Event('input')) }")
    assert "50%" in page.locator("#before").evaluate("e => e.style.clipPath")
    drag(page, "#layers", 0.5, 0.8)
    assert page.locator("#split").input_value() == "80"
    assert "20%" in page.locator("#before").evaluate("e => e.style.clipPath")
    expect(page.locator("#history button")).to_have_text(re.compile(r"\d:\d\d"))
    expect(page.locator("#history img")).to_have_js_property("naturalWidth", 64)
    give(page, "#content", 3)
    expect(page.locator("#status")).to_have_text("Ready.")
    page.reload()
    expect(page.locator("#status")).to_have_text("Done.")
    assert downloaded(page) == ("horse_harvesters_a.png", made.files.read(job, "result.png"))
    expect(page.locator("#after")).to_have_js_property("naturalWidth", 64)
    expect(page.locator("#copy")).to_be_hidden()  # Its masks are gone.


def downloaded(page):
    """The name of the picture that is offered, and what is in it."""
    with page.expect_download() as download:
        page.locator("#download").click()
    return download.value.suggested_filename, download.value.path().read_bytes()


def drag(page, selector, *shares):
    """Drags over an element, along the middle of its height."""
    page.locator(selector).scroll_into_view_if_needed()
    box = page.locator(selector).bounding_box()
    places = [box["x"] + share * box["width"] for share in shares]
    page.mouse.move(places[0], box["y"] + box["height"] / 2)
    page.mouse.down()
    for place in places[1:]:
        page.mouse.move(place, box["y"] + box["height"] / 2, steps=3)
    page.mouse.up()


def test_what_the_service_has_deleted_is_not_offered_again(browser, site):
    context = browser.new_context()
    page = context.new_page()
    page.goto(site.url)
    page.evaluate("localStorage.setItem('stylize_tf jobs', '[\"gone\", \"too\"]')")
    page.reload()
    until(lambda: page.evaluate("localStorage.getItem('stylize_tf jobs')") == "[]")
    expect(page.locator("#past")).to_be_hidden()
    context.close()


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
    expect(page.locator("#status")).to_contain_text("The size must", timeout=30_000)
    expect(page.locator("#paint")).to_be_enabled()


def test_it_is_painted_and_marked_by_keys_alone(page):
    begin(page)
    page.locator("#add-region").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#style-2")).to_be_focused()  # Its painting is what comes next.
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
    assert page.locator("#brushes .brush-size").input_value() == "56"
    page.locator("#paint").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#status")).to_contain_text("Mark on the photograph where painting 2")
    page.locator("#canvas").focus()
    page.keyboard.press("Space")
    page.locator("#paint").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#status")).to_have_text("Done.", timeout=90_000)


@pytest.mark.parametrize("held", [True, False], ids=["held", "pressed twice"])
def test_a_line_is_drawn_by_arrows_while_the_pen_is_down(page, held):
    page.set_input_files("#content", halves())
    page.locator("#mark-part").click()
    page.locator("#brushes .brush-size").fill("8")
    page.locator("#canvas").focus()
    page.keyboard.down("Space")
    if held:
        page.keyboard.down("Space")  # As the system repeats it.
    else:
        page.keyboard.up("Space")
    expect(page.locator("#brushes .told")).to_contain_text("The pen is down")
    for _ in range(3):
        page.keyboard.press("ArrowLeft")
    if held:
        page.keyboard.up("Space")
    else:
        page.keyboard.press("Space")
    expect(page.locator("#brushes .told")).to_have_text("Draw where painting 2 goes.")
    for _ in range(9):
        page.keyboard.press("ArrowDown")  # The pen is up.
    page.locator("#brushes .undo").focus()
    left, right = marked(page)
    assert 0.5 < left * 72 * 44 / (8 * 20) < 1.5  # Of 8 by 24 pixels, 4 of which are in between.
    assert right == 0
    page.keyboard.press("Enter")  # All of it was one line.
    assert marked(page) == (0, 0)


def test_what_is_marked_on_a_painting_is_large_and_told_and_seen(page):
    page.set_viewport_size({"width": 1280, "height": 900})
    begin(page)
    page.locator("#add-region").click()
    card = page.locator("#regions > li").last
    canvas, tools = card.locator("canvas"), card.locator(".tools")
    for color in ("white", "black", "#2e86ab", "#1a1a1a"):  # That of the mark, and of its stripes.
        data = io.BytesIO()
        Image.new("RGB", (480, 360), color).save(data, "PNG")
        picture = {"name": "a.png", "mimeType": "image/png", "buffer": data.getvalue()}
        page.set_input_files("#style-2", picture)
        card.locator(".counts input").check()
        expect(card.locator(".of-part")).to_be_visible()
        expect(tools).to_contain_text("On painting 2, mark the part that counts")
        expect(tools.locator(".told")).to_have_text("Draw over the part of painting 2 that counts.")
        box = canvas.bounding_box()
        assert box["width"] > 600
        assert tools.bounding_box()["y"] - box["y"] - box["height"] < 40
        canvas.click(position={"x": box["width"] / 2, "y": box["height"] / 2})
        tools.locator(".undo").focus()
        look = """e => Array.from(e.getContext("2d").getImageData(225, 165, 30, 30).data)"""
        after = np.reshape(canvas.evaluate(look), [-1, 4])[:, :3]
        tools.locator(".undo").click()
        before = np.reshape(canvas.evaluate(look), [-1, 4])[:, :3]
        assert (np.abs(after - before).max(axis=1) > 60).mean() > 0.2
    expect(page.locator("#brushes")).to_contain_text("On the photograph, mark where painting 2")


def paint(page):
    page.locator("#paint").click()
    expect(page.locator("#status")).to_have_text("Done.", timeout=90_000)


def newest(page):
    return page.evaluate("JSON.parse(localStorage.getItem('stylize_tf jobs'))[0]")


def halves():
    """A picture of bold stripes on the left and of a smooth blue on the right."""
    pixels = np.full([72, 96, 3], (40, 80, 200), np.uint8)
    pixels[:, :48] = np.where(np.arange(72)[:, None, None] // 3 % 2, (250, 240, 60), (120, 10, 10))
    data = io.BytesIO()
    Image.fromarray(pixels).save(data, "PNG")
    return {"name": "a.png", "mimeType": "image/png", "buffer": data.getvalue()}


def marked(page, selector="#canvas"):
    """Which shares of the left and of the right half of a picture are marked."""
    pixels = page.locator(selector).evaluate(
        """e => Array.from(e.getContext("2d").getImageData(0, 0, e.width, e.height).data)"""
    )
    now = np.reshape(pixels, [72, 96, 4])[..., :3]
    before = np.asarray(Image.open(io.BytesIO(halves()["buffer"])))
    changed = np.abs(now - before).max(axis=2) > 15
    return changed[:, :44].mean(), changed[:, 52:].mean()


@pytest.mark.parametrize("picture", ["photograph", "painting"])
def test_all_that_is_like_a_thing_is_selected_by_a_click(page, made, picture):
    page.set_input_files("#content", halves())
    page.set_input_files("#style", halves())
    if picture == "photograph":
        page.locator("#add-region").click()
        canvas, tools = "#canvas", page.locator("#brushes")
    else:
        page.locator(".counts input").check()
        canvas, tools = "#regions canvas", page.locator("#regions .tools")
    tools.locator(".tool-alike").check()
    expect(tools.locator(".told")).to_contain_text("Click on a thing", timeout=60_000)
    width, height = (page.locator(canvas).bounding_box()[x] for x in ("width", "height"))
    left, right = ({"x": x * width, "y": height / 2} for x in (0.2, 0.8))
    page.locator(canvas).click(position=left)
    tools.locator(".tool-alike").focus()  # And away from the cross on the canvas.
    assert marked(page, canvas)[0] > 0.7
    assert marked(page, canvas)[1] < 0.1
    page.locator(canvas).click(position=right, modifiers=["Shift"])
    tools.locator(".tool-alike").focus()
    assert min(marked(page, canvas)) > 0.7
    page.locator(canvas).click(position=left, modifiers=["Alt"])
    tools.locator(".tool-alike").focus()
    assert marked(page, canvas)[0] < 0.1
    assert marked(page, canvas)[1] > 0.7
    tools.locator(".undo").click()
    assert min(marked(page, canvas)) > 0.7
    tools.locator(".undo").click()
    tools.locator(".undo").click()
    assert max(marked(page, canvas)) == 0
    if picture == "painting":
        page.locator(canvas).click(position=left)
        page.locator("#size").evaluate(SMALL)
        paint(page)
        files = made.queue.asked(newest(page))["files"]
        assert {role: len(names) for role, names in files.items()} == {
            "content": 1,
            "style": 1,
            "style_mask": 1,
        }


def test_a_click_replaces_what_was_selected_and_nothing_that_was_brushed(page):
    page.set_input_files("#content", halves())
    page.locator("#mark-part").click()
    expect(page.locator("#canvas")).to_be_focused()
    box = page.locator("#canvas").bounding_box()
    left, right = ({"x": x * box["width"], "y": box["height"] / 2} for x in (0.2, 0.8))
    page.locator("#brushes .brush-size").fill("24")
    page.locator("#canvas").click(position=right)
    page.locator("#brushes .tool-alike").check()
    expect(page.locator("#brushes .told")).to_contain_text("Click on a thing", timeout=60_000)
    brushed = marked(page)
    assert brushed[0] == 0 < brushed[1] < 0.3

    def click(position):
        page.locator("#canvas").click(position=position)
        page.locator("#brushes .tool-alike").focus()
        return marked(page)

    both = click(left)
    assert both[0] > 0.7
    assert abs(both[1] - brushed[1]) < 0.1
    whole = click(right)
    assert whole[0] < 0.1
    assert whole[1] > 0.7
    assert click(left) == both
    for expected in (whole, both, brushed, (0, 0)):
        page.locator("#brushes .undo").click()
        assert marked(page) == expected


def test_what_is_alike_is_selected_by_keys_and_is_more_or_less(page):
    page.set_input_files("#content", halves())
    page.locator("#add-region").click()
    page.locator("#canvas").focus()
    page.keyboard.press("l")
    expect(page.locator("#brushes .told")).to_contain_text("Click on a thing", timeout=60_000)
    for _ in range(3):
        page.keyboard.press("ArrowLeft")
    page.keyboard.press("Enter")
    page.locator("#brushes .alike").focus()
    until(lambda: marked(page)[0] > 0.7)
    assert marked(page)[1] < 0.1
    page.keyboard.press("Home")  # As alike as nothing has to be.
    least = sum(marked(page))
    page.keyboard.press("End")
    most = sum(marked(page))
    assert least > most > 0
    page.keyboard.press("Home")
    assert sum(marked(page)) == least
    page.locator("#brushes .undo").click()  # All of it was one selection.
    assert max(marked(page)) == 0


def test_a_stroke_is_seen_at_once(page):
    """50 ms on a quiet machine; here it is the fastest of twenty that counts."""
    give(page, "#content", 0, (384, 512))
    page.locator("#add-region").click()
    page.evaluate(
        """() => {
            window.times = [];
            window.addEventListener("pointermove", () => {
                const began = performance.now();
                const end = () => times.push(performance.now() - began);
                requestAnimationFrame(() => setTimeout(end));
            }, true);
        }"""
    )
    page.locator("#canvas").scroll_into_view_if_needed()
    box = page.locator("#canvas").bounding_box()
    page.mouse.move(box["x"] + 20, box["y"] + 20)
    page.mouse.down()
    for step in range(20):
        page.mouse.move(box["x"] + 20 + 8 * step, box["y"] + 20 + 3 * step)
        page.wait_for_timeout(20)
    page.mouse.up()
    times = page.evaluate("times")
    print(f"a stroke: {np.median(times):.1f} ms, {min(times):.1f} to {max(times):.1f}")
    assert min(times) < 50


def test_a_painting_that_is_removed_takes_its_region_along(page, made):
    begin(page)
    page.locator("#add-region").click()
    page.locator(".remove:visible").click()
    expect(page.locator("#paint")).to_be_enabled()
    expect(page.locator("#brushes")).to_be_hidden()
    paint(page)
    assert sorted(made.queue.asked(newest(page))["files"]) == ["content", "style"]


def asked_by(page):
    """What the page asks for, which nobody is asked: options, and masks as levels from 0 to 255."""
    page.evaluate(
        """() => {
            window.sent = null;
            window.real ??= window.fetch;
            window.fetch = async (path, options) => {
                if (path !== "v1/jobs") return real(path, options);
                window.sent = options.body;
                return new Response('{"error": "No."}', {status: 400});
            };
        }"""
    )
    page.locator("#paint").click()
    expect(page.locator("#status")).to_have_text("No.")
    entries = page.evaluate(
        """async () => {
            window.fetch = real;
            const levels = async (file) => {
                const image = await createImageBitmap(file);
                const context = new OffscreenCanvas(image.width, image.height).getContext("2d");
                context.drawImage(image, 0, 0);
                const { data } = context.getImageData(0, 0, image.width, image.height);
                return Array.from(data).filter((_, place) => place % 4 === 0);
            };
            const found = [];
            for (const [name, value] of sent) {
                if (name.endsWith("mask")) found.push([name, await levels(value)]);
                else if (!["content", "style"].includes(name)) found.push([name, value]);
            }
            return found;
        }"""
    )
    found = {}
    for name, value in entries:
        found.setdefault(name, []).append(value)
    return found


def strengths(page):
    """The strengths that are asked for, with their shares of the picture, and whether by a mask."""
    asked = asked_by(page)
    (most,) = map(float, asked["strength"])
    (levels,) = asked.get("strength_mask", [[255]])
    values, counts = np.unique(levels, return_counts=True)
    shares = counts / len(levels)
    found = {round(x / 255 * most, 2): y for x, y in zip(values, shares, strict=True) if y > 0.02}
    return found, "strength_mask" in asked


def slide(page, selector, value):
    slider = page.locator(selector).last
    slider.evaluate(f"e => {{ e.value = {value}; e.dispatchEvent(new Event('input')) }}")


def test_each_region_is_as_strong_as_its_slider_says(page):
    begin(page)
    expect(page.get_by_label("Strength", exact=False).filter(visible=True)).to_have_count(1)
    slide(page, "#strength", 1.2)
    page.locator("#add-region").click()
    expect(page.locator("#strength-name")).to_have_text("Strength elsewhere")
    expect(page.locator(".strength .value").last).to_have_text("1.2")  # As it was all over.
    page.locator("#canvas").focus()
    for _ in range(5):
        page.keyboard.press("]")
    page.keyboard.press("Space")
    page.locator("#paint").click()
    expect(page.locator("#status")).to_contain_text("another strength than elsewhere")
    here = "#regions .strength input"
    for elsewhere, own in [(0.4, 1.5), (1.5, 0.4), (0.5, 2), (1, 0)]:
        slide(page, "#strength", elsewhere)
        slide(page, here, own)
        found, by_mask = strengths(page)
        assert by_mask
        # No share is to be had of 2.
        assert sorted(found) == pytest.approx(sorted([elsewhere, min(own, 1.99)]), abs=0.01)
        assert found[min(found, key=lambda x: abs(x - elsewhere))] < 0.3  # The brush is large.
        assert sum(found.values()) > 0.9


@pytest.mark.parametrize("strength", [1, 2])
def test_no_strength_mask_is_sent_where_all_are_as_strong(page, strength):
    begin(page)
    page.locator("#add-region").click()
    give(page, "#style-2", 2)
    page.locator("#canvas").focus()
    page.keyboard.press("Space")
    slide(page, "#strength", strength)
    slide(page, "#regions .strength input", strength)
    assert strengths(page) == ({strength: 1}, False)
    if strength == 1:
        paint(page)


def test_of_two_marks_the_later_one_wins_and_can_be_taken_back(page):
    begin(page)
    for _ in range(2):
        page.locator("#add-region").click()
    give(page, "#style-2", 2)
    give(page, "#style-3", 3)
    box = page.locator("#canvas").bounding_box()

    def draw(painting, *places):
        page.get_by_label("Mark where it goes").nth(painting - 2).check()
        page.locator("#canvas").hover(
            position={"x": places[0][0] * box["width"], "y": places[0][1] * box["height"]}
        )
        now = page.locator("#canvas").bounding_box()
        page.mouse.down()
        for x, y in places[1:]:
            page.mouse.move(now["x"] + x * now["width"], now["y"] + y * now["height"], steps=4)
        page.mouse.up()

    page.locator("#brushes .brush-size").fill("24")
    draw(2, (0.1, 0.5), (0.9, 0.5))
    draw(3, (0.5, 0.1), (0.5, 0.9))
    crossed = asked_by(page)["content_mask"]
    assert abs(np.sum(crossed, axis=0) - 255).max() <= 3
    middle = np.reshape(crossed, [3, 72, 96])[:, 36, 48]
    assert list(middle) == [0, 0, 255]
    page.locator("#brushes .undo").click()
    draw(3, (0.5, 0.1))
    before = np.reshape(asked_by(page)["content_mask"], [3, 72, 96])
    assert list(before[:, 36, 48]) == [0, 255, 0]
    page.get_by_label("Mark where it goes").first.check()
    page.locator("#brushes .invert").click()  # All that is not painting 2 is.
    page.locator("#paint").click()
    expect(page.locator("#status")).to_contain_text("Mark on the photograph where painting 3")
    page.locator("#brushes .undo").click()
    after = np.reshape(asked_by(page)["content_mask"], [3, 72, 96])
    assert abs(after - before).max() == 0


def test_a_region_of_no_strength_keeps_the_photograph(page):
    begin(page)
    page.locator("#add-region").click()
    page.locator("#canvas").focus()
    page.keyboard.press("Space")
    slide(page, "#regions .strength input", 0)
    paint(page)
    expect(page.locator("#files a")).to_have_text("strength.png")


def test_the_command_line_is_copied_with_its_masks(page):
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    begin(page)
    give(page, "#content", 0, name="it's a $photo.png")
    give(page, "#style", 1, name="my painting (2).png")
    page.locator("#add-region").click()
    give(page, "#style-2", 2, name="My painting (2).png")
    page.locator("#canvas").focus()
    page.keyboard.press("Space")
    paint(page)
    files = ["My painting (2)-2.png", "mask1.png", "mask2.png"]
    expect(page.locator("#files a")).to_have_text(files)  # And nobody asked for the line yet.
    expect(page.locator("#files")).to_contain_text("in one folder")
    page.locator("#size").evaluate(SMALL.replace("64", "128"))  # The next one is another one.
    page.locator("#copy").click()
    expect(page.locator("#status")).to_contain_text("Copied.")
    words = shlex.split(page.evaluate("navigator.clipboard.readText()"))
    assert words[0] == "stylize-tf"
    given = [*zip(words[1::2], words[2::2], strict=True)]
    assert given == [
        ("--content", "it's a $photo.png"),
        ("--style", "my painting (2).png"),
        ("--style", files[0]),
        ("--content_mask", "mask1.png"),
        ("--content_mask", "mask2.png"),
        *(("--size", "64"), ("--strength", "1"), ("--style_scale", "1"), ("--color", "style")),
    ]
    with page.expect_download() as download:
        page.locator("#files a").first.click()
    assert download.value.path().read_bytes() == png(2, (72, 96))
    with page.expect_download() as download:
        page.locator("#files a").last.click()
    with Image.open(download.value.path()) as mask:
        assert mask.size == (96, 72)


def test_two_pages_at_once_have_a_picture_each(page, site, made):
    page.context.grant_permissions(["clipboard-write"])
    other = page.context.new_page()
    with watched(other, site.url):
        other.goto(site.url)
        for each in (page, other):
            begin(each)
        page.locator("#paint").click()
        other.locator("#paint").click()
        for each in (page, other):
            expect(each.locator("#status")).to_have_text("Done.", timeout=90_000)
        kept = page.evaluate("JSON.parse(localStorage.getItem('stylize_tf jobs'))")
        pictures = [made.files.read(job, "result.png") for job in kept]
        assert len(kept) == 2
        assert sorted(downloaded(x)[1] for x in (page, other)) == sorted(pictures)
        page.reload()  # A command without masks is there still.
        page.locator("#copy").click()
        expect(page.locator("#status")).to_contain_text("Copied.")


def test_a_service_that_was_gone_is_found_again(browser, made):
    served = site_of(made)
    page = browser.new_context().new_page()
    with watched(page, served.url):
        page.goto(served.url)
        begin(page)
        page.locator("#size").evaluate(SMALL.replace("64", "512"))
        page.locator("#paint").click()
        expect(page.locator("#status")).to_contain_text("Step", timeout=90_000)
        served.end()
        expect(page.locator("#status")).to_contain_text("does not answer", timeout=30_000)
        served = site_of(made, served.port)
        expect(page.locator("#status")).to_contain_text("Step", timeout=90_000)
        page.locator("#cancel").click()
        expect(page.locator("#status")).to_contain_text("Ended early", timeout=90_000)
        page.context.close()
    served.end()


def test_it_tells_that_no_worker_is_ready_as_long_as_none_is(browser, tmp_path):
    alone = Service(tmp_path, None)
    served = Site(alone.app(hint=lambda: "Its log tells why."))
    served.start()
    page = browser.new_context().new_page()
    page.goto(served.url)
    begin(page)
    page.locator("#paint").click()
    status = page.locator("#status")
    turn = "Waiting for its turn: it is the next one."
    expect(status).to_have_text(f"{turn} No worker is ready. Its log tells why.")
    alone.queue.ready()
    expect(status).to_have_text(turn)
    page.locator("#cancel").click()
    expect(status).not_to_contain_text("Waiting")
    page.context.close()
    served.end()


def test_a_lost_preview_is_no_lost_service(page):
    page.route("**/preview", lambda route: route.abort())
    begin(page)
    page.evaluate(
        """() => {
            window.said = [];
            const status = document.getElementById("status");
            const note = () => said.push(status.textContent);
            new MutationObserver(note).observe(status, { childList: true });
        }"""
    )
    paint(page)
    said = page.evaluate("said")
    assert any("left" in text for text in said if text.startswith("Step"))
    assert not any("does not answer" in text or ", 0 seconds" in text for text in said)


def test_who_waits_is_told_its_place_and_what_ended_there_has_no_picture(idle):
    first = idle()
    second, third = idle(first.url), idle(first.url)
    first.emulate_media(reduced_motion="reduce")
    first.set_viewport_size({"width": 320, "height": 700})
    for page in (first, second, third):
        begin(page)
    first.locator("#paint").click()
    expect(first.locator("#status")).to_have_text("Waiting for its turn: it is the next one.")
    for part in ("#status", "#progress", "#cancel"):
        expect(first.locator(part)).to_be_in_viewport()
    assert -1 < first.locator("#work").bounding_box()["y"] < 50  # There is room for the picture.
    expect(first.locator("#past")).to_be_hidden()
    second.locator("#paint").click()
    expect(second.locator("#status")).to_contain_text("turn: 1 picture is before it.")
    third.locator("#paint").click()
    expect(third.locator("#status")).to_contain_text("2 of your pictures have not ended. Try again")
    first.locator("#cancel").click()
    expect(first.locator("#status")).to_have_text("Ended before it began.")
    expect(first.locator("#compare")).to_be_hidden()
    expect(second.locator("#status")).to_contain_text("it is the next one")


def test_a_token_is_asked_for_and_tried_at_once(idle):
    page = idle(token="secret")
    expect(page.locator("#token")).to_be_focused()
    expect(page.locator("#status")).to_have_text("This service wants its token first.")
    expect(page.locator("#token-form")).to_be_in_viewport(ratio=1)
    assert axe_says(page) == []
    page.locator("#token").fill("wrong")
    page.keyboard.press("Enter")
    expect(page.locator("#token-status")).to_contain_text("This is not the token")
    page.locator("#token").fill("ключ")  # Which no header can have.
    page.get_by_role("button", name="Use it").click()
    expect(page.locator("#token-status")).to_contain_text("could not be tried")
    page.locator("#token").fill("secret")
    page.keyboard.press("Enter")
    expect(page.locator("#token-form")).to_be_hidden()
    begin(page)
    page.locator("#paint").click()
    expect(page.locator("#status")).to_contain_text("Waiting for its turn")
    page.reload()  # It is known from now on.
    expect(page.locator("#status")).to_contain_text("Waiting for its turn")
    expect(page.locator("#token-form")).to_be_hidden()


def drop(page, selector, name, data):
    """Drops a file somewhere; whether the browser is kept from opening it."""
    transfer = page.evaluate_handle(
        """([name, data]) => {
            const transfer = new DataTransfer();
            transfer.items.add(new File([Uint8Array.from(data)], name));
            return transfer;
        }""",
        [name, [*data]],
    )
    return page.locator(selector).evaluate(
        """(element, dataTransfer) => !element.dispatchEvent(
            new DragEvent("drop", { dataTransfer, bubbles: true, cancelable: true }))""",
        transfer,
    )


def test_a_file_is_dropped_and_has_its_name_and_one_that_misses_is_told_where(idle):
    page = idle()
    chosen = "e => Array.from(e.files, file => file.name)"
    assert drop(page, "#options-title", "horse.png", png())
    expect(page.locator("#status")).to_contain_text("Drop the file on the box of the photograph")
    assert drop(page, "#content-drop", "horse.png", png())
    expect(page.locator("#status")).to_have_text("Choose a photograph and a painting.")
    assert page.locator("#content").evaluate(chosen) == ["horse.png"]
    assert drop(page, "#regions .drop", "hello.txt", b"hello")
    expect(page.locator("#status")).to_contain_text("hello.txt is no picture")
    expect(page.locator("#status")).to_have_css("color", "rgb(179, 38, 30)")
    assert drop(page, "#regions .drop", "harvesters.png", png())
    expect(page.locator("#status")).to_have_text("Ready.")
    assert page.locator("#style").evaluate(chosen) == ["harvesters.png"]
    page.locator("#live-tab").click()
    assert drop(page, "#live-title", "clip.mp4", b"clip")
    expect(page.locator("#live-status")).to_contain_text("Drop the file on its box.")


def axe_says(page):
    """What axe finds that is serious: its script comes in by the debugging protocol, past CSP."""
    page.evaluate((Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text())
    found = page.evaluate("axe.run()")["violations"]
    return [
        (x["id"], x["help"], [y["html"] for y in x["nodes"]])
        for x in found
        if x["impact"] in ("serious", "critical")
    ]


@pytest.mark.parametrize("colors", ["light", "dark"])
def test_axe_finds_nothing_serious(page, colors):
    page.emulate_media(color_scheme=colors)
    assert axe_says(page) == []
    begin(page)
    page.locator("#add-region").click()
    give(page, "#style-2", 2)
    page.locator(".counts input").last.check()
    page.locator("#canvas").focus()
    page.keyboard.press("Space")
    page.locator("#regions canvas").last.focus()
    page.keyboard.press("Space")
    assert axe_says(page) == []
    paint(page)
    assert axe_says(page) == []
    page.locator("#live-tab").click()
    assert axe_says(page) == []
    page.context.grant_permissions(["camera"])
    page.locator("#camera").click()
    expect(page.locator("#live-picture")).to_be_visible(timeout=60_000)
    assert axe_says(page) == []


@pytest.mark.parametrize("width", [320, 1280, 1440])
def test_it_fits_a_narrow_and_a_wide_window(page, width):
    page.set_viewport_size({"width": width, "height": 900})
    expect(page.locator("#invitation")).to_be_hidden()
    begin(page)
    expect(page.locator("#invitation")).to_contain_text("A part of it")
    assert page.locator("#canvas").bounding_box()["width"] > min(600, 0.7 * width)
    page.locator("#add-region").click()
    expect(page.locator("#invitation")).to_be_hidden()
    page.locator("#regions .counts input").first.check()
    page.locator("#brushes summary").click()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.locator("#live-tab").click()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    for label in page.locator("input, select, button, canvas").all():
        name = label.evaluate(
            "e => e.textContent || e.getAttribute('aria-label') || e.labels?.[0]?.textContent || ''"
        )
        assert name.strip(), label.evaluate("e => e.outerHTML")


def small(page):
    page.locator("#live-size").evaluate(SMALL)
    page.locator("#live-tab").click()
    expect(page.locator("#live-style option").first).to_be_attached()


def test_the_camera_is_painted_until_it_is_stopped(page):
    page.context.grant_permissions(["camera"])
    small(page)
    page.locator("#camera").click()
    expect(page.locator("#rate")).to_contain_text("frames a second", timeout=60_000)
    first = page.locator("#live-picture").evaluate("e => e.toDataURL()")
    until(lambda: page.locator("#live-picture").evaluate("e => e.toDataURL()") != first)
    print(f"the camera at 64 pixels: {page.locator('#rate').text_content()}")
    with page.expect_download() as download:
        page.locator("#snapshot").click()
    with Image.open(download.value.path()) as frame:
        assert max(frame.size) == 64
    page.locator("#stop").click()
    expect(page.locator("#live-status")).to_have_text("Stopped.")
    assert page.locator("#source").evaluate("e => e.srcObject") is None
    frame, save = (page.locator(x).bounding_box() for x in ("#live-picture", "#snapshot"))
    assert save["y"] >= frame["y"] + frame["height"] + 8


def test_a_camera_that_is_refused_is_told_in_words(page):
    small(page)
    page.locator("#camera").click()
    expect(page.locator("#live-status")).to_contain_text("The camera was refused.")
    expect(page.locator("#stop")).to_be_hidden()


def test_a_clip_is_painted_in_the_style_that_is_chosen(page, made, tmp_path):
    clip = tmp_path / "clip.webm"
    clips.make(clip, codec="libvpx", size=(48, 64))
    small(page)
    page.locator("#live-style").select_option(index=1)
    page.set_input_files("#clip", clip)
    expect(page.locator("#live-picture")).to_be_visible(timeout=60_000)
    asked = latest(made)
    chosen = page.locator("#live-style").evaluate("e => e.selectedOptions[0].textContent")
    assert asked["options"]["network_style"] == [chosen]
    page.keyboard.press("Tab")
    page.locator("#picture-tab").click()  # Who goes away stops it.
    page.locator("#live-tab").click()
    expect(page.locator("#live-status")).to_have_text("Stopped.")


def asked_for(made):
    """How many pictures were asked for that are painted at once."""
    return made.at_once._storage.incr("jobs", 0)


def latest(made):
    """What the last of them was."""
    job = until(lambda: made.at_once._peek(f"number:{asked_for(made)}"))  # It comes next.
    return made.at_once.asked(job.decode())


def styles(page):
    return page.locator("#live-style option").all_text_contents()


def test_network_and_style_are_chosen_by_keys_and_stay_chosen(page, made, tmp_path):
    clip = tmp_path / "clip.webm"
    clips.make(clip, codec="libvpx", size=(48, 64))
    small(page)
    networks, chosen = page.get_by_label("Network"), page.get_by_label("Style")
    assert networks.locator("option").all_text_contents() == ["shipped", "pond"]
    shipped = styles(page)
    assert shipped == [*made.networks["shipped"].styles]
    page.set_input_files("#clip", clip)
    expect(page.locator("#live-picture")).to_be_visible(timeout=60_000)
    assert latest(made)["options"]["network"] == "shipped"
    networks.focus()
    page.keyboard.press("ArrowDown")
    assert styles(page) == ["sea", "sky"]
    page.keyboard.press("Tab")
    expect(chosen).to_be_focused()
    page.keyboard.press("ArrowDown")
    assert (networks.input_value(), chosen.input_value()) == ("pond", "sky")
    wanted = {"network": "pond", "network_style": ["sky"]}
    until(lambda: wanted.items() <= latest(made)["options"].items())
    count = asked_for(made)
    until(lambda: asked_for(made) > count + 2)  # Each when the one before it has come.
    expect(page.locator("#live-status")).to_have_text("Painting.")
    page.locator("#picture-tab").click()
    page.locator("#live-tab").click()
    assert (networks.input_value(), chosen.input_value()) == ("pond", "sky")
    networks.select_option("shipped")
    assert styles(page) == shipped


def test_one_network_is_none_to_choose_from(page):
    page.route(
        "**/v1/styles", lambda route: route.fulfill(json=[{"network": "a", "styles": ["b"]}])
    )
    small(page)
    expect(page.locator("#live-network")).to_be_hidden()
    assert styles(page) == ["b"]


def test_a_file_that_is_no_clip_is_told_so(page):
    small(page)
    give(page, "#clip", 0)
    expect(page.locator("#live-status")).to_contain_text("no clip that this browser plays")


def test_tabs_are_chosen_by_arrows(page):
    page.locator("#picture-tab").focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator("#live")).to_be_visible()
    expect(page.locator("#picture")).to_be_hidden()
    expect(page.locator("#live-tab")).to_be_focused()
    page.keyboard.press("ArrowRight")
    expect(page.locator("#picture")).to_be_visible()
