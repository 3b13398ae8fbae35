"""Frames in their order, each with what the others say of it."""

import numpy as np
import pytest

from stylize_tf.video import sequence
from tests.video.test_motion import texture

COLUMNS = 2.0
"""Pixels that the texture moves to the right from frame to frame."""


def frames(count, cut=None):
    for number in range(count):
        frame = texture(48, 64, columns=COLUMNS * number)
        yield (
            1 - frame.transpose(1, 0, 2)[:48, :48].repeat(2, 1)[:, :64] if number == cut else frame
        )


def exact(frame, other):
    """The flow between frames of `frames`, by their pixels."""
    for lag in range(-30, 31):
        if np.allclose(other, texture(48, 64, columns=COLUMNS * lag), atol=1e-5):
            break
    flow = np.zeros([48, 64, 2], np.float32)
    for own in range(-30, 31):
        if np.allclose(frame, texture(48, 64, columns=COLUMNS * own), atol=1e-5):
            flow[..., 0] = COLUMNS * (lag - own)
    return flow


class Painter:
    """Adds a speck to what is known, and keeps what it was given."""

    def __init__(self):
        self.given = []

    def __call__(self, frame, previous):
        self.given.append(previous)
        if previous is None:
            return frame.copy()
        return previous.start


def test_what_was_painted_goes_along_with_the_motion():
    painter = Painter()
    painted = list(sequence.paint(frames(5), painter, exact))
    assert painter.given[0] is None
    for number in range(1, 5):
        previous = painter.given[number]
        known = previous.weights[0, ..., 0] > 0
        assert known[:, 2:].all()
        assert not known[:, :2].any()
        expected = texture(48, 64, columns=COLUMNS * number)
        np.testing.assert_allclose(previous.image[0, :, 12:], expected[:, 12:], atol=1.5 / 255)
        np.testing.assert_array_equal(painted[number].image[:, 12:, 0].dtype, np.uint8)


def test_farther_frames_are_asked_for_what_the_closest_does_not_know():
    """The camera moves to the right and back, so that the border comes into sight again."""
    moves = [0, 4, 8, 4, 0]
    several = [texture(48, 64, columns=COLUMNS * move) for move in moves]
    known = {}
    for lags in ((1,), (1, 2, 4)):
        painter = Painter()
        list(sequence.paint(several, painter, exact, lags))
        known[lags] = painter.given[4].weights[0, 24, :, 0]
    assert known[1,].min() == 0
    assert known[1, 2, 4].min() == 1


@pytest.mark.parametrize("flow", [exact, None], ids=["known", "dis"])
def test_a_cut_begins_anew(flow):
    from stylize_tf.video.flow import flow_of

    painter = Painter()
    list(sequence.paint(frames(6, cut=3), painter, flow or flow_of("dis"), (1, 2)))
    assert [given is None for given in painter.given] == [True, False, False, True, True, False]


def test_frames_that_are_painted_are_taken_as_they_are():
    whole = [x.image for x in sequence.paint(frames(6), Painter(), exact, (1, 2))]
    painter = Painter()
    known = dict(enumerate(whole[:4]))
    again = [x.image for x in sequence.paint(frames(6), painter, exact, (1, 2), known=known.get)]
    assert len(painter.given) == 2
    np.testing.assert_array_equal(whole, again)


def test_what_came_into_sight_is_not_kept_before_it_is_grown_up():
    painter = Painter()
    list(sequence.paint(frames(14), painter, exact))
    for number in (1, 5, 13):
        grown = painter.given[number].grown[0, 24, :, 0]
        known = painter.given[number].weights[0, 24, :, 0]
        assert grown[-1] == 1
        # Two columns come into sight at the left with each frame.
        for age in range(1, min(number, 7)):
            assert grown[2 * age] == pytest.approx(age / 8)
            assert known[2 * age] == 1


def test_a_second_pass_starts_half_from_itself_and_half_from_its_neighbor():
    own = [np.full([48, 64, 3], 40 * n, np.uint8) for n in range(3)]
    painter = Painter()
    several = [texture(48, 64)] * 3
    found = list(sequence.paint(several, painter, exact, before=lambda number: own[number]))
    np.testing.assert_array_equal(found[0].image, own[0])
    np.testing.assert_array_equal(found[1].image, 20)
    np.testing.assert_array_equal(found[2].image, 50)
    assert len(painter.given) == 2
