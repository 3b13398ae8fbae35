"""How much memory a machine has, and a run may take."""

import pytest

from stylize_tf.machine import memory

GPU = "/job:localhost/replica:0/task:0/device:GPU:1"


class Driver:
    """That of NVIDIA, of GPUs of such sizes."""

    def __init__(self, *sizes, code=0):
        self.sizes, self.code = sizes, code

    def cuInit(self, flags):  # noqa: N802
        return self.code

    def cuDeviceGet(self, device, number):  # noqa: N802
        device._obj.value = number
        return 0 if number < len(self.sizes) else 101

    def cuDeviceTotalMem_v2(self, size, device):  # noqa: N802
        size._obj.value = self.sizes[device.value]
        return 0


@pytest.fixture
def gpus(monkeypatch):
    """Puts GPUs of such sizes into a machine of 20 GB."""
    monkeypatch.setattr(memory, "machine_memory", lambda: 20e9)
    return lambda *sizes, **how: monkeypatch.setattr(
        memory, "_driver", lambda: Driver(*sizes, **how)
    )


def test_a_limit_that_is_given_is_taken_in_gigabytes_of_ten_to_the_ninth(gpus):
    gpus(8 * 10**9, 80 * 10**9)
    assert memory.limit(2.5) == memory.limit(2.5, GPU) == 2.5e9


def test_without_a_limit_it_is_a_share_of_the_machine(monkeypatch):
    monkeypatch.setattr(memory, "machine_memory", lambda: 20e9)
    assert memory.limit(0.0) == memory.SHARE * 20e9


def test_on_a_gpu_it_is_a_share_of_that_one_s_memory(gpus):
    gpus(8 * 10**9, 80 * 10**9)
    assert memory.limit(0.0, GPU) == memory.limit(0.0, "/GPU:1") == memory.GPU_SHARE * 80e9
    assert memory.limit(0.0, "/gpu:0") == memory.GPU_SHARE * 8e9
    for processor in ("", "auto", "/CPU:0", GPU.replace("GPU", "CPU")):
        assert memory.limit(0.0, processor) == memory.SHARE * 20e9


def test_a_gpu_whose_driver_does_not_tell_is_planned_like_the_machine(gpus, monkeypatch):
    gpus(code=999)  # Installed, and not working.
    assert memory.limit(0.0, GPU) == memory.SHARE * 20e9
    gpus(8 * 10**9)  # There is no second one.
    assert memory.limit(0.0, GPU) == memory.SHARE * 20e9
    monkeypatch.setattr(memory, "_driver", lambda: None)  # Not installed.
    assert memory.limit(0.0, GPU) == memory.SHARE * 20e9


def test_before_devices_are_known_the_limit_is_that_of_the_one_that_has_most(gpus, monkeypatch):
    gpus(80 * 10**9)
    assert memory.likely_limit(0.0, "auto") == memory.GPU_SHARE * 80e9
    assert memory.likely_limit(0.0, "/CPU:0") == memory.SHARE * 20e9
    assert memory.likely_limit(2.0, "auto") == 2e9
    assert memory.likely_limit(6.0, "/CPU:0,/CPU:1") == 3e9
    gpus()
    assert memory.likely_limit(0.0, "auto") == memory.SHARE * 20e9


def test_processors_that_work_at_once_share_the_machine_and_gpus_have_their_own(gpus):
    gpus(8 * 10**9)
    alone, mixed, twins = ("auto",), ("/GPU:0", "/CPU:0", "/GPU:1"), ("/CPU:0", "/CPU:1", "/GPU:0")
    for asked in (0.0, 6.0):
        assert memory.share(asked, "auto", alone) == asked
        assert [memory.share(asked, x, mixed) for x in mixed] == [asked] * 3
    assert [memory.share(6.0, x, twins) for x in twins] == [3.0, 3.0, 6.0]
    assert [memory.share(0.0, x, twins) for x in twins] == [6.0, 6.0, 0.0]


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
