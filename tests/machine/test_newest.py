"""What was made last, and by how many threads."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from stylize_tf.machine.newest import Newest


def test_the_newest_are_kept_and_asking_makes_new():
    kept, made = Newest(2), []
    for key in ("a", "b", "a", "c", "a", "b"):
        assert kept.get(key, lambda key=key: made.append(key) or key.upper()) == key.upper()
    assert made == ["a", "b", "c", "b"]
    everything = Newest()
    assert [everything.get(key, lambda: made.pop()) for key in "xyzx"] == ["b", "c", "b", "b"]


def test_threads_that_want_the_same_wait_for_the_first_and_others_do_not():
    kept, began, may_end, made = Newest(3), threading.Event(), threading.Event(), []

    def slow():
        began.set()
        assert may_end.wait(10)
        made.append(1)
        return "made"

    with ThreadPoolExecutor(4) as pool:
        same = [pool.submit(kept.get, "same", slow) for _ in range(3)]
        assert began.wait(10)
        assert pool.submit(kept.get, "other", lambda: "at once").result(10) == "at once"
        may_end.set()
        assert [x.result(10) for x in same] == ["made"] * 3
    assert made == [1]


def test_what_cannot_be_made_is_tried_again():
    kept = Newest(3)
    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            kept.get("key", lambda: 1 / 0)
    assert kept.get("key", lambda: "made") == "made"
