"""What a run does when it gets nowhere."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from stylize_tf.errors import StylizationError
from stylize_tf.evaluation.engine import Engine
from stylize_tf.iterative import preparation, watching
from stylize_tf.iterative.stylizer import Stylizer
from stylize_tf.optimizers.lbfgs import LBFGS
from tests.fakes.small_pictures import PLAIN, STAGED, made


def test_a_loss_that_is_not_finite_from_the_start_is_an_error_that_says_what_to_do(
    tiny_engine, content, style
):
    # Over what float32 can hold.
    weights = {"content_weight": 1e30, "content_layer_weights": (1e12,), "normalize_terms": False}
    paint = Stylizer(PLAIN.replace(**weights, init="white_noise", steps=(50,)), engine=tiny_engine)
    iterates = []
    with pytest.raises(
        StylizationError, match=r"not finite even for the starting picture.*weights"
    ):
        iterates.extend(paint.iterate(content, style))
    assert len(iterates) < 50


def test_damaged_weights_never_give_a_picture(tiny_engine, content, style):
    damaged = keras.models.clone_model(tiny_engine.network)
    damaged.set_weights([np.full_like(x, np.nan) for x in tiny_engine.network.get_weights()])
    with pytest.raises(StylizationError):
        made(Engine(damaged), content, style, optimizer="adam", steps=(50,))


def test_a_converged_stage_ends_early_with_a_message(tiny_engine, content, style, monkeypatch):
    monkeypatch.setattr(watching, "PATIENCE", 5)
    # Steps so small that there is nothing to win.
    slow = {"optimizer": "adam", "learning_rate": 1e-8}
    options = {**slow, **STAGED, "coarsest_size": 0, "size": 24, "steps": (50,)}
    paint = Stylizer(PLAIN.replace(**options), engine=tiny_engine)
    iterates = list(paint.iterate(content, style))
    messages = [(x.stage, x.step, x.messages) for x in iterates if x.messages]
    told = ("No better loss in 5 steps: this stage has converged.",)
    assert messages == [(1, 6, told)]
    assert len(iterates) == 6


@pytest.mark.parametrize("coordinates", ["pixels", "spectral"])
def test_a_stage_without_any_loss_ends_at_once_with_the_picture_it_began_with(
    tiny_engine, content, style, coordinates
):
    # Content alone, from the content.
    alone = {"style_weight": 0.0, "total_variation_weight": 0.0, "lbfgs_coordinates": coordinates}
    options = {**alone, **STAGED, "coarsest_size": 0, "size": 24, "steps": (50,)}
    paint = Stylizer(PLAIN.replace(**options), engine=tiny_engine)
    (iterate,) = paint.iterate(content, style)
    assert iterate.messages == ("The loss is 0: this stage has converged.",)
    np.testing.assert_allclose(iterate.image[0], content, atol=1e-6)


class Stuck(LBFGS):
    """Had one good evaluation and then only takes steps back."""

    def advance(self, state, value, gradient):
        is_first = tf.math.is_inf(state.best_value)
        return state._replace(
            best_value=tf.minimum(state.best_value, 7.0),
            step_backs=state.step_backs + tf.where(is_first, 0, 1),
        )


def test_steps_taken_back_are_told_and_too_many_in_a_row_end_the_stage(
    tiny_engine, content, style, monkeypatch
):
    monkeypatch.setattr(preparation, "build_method", lambda config, pairs: Stuck(2))
    paint = Stylizer(PLAIN.replace(steps=(50,)), engine=tiny_engine)
    iterates = list(paint.iterate(content, style))
    assert len(iterates) == 1 + watching.GIVE_UP
    assert iterates[0].messages == ()
    for iterate in iterates[1:-1]:
        assert "went back to the best picture" in iterate.messages[0]
    assert "this stage ends with its best picture" in iterates[-1].messages[0]
    np.testing.assert_allclose(iterates[-1].image[0], content, atol=1e-6)


def test_pixels_that_leave_the_range_are_brought_back(tiny_engine, style):
    """L-BFGS is not confined, its picture is."""
    extreme = np.zeros([24, 18, 3], np.float32)
    extreme[::2] = 1
    iterates = list(
        Stylizer(PLAIN.replace(content_weight=0.0, steps=(20,)), engine=tiny_engine).iterate(
            extreme, style
        )
    )
    assert float(tf.reduce_min(iterates[-1].picture)) < 0
    assert iterates[-1].image.min() == 0
    assert iterates[-1].image.max() <= 1
