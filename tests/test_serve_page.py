"""The server's page in a real browser, headless Chromium."""

import base64
import json

import numpy as np
import pytest
from helpers.pictures import picture
from helpers.serving import Server, file_of, pixels_of


@pytest.fixture
def page(browser, server):
    yield from opened(browser, server)


@pytest.fixture(scope="module")
def strict(server):
    strict = Server(server.folder, "--token=secret", "--max_pixels=2000")
    yield strict
    strict.process.kill()


@pytest.fixture
def strict_page(browser, strict):
    yield from opened(browser, strict)


def opened(browser, server):
    """The page; checks for its errors afterwards."""
    page = browser.new_page(viewport={"width": 390, "height": 844})
    wrong = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.goto(server.url)
    yield page
    page.close()
    assert not wrong


IMAGE = picture(60, 80)


def choose(page, data=None, name="street.png", kind="image/png"):
    data = file_of(IMAGE) if data is None else data
    page.set_input_files("#file", {"name": name, "mimeType": kind, "buffer": data})


def labelled(page):
    page.get_by_text("Labelled").wait_for()


def seen(page):
    """RGB pixels of the canvas."""
    flat = page.evaluate(
        "() => { const c = document.getElementById('canvas');"
        "return [...c.getContext('2d').getImageData(0, 0, c.width, c.height).data] }"
    )
    return np.reshape(flat, (*IMAGE.shape[:2], 4))[..., :3]


def slide(page, percent):
    page.locator("#opacity").fill(str(percent))
    assert page.inner_text("#percent") == f"{percent} %"


@pytest.fixture(scope="module")
def truth(server):
    """The server's mask, classes and colours."""
    mask = pixels_of(server.ask("POST", "/segment", file_of(IMAGE))[2])
    return mask, json.loads(server.ask("GET", "/info")[2])


def test_a_file_goes_in_and_the_overlay_is_the_mask(page, truth):
    mask, info = truth
    colors = np.asarray(info["colors"])[mask]
    choose(page)
    labelled(page)
    for percent in (100, 60, 0):
        slide(page, percent)
        blended = IMAGE + (colors - IMAGE.astype(float)) * percent / 100
        np.testing.assert_allclose(seen(page), blended, atol=1.5)
    rows = page.locator("#legend li:visible").all_inner_texts()
    counts = np.bincount(mask.ravel(), minlength=len(info["classes"])) / mask.size
    largest = counts.argmax()
    assert len(rows) == (counts > 0).sum()
    assert rows[0].split() == [info["classes"][largest], f"{100 * counts[largest]:.1f}", "%"]
    assert "80 × 60 pixels in" in page.inner_text("#timing")
    with page.expect_download() as download:
        page.get_by_text("Download the mask").click()
    assert download.value.suggested_filename == "street-mask.png"
    np.testing.assert_array_equal(pixels_of(download.value.path().read_bytes()), mask)


def test_a_class_alone_by_keyboard_and_by_click(page, truth):
    mask, info = truth
    largest = np.bincount(mask.ravel()).argmax()
    colors = np.asarray(info["colors"])[mask]
    alone = np.where((mask == largest)[..., None], colors, IMAGE * 0.4)  # the others are darkened
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "file"
    ring = "getComputedStyle(document.getElementById('choose')).outlineStyle"
    assert page.evaluate(ring) == "solid"
    choose(page)
    labelled(page)
    slide(page, 100)
    page.locator("#opacity").focus()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    first = page.locator("#legend button").first
    assert first.get_attribute("aria-pressed") == "true"
    np.testing.assert_allclose(seen(page), alone, atol=1.5)
    assert page.inner_text("#status") == f"{info['classes'][largest]} alone is shown."
    page.keyboard.press("Space")
    assert first.get_attribute("aria-pressed") == "false"
    row, column = np.argwhere(mask == largest)[0]
    box = page.locator("#canvas").bounding_box()
    zoom = box["width"] / mask.shape[1]
    page.locator("#canvas").click(position={"x": (column + 0.5) * zoom, "y": (row + 0.5) * zoom})
    np.testing.assert_allclose(seen(page), alone, atol=1.5)


def test_a_dropped_file_and_one_that_is_no_image(page):
    page.evaluate(
        """data => {
          const bytes = Uint8Array.from(atob(data), c => c.charCodeAt(0));
          const files = new DataTransfer();
          files.items.add(new File([bytes], "dropped.png", {type: "image/png"}));
          document.getElementById("stage").dispatchEvent(
            new DragEvent("drop", {dataTransfer: files, bubbles: true, cancelable: true}));
        }""",
        base64.b64encode(file_of(IMAGE)).decode(),
    )
    labelled(page)
    choose(page, b"no image", "notes.txt", "text/plain")
    alert = page.get_by_role("alert")
    alert.wait_for()
    assert alert.inner_text() == "notes.txt is not an image that the browser can read."
    choose(page)
    labelled(page)
    assert not alert.is_visible()


def test_the_camera(page):
    page.get_by_role("button", name="Camera", exact=True).click()
    page.locator("#legend li:visible").first.wait_for()
    page.get_by_role("button", name="Stop the camera").click()
    page.get_by_text("The camera is off.").wait_for()
    assert page.locator("#canvas").is_visible()


@pytest.mark.parametrize("width", [320, 390, 1200])
def test_nothing_is_wider_than_the_screen(page, width):
    page.set_viewport_size({"width": width, "height": 700})
    choose(page)
    labelled(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_a_token_is_typed_and_a_large_image_is_shrunk(strict_page):
    page = strict_page
    page.get_by_role("alert").wait_for()
    for token, words in (("other", "That token is not the server's."), ("secret", None)):
        page.get_by_label("Token").fill(token)
        page.keyboard.press("Enter")
        if words:
            page.get_by_text(words).wait_for()
    page.get_by_text("11 classes").wait_for()
    choose(page)
    page.get_by_text("Labelled at 51 × 38, as large as the server takes.").wait_for()
