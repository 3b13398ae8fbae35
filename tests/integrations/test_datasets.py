"""Painted pictures as a dataset: elements, order, shapes, errors."""

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from stylize_tf.errors import ConfigError
from stylize_tf.integrations.datasets import dataset
from stylize_tf.iterative.stylizer import Stylizer
from tests.fakes.small_pictures import PLAIN, eight_bit, smooth


@pytest.fixture
def photographs(rng):
    return [smooth(rng, *shape) for shape in ((24, 18), (16, 24), (20, 20))]


@pytest.fixture
def paths(photographs, tmp_path):
    """Files of the photographs, and a painting."""
    found = [tmp_path / f"{number}.png" for number in range(len(photographs))]
    for path, photograph in zip(found, photographs, strict=True):
        Image.fromarray(eight_bit(photograph)).save(path)
    return found


@pytest.mark.parametrize(
    "kind", ["paths", "tensor of paths", "dataset of paths", "dataset of files", "images"]
)
def test_elements_are_the_pictures_that_the_stylizer_paints(plain, photographs, paths, style, kind):
    names = tf.data.Dataset.from_tensor_slices([str(path) for path in paths])
    signature = tf.TensorSpec([None, None, 3])
    contents = {
        "paths": paths,
        "tensor of paths": tf.constant([str(path) for path in paths]),
        "dataset of paths": names,
        "dataset of files": names.map(tf.io.read_file),
        "images": tf.data.Dataset.from_generator(
            lambda: iter(photographs), output_signature=signature
        ),
    }[kind]
    # A generator of paintings serves all photographs.
    painted = dataset(contents, (x for x in [style]), plain)
    assert painted.element_spec == signature
    for _ in range(2):
        pictures = list(painted.prefetch(1).as_numpy_iterator())
        assert len(pictures) == len(photographs)
        for picture, photograph in zip(pictures, photographs, strict=True):
            np.testing.assert_array_equal(picture, plain(photograph, style))


def test_squares_and_batches_have_the_shapes_that_pipelines_want(tiny_engine, rng, style):
    square = Stylizer(PLAIN.replace(crop="square", size=16), engine=tiny_engine)
    batches = np.stack([smooth(rng, 24, 18) for _ in range(4)])
    contents = tf.data.Dataset.from_tensor_slices(batches)
    one_by_one = dataset(contents, style, square).batch(2)
    together = dataset(contents.batch(2), style, square)
    assert one_by_one.element_spec == together.element_spec == tf.TensorSpec([None, 16, 16, 3])
    for actual, expected in zip(together, one_by_one, strict=True):
        np.testing.assert_array_equal(actual, expected)


def test_one_path_is_one_photograph(plain, paths, style):
    assert len(dataset(str(paths[0]), style, plain)) == 1


def test_images_of_unknown_rank_are_painted_as_what_they_are(plain, photographs, style):
    [photograph, *_] = photographs
    elements = [photograph, np.stack([photograph, photograph])]
    contents = tf.data.Dataset.from_generator(
        lambda: iter(elements), output_signature=tf.TensorSpec(None)
    )
    one, batch = dataset(contents, style, plain).as_numpy_iterator()
    np.testing.assert_array_equal(batch, np.stack([one, one]))


def test_what_fails_is_an_error_of_its_element(plain, photographs, paths, style, tmp_path):
    painted = dataset([paths[0], tmp_path / "missing.png", paths[2]], style, plain)
    with pytest.raises(tf.errors.OpError, match=r"missing\.png' does not exist"):
        list(painted)
    assert len(list(painted.ignore_errors())) == 2


def test_a_stylizer_has_its_options(plain, paths, style):
    with pytest.raises(ConfigError, match="`stylizer` has its options"):
        dataset(paths, style, plain, size=16)
    with pytest.raises(ConfigError, match=r"`strenght`.*`strength`"):
        dataset(paths, style, strenght=2)
