"""Which process paints which picture: one of them, and another one if that dies."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from stylize_tf.jobs.folder import claims
from stylize_tf.jobs.folder.claims import Claims, clear_dead
from tests.fakes.cli_fakes import names

PICTURE = "cat_sea.png"
CLAIM = ".cat_sea.png.stylize_tf-claim-1"


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def dead():
    """The number of a process that is no more."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def claim_of(machine, process, age=0.0, name=CLAIM):
    Path(name).write_text(f"{machine} {process}")
    os.utime(name, (time.time() - age,) * 2)


def test_picture_is_taken_once_and_again_when_it_was_given_back():
    mine, theirs = Claims(), Claims()
    assert mine.take(PICTURE)
    assert names() == [CLAIM]
    assert not theirs.take(PICTURE)
    theirs.give_back(PICTURE)  # Which was not theirs.
    assert names() == [CLAIM]
    mine.give_back(PICTURE)
    assert names() == []
    assert theirs.take(PICTURE)


@pytest.mark.parametrize("after_a_death", [False, True])
def test_of_many_that_want_a_picture_at_once_one_gets_it(dead, after_a_death):
    for _ in range(10):
        if after_a_death:
            claim_of(claims._machine(), dead)
        together, every = threading.Barrier(8), [Claims() for _ in range(8)]

        def take(each, together=together):
            together.wait()
            return each.take(PICTURE)

        with ThreadPoolExecutor(8) as pool:
            assert sum(pool.map(take, every)) == 1
        for each in every:
            each.give_back(PICTURE)
        assert names() == []


def test_claim_of_a_dead_process_is_followed_and_both_go_at_the_end(dead):
    claim_of(claims._machine(), dead)
    claim_of(claims._machine(), dead, name=CLAIM.replace("-1", "-2"))
    with Claims() as mine:
        assert mine.take(PICTURE)
        assert len(names()) == 3
        assert not Claims().take(PICTURE)
    assert names() == []


@pytest.mark.parametrize(
    ("machine", "age", "taken"),
    [
        ("elsewhere", 0.0, False),
        ("elsewhere", 299.0, False),
        ("elsewhere", 301.0, True),
        (None, 299.0, False),
        (None, 301.0, True),  # Its number was given to another process, or it was suspended.
    ],
)
def test_process_that_cannot_be_asked_is_dead_when_it_was_silent_for_five_minutes(
    machine, age, taken
):
    claim_of(machine or claims._machine(), os.getpid(), age)
    assert Claims().take(PICTURE) == taken


@pytest.mark.parametrize("text", ["", "nobody", f"{claims._machine()} {10**30}"])
def test_claim_that_says_nothing_counts_while_it_is_new(text):
    Path(CLAIM).write_text(text)
    assert not Claims().take(PICTURE)
    os.utime(CLAIM, (0, 0))
    assert Claims().take(PICTURE)


def test_living_process_touches_its_claims(monkeypatch):
    monkeypatch.setattr(claims, "_BEAT_SECONDS", 0.01)
    with Claims() as mine:
        assert mine.take(PICTURE)
        os.utime(CLAIM, (0, 0))
        deadline = time.monotonic() + 10
        while Path(CLAIM).stat().st_mtime < 1 and time.monotonic() < deadline:
            time.sleep(0.01)
        assert Path(CLAIM).stat().st_mtime > time.time() - 60
    assert names() == []


def test_claim_that_is_given_back_while_it_is_followed_is_not_followed(monkeypatch, dead):
    """Else two would have the picture: who follows, and who takes the first number again."""
    claim_of(claims._machine(), dead)
    theirs, mine = Claims(), Claims()
    is_made, seen = claims._is_made, []

    def just_before(claim):
        seen.append(claim.name)
        if len(seen) == 2:  # It was found dead. Meanwhile somebody follows and gives back ...
            monkeypatch.setattr(claims, "_is_made", is_made)
            follower = Claims()
            assert follower.take(PICTURE)
            follower.give_back(PICTURE)
            assert theirs.take(PICTURE)  # ... and another one takes it.
        return is_made(claim)

    monkeypatch.setattr(claims, "_is_made", just_before)
    assert not mine.take(PICTURE)
    assert names() == [CLAIM]
    theirs.give_back(PICTURE)
    assert names() == []


def test_nobody_gets_a_picture_that_one_who_was_taken_for_dead_gives_back():
    slow, follower = Claims(), Claims()
    assert slow.take(PICTURE)
    os.utime(CLAIM, (0, 0))
    assert follower.take(PICTURE)
    slow.give_back(PICTURE)
    assert not Claims().take(PICTURE)
    assert names() == [CLAIM.replace("-1", "-2")]
    follower.give_back(PICTURE)
    assert names() == []


def test_claim_of_others_is_not_given_back_by_one_who_was_taken_for_dead():
    slow, follower = Claims(), Claims()
    assert slow.take(PICTURE)
    os.utime(CLAIM, (0, 0))
    assert follower.take(PICTURE)
    follower.give_back(PICTURE)
    assert names() == []
    claim_of("elsewhere", 1)
    slow.give_back(PICTURE)
    assert names() == [CLAIM]


def test_claim_that_cannot_be_written_is_none(monkeypatch):
    def full():
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(claims, "_signature", full)
    with pytest.raises(OSError, match="No space left"):
        Claims().take(PICTURE)
    assert names() == []


def test_what_the_dead_left_of_a_finished_picture_is_removed(dead):
    clear_dead(PICTURE)
    claim_of(claims._machine(), dead)
    clear_dead(PICTURE)
    assert names() == []
    claim_of(claims._machine(), os.getpid())
    clear_dead(PICTURE)
    assert names() == [CLAIM]


def test_folder_that_is_missing_says_so():
    with pytest.raises(FileNotFoundError):
        Claims().take(f"nowhere/{PICTURE}")
    clear_dead(f"nowhere/{PICTURE}")
