"""What runs took on a machine, kept in the user's cache."""

import json

import pytest

from stylize_tf.machine import rates

ROWS = [("step", 4096, 2.5e9, 0.25), ("first main", 4096, 2.5e9, 3.5)]


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("STYLIZE_TF_RATES", raising=False)
    return tmp_path / "stylize_tf" / "rates.json"


def test_what_was_kept_is_read_again_the_newest_last(cache):
    assert rates.read() == ({}, {})
    rates.add({"auto float32": ROWS[:1], "auto bfloat16": ROWS}, {"auto": "bfloat16"})
    rates.add({"auto float32": ROWS[1:]}, {"/GPU:0": "float16"})
    samples, formats = rates.read()
    assert samples == {"auto float32": ROWS, "auto bfloat16": ROWS}
    assert formats == {"auto": "bfloat16", "/GPU:0": "float16"}
    assert [path.name for path in cache.parent.iterdir()] == ["rates.json"]


def test_another_machine_or_version_has_rates_of_its_own(monkeypatch):
    rates.add({"kind": ROWS[:1]}, {})
    monkeypatch.setattr(rates, "machine", lambda: "another")
    assert rates.read() == ({}, {})
    rates.add({"kind": ROWS[1:]}, {})
    assert rates.read()[0] == {"kind": ROWS[1:]}
    monkeypatch.undo()
    assert "tensorflow" in rates.machine()
    assert "cores" in rates.machine()


def test_the_file_stays_small(cache):
    for number in range(100):
        rates.add({"often": ROWS, f"kind {number}": ROWS}, {})
    samples, _ = rates.read()
    assert samples["often"] == (ROWS * 64)[-64:]
    assert len(samples) == 64
    assert "kind 99" in samples
    assert cache.stat().st_size < 2**20


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        '{"format": 2, "machines": {}}',
        '{"format": 1, "machines": {"MACHINE": {"samples": {"kind": [["step", 1, 1, NaN]]}}}}',
        '{"format": 1, "machines": {"MACHINE": {"samples": {"kind": [["step", 1, 1, 0]]}}}}',
        '{"format": 1, "machines": {"MACHINE": {"samples": {"kind": ["step"]}}}}',
        '{"format": 1, "machines": {"MACHINE": 3}}',
    ],
)
def test_a_damaged_file_is_none_and_is_replaced(cache, text):
    cache.parent.mkdir()
    cache.write_text(text.replace('"MACHINE"', json.dumps(rates.machine())))
    assert rates.read() == ({}, {})
    rates.add({"kind": ROWS}, {})
    assert rates.read()[0] == {"kind": ROWS}


def test_a_folder_that_takes_no_file_is_no_matter(cache, monkeypatch):
    cache.parent.write_text("a file where the folder should be")
    rates.add({"kind": ROWS}, {})
    assert rates.read() == ({}, {})


def test_the_switch_neither_reads_nor_writes(cache, monkeypatch):
    rates.add({"kind": ROWS}, {})
    before = cache.read_bytes()
    monkeypatch.setenv("STYLIZE_TF_RATES", "0")
    assert rates.read() == ({}, {})
    rates.add({"kind": ROWS}, {})
    assert cache.read_bytes() == before


def test_guesses_follow_what_the_processor_says_of_itself(monkeypatch):
    monkeypatch.setattr(rates, "_cores", lambda: 4)
    for words, expected, low in (
        ({"avx2", "avx512f", "avx512_bf16"}, 0.9e11, "bfloat16"),
        ({"avx2"}, 0.35e11, "float32"),
        (set(), 0.25e11, "float32"),
    ):
        monkeypatch.setattr(rates, "_instructions", lambda words=words: words)
        assert rates.guessed_speed("float32", "auto") == 4 * expected
        assert rates.guessed_speed("bfloat16", "auto") > 4 * expected
        assert rates.guessed_format() == low
        assert rates.guessed_speed("float32", "/GPU:0") > 4 * expected
