"""What the tests of painting share."""

import pytest

from tests.fakes.small_pictures import PLAIN, smooth


@pytest.fixture
def plain(tiny_engine):
    from stylize_tf.iterative.stylizer import Stylizer

    return Stylizer(PLAIN, engine=tiny_engine)


@pytest.fixture
def content(rng):
    return smooth(rng, 24, 18)


@pytest.fixture
def style(rng):
    return smooth(rng, 20, 24)
