"""The pictures that a stylizer is given."""

import io
import os

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from stylize_tf.errors import ConfigError, ImageError
from stylize_tf.images import image_io
from stylize_tf.iterative.sources import Sources
from stylize_tf.iterative.stylizer import Stylizer
from tests.fakes.small_pictures import PLAIN, STAGED, Counter, eight_bit, made, resized, smooth

# Pictures in.


@pytest.fixture
def forms(content, tmp_path):
    """The same photograph in every form that is taken."""
    levels = np.round(content * 255).astype(np.uint8)
    path = tmp_path / "content.png"
    Image.fromarray(levels).save(path)
    return {
        "uint8": levels,
        "uint8 batch": levels[np.newaxis],
        "float32 batch": content[np.newaxis],
        "float64": levels / 255,
        "tensor": tf.constant(content),
        "uint8 tensor": tf.constant(levels),
        "variable": tf.Variable(content),
        "PIL": Image.fromarray(levels),
        "str": str(path),
        "path": path,
        "bytes of a path": bytes(path),
        "string tensor": tf.constant(str(path)),
        "string scalar": np.str_(path),
        "bytes of the file": path.read_bytes(),
        "tensor of the file": tf.io.read_file(str(path)),
        "stream": io.BytesIO(path.read_bytes()),
    }


def test_every_form_of_the_same_pictures_gives_the_same_result(plain, content, style, forms):
    expected = plain(content, style)
    for name, form in forms.items():
        painted = plain(form, style)
        rank = 4 if name.endswith("batch") else 3
        assert painted.ndim == rank, name
        painted = painted.reshape(expected.shape)
        np.testing.assert_allclose(painted, expected, atol=1e-5, err_msg=name)
    for form in (
        *(style, [style], (style,), style[np.newaxis], Image.fromarray(eight_bit(style))),
        *((x for x in [style]), {"only": style}.values(), np.stack([style, style])),
    ):
        np.testing.assert_allclose(plain(content, form), expected, atol=1e-5)


def test_a_batch_is_its_pictures_painted_in_turn(plain, content, style, rng):
    batch = np.stack([content, 1 - content, smooth(rng, *content.shape[:2])])
    each = [plain(photograph, style) for photograph in batch]
    np.testing.assert_array_equal(plain(batch, style), each)
    starts = rng.random(batch.shape, np.float32)
    again = plain.replace(init="picture")
    each = [again(x, style, initial=start) for x, start in zip(batch, starts, strict=True)]
    np.testing.assert_array_equal(again(tf.constant(batch), style, initial=starts), each)
    assert plain(np.zeros([0, 48, 36, 4]), style).shape == (0, *content.shape)


def test_sources_leave_no_place_for_other_pictures(plain, content, style):
    sources = Sources.of(content, style)
    for call in (
        lambda: plain(sources, style),
        lambda: plain.iterate(sources, initial=content),
        lambda: plain.pictures(sources, fine_style=style),
    ):
        with pytest.raises(ConfigError, match="`content` is `Sources`"):
            call()


@pytest.mark.parametrize(
    ("wrong", "rule"),
    [
        (lambda x: x * 255, r"in \[0, 1\].*255"),
        (lambda x: x * np.nan, "NaN"),
        (lambda x: (x * 255).astype(np.int32), "int32"),
        (lambda x: x[..., :2], "channels"),
        (lambda x: np.stack([x, x])[np.newaxis], "one picture"),
        (lambda x: x.tolist(), "list|array"),
    ],
)
def test_wrong_arrays_are_refused_by_name_before_anything_is_done(
    plain, content, style, wrong, rule
):
    for name, arguments in {
        "content": (wrong(content), style),
        "style": (content, [style, wrong(style)]),
    }.items():
        with pytest.raises(ImageError, match=f"`{name}`.*({rule})"):
            plain.iterate(*arguments)


def test_a_missing_file_is_named(plain, content, tmp_path):
    with pytest.raises(ImageError, match=r"missing\.jpg"):
        plain.iterate(tmp_path / "missing.jpg", content)


def test_pictures_too_small_for_the_layers_are_refused(tiny_engine, style, content):
    deep = Stylizer(PLAIN.replace(style_layers=("block5_conv1",)), engine=tiny_engine)
    with pytest.raises(ConfigError, match="`size` must leave each side at least 16 pixels"):
        deep.iterate(content[:, :10], style)


# Styles.


def test_shares_of_one_and_of_equal_styles_are_that_style_alone(tiny_engine, content, style, rng):
    other = smooth(rng, 20, 24)
    alone = made(tiny_engine, content, style)
    first = made(tiny_engine, content, [style, other], style_blend_weights=(5.0, 0.0))
    twice = made(tiny_engine, content, [style, style], style_blend_weights=(1.0, 3.0))
    both = made(tiny_engine, content, [style, other])
    np.testing.assert_allclose(first, alone, atol=1e-4)
    np.testing.assert_allclose(twice, alone, atol=1e-4)
    assert np.abs(both - alone).max() > 1e-3


def test_blend_weights_are_shares_and_equal_without_them(tiny_engine, content, style, rng):
    styles = [style, smooth(rng, 16, 30)]
    np.testing.assert_allclose(
        made(tiny_engine, content, styles),
        made(tiny_engine, content, styles, style_blend_weights=(7.0, 7.0)),
        atol=1e-6,
    )
    np.testing.assert_allclose(
        made(tiny_engine, content, styles, style_blend_weights=(1.0, 3.0)),
        made(tiny_engine, content, styles[::-1], style_blend_weights=(0.6, 0.2)),
        atol=1e-4,
    )


def test_there_are_as_many_blend_weights_as_styles_and_at_least_one_style(
    tiny_engine, plain, content, style
):
    blending = Stylizer(PLAIN.replace(style_blend_weights=(1.0, 1.0)), engine=tiny_engine)
    with pytest.raises(ConfigError, match=r"`style_blend_weights`.*got 2 for 3"):
        blending.iterate(content, [style] * 3)
    with pytest.raises(ConfigError, match="`style` must have at least one"):
        plain.iterate(content, [])


def test_style_scale_makes_the_style_smaller_and_larger_as_far_as_it_may_be_enlarged(
    tiny_engine, content, rng
):
    style = smooth(rng, 36, 48)
    half = made(tiny_engine, content, style, style_scale=0.5)
    # Small enough already: as it is.
    as_it_is = {"style_enlargement": 1.0}
    small = made(tiny_engine, content, resized(style, 9, 12), **as_it_is)
    np.testing.assert_array_equal(half, small)
    full = made(tiny_engine, content, style, style_scale=8.0, **as_it_is)
    np.testing.assert_array_equal(full, made(tiny_engine, content, style, style_scale=2.0))
    assert np.abs(half - full).max() > 1e-3
    double = made(tiny_engine, content, style, style_scale=8.0)
    np.testing.assert_array_equal(double, made(tiny_engine, content, style, style_scale=4.0))
    assert np.abs(double - full).max() > 1e-3


def test_style_size_is_the_long_side_of_the_style_whatever_the_scale(tiny_engine, content, rng):
    style = smooth(rng, 36, 48)
    np.testing.assert_array_equal(
        made(tiny_engine, content, style, style_size=16, style_scale=3.0),
        made(tiny_engine, content, resized(style, 12, 16), style_enlargement=1.0),
    )


def test_style_fit_brings_the_style_to_the_shape_of_the_picture(tiny_engine, content, rng):
    style = smooth(rng, 36, 48)
    np.testing.assert_array_equal(
        made(tiny_engine, content, style, style_fit="resize"),
        made(tiny_engine, content, resized(style, 24, 18)),
    )
    # Of 48 columns the middle 27 have the shape 24 x 18 at a height of 36; 10.5 are cut off left.
    np.testing.assert_array_equal(
        made(tiny_engine, content, style, style_fit="crop"),
        made(tiny_engine, content, resized(style[:, 10:37], 24, 18)),
    )


def test_the_style_keeps_its_proportion_to_the_picture_in_every_stage(
    tiny_engine, content, rng, monkeypatch
):
    style = smooth(rng, 60, 90)
    paint = Stylizer(PLAIN.replace(style_size=48, **STAGED), engine=tiny_engine)
    resizes = Counter(monkeypatch, image_io, "resize")
    stages = {x.stage: (x.height, x.width) for x in paint.iterate(content, style)}
    # From the size of the last stage, which it is brought to first. That of the first stage is made
    # once more for what noise might be made of.
    sizes = dict.fromkeys(x[1:] for x in resizes.arguments if x[0].shape[1:3] == (32, 48))
    assert len(sizes) == len(stages) > 2
    for (height, width), stage in zip(sizes, stages.values(), strict=True):
        assert width == pytest.approx(48 / 24 * max(stage), abs=1)
        assert height == pytest.approx(width * 60 / 90, abs=1)


def test_a_stream_is_read_from_its_beginning_and_left_where_it_was(content):
    stream = io.BytesIO()
    Image.fromarray(eight_bit(content)).save(stream, "PNG")
    place = stream.tell()
    for _ in range(2):
        np.testing.assert_array_equal(image_io.read(stream)[0], content)
        assert stream.tell() == place


def test_streams_that_are_no_pictures_are_refused_in_a_line(content, tmp_path):
    closed = io.BytesIO(b"x")
    closed.close()
    reader, writer = os.pipe()
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        for stream, why in (
            (closed, "closed file.*io.BytesIO"),
            (pipe, "seek.*io.BytesIO"),
            (io.StringIO("text"), "'rb'"),
            (io.BytesIO(), "empty"),
            (io.BytesIO(b"no picture"), "damaged or not of a format"),
        ):
            with pytest.raises(ImageError, match=f"`photo`.*{why}"):
                image_io.read(stream, name="photo")
