"""Motion between frames, what it brings along, and where it is to be trusted."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from stylize_tf.errors import ConfigError
from stylize_tf.video.flow import flow_of
from stylize_tf.video.warping import (
    Previous,
    blended,
    mended,
    of_camera,
    reliable,
    together,
    warped,
)


def texture(height, width, rows=0.0, columns=0.0):
    """A smooth texture, moved so far down and to the right: float32 `[H, W, 3]` in [0, 1]."""
    y, x = np.mgrid[:height, :width].astype(float)
    y, x = y - rows, x - columns
    waves = [np.sin(x / a + y / b) + np.cos(x / b - y / a) for a, b in ((3, 7), (5, 4), (9, 6))]
    return (np.stack(waves, axis=2) / 4 + 0.5).astype(np.float32)


def test_flow_says_where_things_are_in_the_other_frame():
    frame, other = texture(64, 96), texture(64, 96, rows=2.0, columns=-3.0)
    found = flow_of("dis")(frame, other)
    inner = found[12:-12, 12:-12]
    np.testing.assert_allclose(np.median(inner, axis=(0, 1)), [-3.0, 2.0], atol=0.1)
    again = warped(other, found)
    assert np.abs(again - frame)[12:-12, 12:-12].max() < 0.05


@pytest.mark.parametrize("size", [(64, 96), (9, 40), (5, 5)])
def test_flow_is_the_same_each_time_and_of_the_frames_size(size):
    frame, other = texture(*size), texture(*size, columns=1.0)
    first, second = flow_of("dis")(frame, other), flow_of("dis")(frame, other)
    assert first.shape == (*size, 2)
    np.testing.assert_array_equal(first, second)


def test_warping_by_whole_pixels_moves_them_and_the_border_goes_on(rng):
    image = rng.uniform(size=(6, 8, 3)).astype(np.float32)
    flow = np.zeros([6, 8, 2], np.float32)
    flow[...] = [2, -1]
    found = warped(image, flow)
    np.testing.assert_allclose(found[1:, :-2], image[:-1, 2:], atol=1e-6)
    np.testing.assert_allclose(found[1:, -1], image[:-1, -1], atol=1e-6)


def moved(height, width, right):
    flow = np.zeros([height, width, 2], np.float32)
    flow[..., 0] = right
    return flow


def test_what_leads_out_of_the_picture_or_does_not_come_back_is_not_trusted():
    there, back = moved(20, 30, 4), moved(20, 30, -4)
    trusted = reliable(there, back)
    np.testing.assert_array_equal(trusted[:, :26], 1)
    np.testing.assert_array_equal(trusted[:, 26:], 0)
    back[8:12, 14:20] = 3  # There something else is seen.
    trusted = reliable(there, back)
    assert not trusted[9:11, 11:15].any()
    assert trusted[:6, :26].all()


def test_borders_of_motion_are_not_trusted():
    """Nor what leads out of the picture, at the right."""
    there, back = moved(20, 30, 0.0), moved(20, 30, 0.0)
    there[:, 15:, 0], back[:, 15:, 0] = 0.4, -0.4
    trusted = reliable(there, back)
    np.testing.assert_array_equal(np.flatnonzero(~trusted[5].astype(bool)), [14, 15, 29])


def passing(noise=0.0, shift=0):
    """A thing of 20 pixels that passes before a texture, seen by a camera that moves by `shift`.

    Frame, other frame, flow, which goes with the thing for 8 pixels round it, where it is trusted,
    and where the thing hides the texture in the other frame alone.
    """
    rng = np.random.default_rng(0)
    frames = [texture(64, 96), texture(64, 96, columns=-shift)]
    for image, left in zip(frames, (40, 34 - shift), strict=True):
        image[20:40, left : left + 20] = 1 - texture(20, 20)[..., ::-1] / 2
    frames = [x + noise * rng.standard_normal(x.shape).astype(np.float32) for x in frames]
    flow = moved(64, 96, -shift)
    flow[12:48, 32:68, 0] = -6 - shift
    trusted = np.ones([64, 96], np.float32)
    trusted[12:48, 32:68] = 0
    trusted[:, :shift] = 0
    trusted[22:38, 42:58] = 1
    hidden = np.zeros([64, 96], bool)
    hidden[20:40, 34:40] = True
    return *frames, flow, trusted, hidden


@pytest.mark.parametrize("noise", [0.0, 0.01])
@pytest.mark.parametrize("shift", [0, 5])
def test_what_is_behind_a_thing_that_passes_goes_with_the_camera(noise, shift):
    frame, other, flow, trusted, hidden = passing(noise, shift)
    found, known = mended(frame, other, flow, trusted)
    assert not known[hidden].any()
    behind = np.zeros([64, 96], bool)
    behind[12:48, 32:68] = True
    behind[16:44, 30:64] = False  # And the window's width about the thing, in either frame.
    assert known[behind].mean() > 0.95
    moves = found[behind & (known > 0)]
    np.testing.assert_allclose(moves, np.tile([-shift, 0], [len(moves), 1]), atol=0.2)
    assert not known[:, :shift].any()
    # What was trusted is as it was.
    np.testing.assert_array_equal(found[trusted > 0], flow[trusted > 0])
    assert known[trusted > 0].all()


def test_a_flow_that_was_not_trusted_is_where_by_it_all_looks_alike():
    frame, other, flow, trusted, _ = passing()
    trusted[22:38, 42:58] = 0
    found, known = mended(frame, other, flow, trusted)
    assert known[24:36, 44:56].all()
    np.testing.assert_array_equal(found[24:36, 44:56, 0], -6)


def test_nothing_is_taken_to_look_alike_in_another_shot(rng):
    frame, other = rng.uniform(size=(2, 48, 64, 3)).astype(np.float32)
    trusted = np.zeros([48, 64], np.float32)
    trusted[:8] = 1
    _, known = mended(frame, other, moved(48, 64, 0.0), trusted)
    np.testing.assert_array_equal(known, trusted)


def test_the_cameras_motion_is_that_of_the_most_of_a_picture():
    height, width = 80, 96
    rows, columns = np.mgrid[:height, :width].astype(np.float32)
    turned = np.stack([0.02 * columns - 0.05 * rows + 3, 0.05 * columns + 0.02 * rows], axis=2)
    flow = turned.copy()
    flow[10:40, 20:60] += 9
    found = of_camera(flow, np.ones([height, width], np.float32))
    np.testing.assert_allclose(found, turned, atol=0.05)
    few = np.zeros([height, width], np.float32)
    few[::16, 0] = 1
    np.testing.assert_array_equal(of_camera(flow, few), 0)


def test_each_pixel_counts_in_the_closest_frame_that_knows_it():
    images = [np.full([2, 4, 3], value, np.float32) for value in (0.2, 0.6, 0.8)]
    weights = [np.zeros([2, 4], np.float32) for _ in images]
    weights[0][:, 0] = 1
    weights[1][:, :2] = 1
    weights[2][:, 1:3] = 1
    found = together(np.zeros([2, 4, 3], np.float32), list(zip(images, weights, strict=True)))
    np.testing.assert_allclose(found.image[0, 0, :, 0], [0.2, 0.6, 0.8, 0])
    np.testing.assert_allclose(found.weights[0, 0, :, 0], [1, 1, 1, 0])
    np.testing.assert_allclose(found.start[0, 0, :3, 0], [0.2, 0.6, 0.8])


def test_where_nothing_is_known_the_frame_is_shown_in_the_colors_of_the_rest(rng):
    frame = rng.uniform(size=(20, 30, 3)).astype(np.float32)
    painted = frame[..., ::-1] * 0.5 + 0.25
    known = np.ones([20, 30], np.float32)
    known[:, 25:] = 0
    found = together(frame, [(painted * known[..., np.newaxis], known)])
    np.testing.assert_allclose(found.start[0], painted, atol=0.015)
    nothing = together(frame, [(painted, np.zeros_like(known))])
    np.testing.assert_allclose(nothing.start[0], frame, atol=1e-6)


def test_forms_are_blended_in_a_share_and_strokes_nearly_whole():
    """Of strokes as strong as the frame's own, which do not fit them."""
    columns = np.arange(120)[:, np.newaxis]
    strokes, others = (
        np.where((columns + n) // 2 % 2, 0.1, -0.1).astype(np.float32) for n in (0, 1)
    )
    painted = np.full([1, 40, 120, 3], 0.4, np.float32) + strokes
    weights = np.ones([1, 40, 120, 1], np.float32)
    weights[:, :, 90:] = 0
    image = np.full_like(painted, 0.7) + others
    previous = Previous(image, weights, image)
    found = blended(painted, previous, 0.8)
    np.testing.assert_array_equal(found[:, :, 90:], painted[:, :, 90:])
    inner = found[0, 10, 20:60, 0]
    assert inner.mean() == pytest.approx(0.4 + 0.8 * 0.3, abs=0.01)
    own, given = (np.corrcoef(inner, x[20:60, 0])[0, 1] for x in (strokes, others))
    assert given > 0.99
    assert abs(own) < 0.1
    assert inner.std() == pytest.approx(0.1, rel=0.05)
    np.testing.assert_array_equal(blended(painted, previous, 0.0), painted)


def test_contrast_does_not_fade_however_often_frames_are_blended(rng):
    weights = np.ones([1, 64, 64, 1], np.float32)
    shown = rng.uniform(size=(1, 64, 64, 3)).astype(np.float32)
    for _ in range(20):
        painted = rng.uniform(size=(1, 64, 64, 3)).astype(np.float32)
        shown = blended(painted, Previous(shown, weights, shown), 0.5)
    assert shown.std() == pytest.approx(painted.std(), rel=0.05)


def test_a_frame_that_nothing_is_known_of_is_as_it_was_painted(rng):
    painted, image = rng.uniform(size=(2, 1, 20, 30, 3)).astype(np.float32)
    previous = Previous(image, np.zeros([1, 20, 30, 1], np.float32), image)
    np.testing.assert_array_equal(blended(painted, previous, 0.8), painted)


def network(path, inputs=2, channels=2):
    """A network whose flow is the mean difference of the frames' first channels, both ways."""
    shape = [1, 3, "height", "width"]
    given = [helper.make_tensor_value_info(f"frame{n}", TensorProto.FLOAT, shape) for n in range(2)]
    output = helper.make_tensor_value_info("flow", TensorProto.FLOAT, [1, channels, "h", "w"])
    one = helper.make_tensor("one", TensorProto.INT64, [1], [0])
    end = helper.make_tensor("end", TensorProto.INT64, [1], [channels])
    axis = helper.make_tensor("axis", TensorProto.INT64, [1], [1])
    nodes = [
        helper.make_node("Sub", ["frame1", "frame0" if inputs == 2 else "frame1"], ["difference"]),
        helper.make_node("Slice", ["difference", "one", "end", "axis"], ["flow"]),
    ]
    graph = helper.make_graph(nodes, "flow", given[2 - inputs :], [output], [one, end, axis])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    onnx.save(model, str(path))


def test_an_onnx_file_gives_the_flow_of_frames_of_any_size(tmp_path, rng):
    network(tmp_path / "flow.onnx")
    frame, other = rng.uniform(size=(2, 13, 21, 3)).astype(np.float32)
    found = flow_of(tmp_path / "flow.onnx")(frame, other)
    np.testing.assert_allclose(found, (other - frame)[..., :2], atol=1e-6)


def test_what_is_no_flow_is_refused(tmp_path):
    frame = np.zeros([16, 16, 3], np.float32)
    (tmp_path / "text.onnx").write_text("no network")
    with pytest.raises(ConfigError, match=r"`flow` must be dis or an ONNX file; .*text\.onnx"):
        flow_of(tmp_path / "text.onnx")
    network(tmp_path / "one.onnx", inputs=1)
    with pytest.raises(ConfigError, match=r"must be of two frames: .* takes 1 inputs"):
        flow_of(tmp_path / "one.onnx")
    network(tmp_path / "three.onnx", channels=3)
    with pytest.raises(ConfigError, match=r"gives \[1, 3, 16, 16\] for frames of 16x16"):
        flow_of(tmp_path / "three.onnx")(frame, frame)
