"""Names of pictures: distinct, readable, and a matter of the inputs alone."""

from __future__ import annotations

import itertools
import os
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stylize_tf.jobs.outputs import distinct_names


def names(contents, styles=("sea.jpg",)):
    return distinct_names([(content, (style,)) for style in styles for content in contents])


@pytest.mark.parametrize(
    ("contents", "expected"),
    [
        (["a/cat.jpg", "b/dog.jpg"], ["cat_sea.png", "dog_sea.png"]),
        (["a/cat.jpg", "a/cat.png"], ["cat-jpg_sea.png", "cat-png_sea.png"]),
        (["a/cat.jpg", "b/cat.jpg"], ["a-cat_sea.png", "b-cat_sea.png"]),
        (["x/a/cat.jpg", "y/a/cat.jpg"], ["x-a-cat_sea.png", "y-a-cat_sea.png"]),
        (["a/cat.jpg", "a/Cat.jpg"], None),
        (["a/e\u0301.jpg", "a/\u00e9.jpg"], None),
        (["a-cat.jpg", "a/cat.jpg", "b/cat.jpg"], None),
    ],
)
def test_name_says_as_much_as_it_takes_to_tell_inputs_apart(contents, expected):
    found = names(contents)
    assert expected is None or found == expected
    assert len({name.casefold() for name in found}) == len(contents)


def test_photograph_and_painting_whose_names_join_alike_get_different_names():
    found = distinct_names([("a_b.jpg", ("c.jpg",)), ("a.jpg", ("b_c.jpg",))])
    assert len(set(found)) == 2
    assert all(name.startswith("a_b_c-") for name in found)


def test_names_do_not_hang_on_the_order_of_the_inputs_nor_on_the_spelling_of_the_folder():
    contents = ["a/cat.jpg", "a/cat.png", "b/cat.jpg", "b/Cat.jpg", "dog.jpg", "é" * 90 + ".jpg"]
    expected = dict(zip(contents, names(contents), strict=True))
    for seed in range(5):
        shuffled = random.Random(seed).sample(contents, len(contents))
        assert dict(zip(shuffled, names(shuffled), strict=True)) == expected
    assert names([f"./x/../{path}" for path in contents]) == list(expected.values())


letters = st.text(st.sampled_from("aAéß_-.\udcff"), min_size=1, max_size=70).filter(
    lambda text: text.strip(".")
)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(letters, letters), min_size=1, max_size=5, unique=True))
def test_names_are_distinct_and_can_be_written_whatever_the_inputs_are_called(parts):
    paths = [f"{folder}/{stem}.jpg" for folder, stem in parts]
    unique = list({os.path.abspath(path): path for path in paths}.values())  # noqa: PTH100
    found = names(unique, ("x.png", "X.png"))
    folded = [name.casefold() for name in found]
    assert len(set(folded)) == 2 * len(unique)
    for name in found:
        assert len(os.fsencode(name)) <= 140
        assert "/" not in name
        assert name.endswith(".png")
    for one, other in itertools.pairwise(sorted(found)):
        assert one != other
