"""How much memory a machine has, and a run may take."""

from stylize_tf.machine import memory


def test_a_limit_that_is_given_is_taken_in_gigabytes_of_ten_to_the_ninth():
    assert memory.limit(2.5) == 2.5e9


def test_without_a_limit_it_is_a_share_of_the_machine(monkeypatch):
    monkeypatch.setattr(memory, "machine_memory", lambda: 20e9)
    assert memory.limit(0.0) == memory.SHARE * 20e9


def test_the_memory_of_a_container_counts_if_it_is_less_than_the_machines(tmp_path):
    group = tmp_path / "memory.max"
    of_machine = memory.machine_memory(group)  # There is no such file.
    assert of_machine > 1e8
    for text, expected in (("max\n", of_machine), ("4096\n", 4096.0), ("9" * 18, of_machine)):
        group.write_text(text, encoding="ascii")
        assert memory.machine_memory(group) == expected


def test_a_machine_that_does_not_tell_is_taken_for_a_small_one(tmp_path, monkeypatch):
    def unknown(name):
        raise ValueError(name)

    monkeypatch.setattr(memory.os, "sysconf", unknown)
    assert memory.machine_memory(tmp_path / "nothing") == 8e9
