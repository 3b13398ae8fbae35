import os
import sys

import pytest

from benchmarks.harness import processes
from benchmarks.ours import child_steps, folder_throughput, memory_and_time, startup

MEGABYTE = 10**6


def run(code):
    return processes.run([sys.executable, "-c", code])


def test_a_run_has_its_code_its_streams_and_its_seconds():
    finished = run("import sys, time; time.sleep(.1); print(1); print(2, file=sys.stderr); exit(3)")
    assert (finished.code, finished.output, finished.errors) == (3, "1\n", "2\n")
    assert 0.1 <= finished.seconds < 20
    with pytest.raises(RuntimeError, match="ended with 3: 2"):
        finished.checked()


def test_the_peak_is_the_most_memory_that_the_process_had():
    # This process, with TensorFlow, has more than either.
    small, large = (
        run(f"x = bytearray({size}); import time; time.sleep(.06); del x; time.sleep(.04)")
        for size in (0, 50 * MEGABYTE)
    )
    assert small.peak_bytes < 50 * MEGABYTE
    assert 49 * MEGABYTE < large.peak_bytes - small.peak_bytes < 55 * MEGABYTE


def test_a_peak_above_that_of_this_process_is_the_systems():
    own = processes.own_peak_bytes()
    with processes._Watch(os.getpid()) as watch:
        assert watch.peak_bytes(own + 100 * MEGABYTE) == own + 100 * MEGABYTE


def test_memory_is_counted_in_the_units_of_the_system():
    assert processes.peak_bytes(5, "linux") == 5120
    assert processes.peak_bytes(5, "darwin") == 5


def test_the_own_peak_is_read_where_linux_tells_it(tmp_path):
    status = tmp_path / "status"
    status.write_text("Name:\tpython\nVmPeak:\t 9000 kB\nVmHWM:\t    1234 kB\n")
    assert processes.own_peak_bytes(status) == 1234 * 1024
    status.write_text("Name:\tpython\n")
    assert processes.own_peak_bytes(status) is None
    assert processes.own_peak_bytes(tmp_path / "missing") is None


def test_options_that_the_package_does_not_know_are_refused(capsys):
    child_steps.main("a", "b", "c", '{"no_such_option": 1}')
    assert "refused" in capsys.readouterr().out


# Memory and time.


def of(seconds=None, peak=None):
    return {"seconds_per_megapixel": seconds, "peak_bytes": peak}


def test_a_picture_is_four_by_three():
    assert memory_and_time.height_of(4096) == 3072
    assert memory_and_time.megapixels(1000) == pytest.approx(0.75)


def test_a_whole_picture_is_left_out_when_the_one_before_says_that_it_would_not_fit():
    before = of(1.0, 4 * 2**30)
    assert memory_and_time.fits(before, 2.0, memory_gib=10)
    assert not memory_and_time.fits(before, 2.2, memory_gib=10)
    assert memory_and_time.fits(None, 1.0, memory_gib=10)
    assert not memory_and_time.fits({"failed": "no"}, 1.0, memory_gib=10)


def test_spread_and_cost_leave_out_what_failed():
    row = {"512": of(2.0, 1), "1024": of(2.4, 1), "2048": {"failed": "no"}}
    assert memory_and_time.spread_of(row) == pytest.approx(1.2)
    assert memory_and_time.spread_of({"512": of(2.0, 1)}) is None
    results = {"whole float32": row, "6 GB float32": {"1024": of(3.6, 1), "2048": of(3.6, 1)}}
    found = memory_and_time.cost_against_whole(results, "6 GB float32")
    assert found == pytest.approx({"1024": 1.5})
    assert memory_and_time.cost_against_whole(results, "6 GB bfloat16") == {}


def test_the_table_has_a_dash_where_there_is_no_figure():
    results = {"whole": {"64": of(2.0, 3 * 10**9), "96": {"failed": "no"}}}
    lines = memory_and_time.table(results).splitlines()
    assert lines[0] == "| s/megapixel, peak GB | 64x48 | 96x72 |"
    assert lines[2] == "| whole | 2.00, 3.00 | - |"


# Start-up and folders.


def test_a_line_of_progress_is_told_from_other_words():
    line = "stage 1/5  128x96  step   1/100  loss 3.14 = content 0 + style 3.14"
    assert startup.is_step(line)
    assert not startup.is_step("stylize_tf: Loading TensorFlow ...")


def test_pictures_of_a_folder_differ_and_every_fifth_is_portrait(tmp_path):
    from PIL import Image

    paths = folder_throughput.make_pictures(10, tmp_path)
    shapes = []
    for path in paths:
        with Image.open(path) as picture:
            shapes.append(picture.size)
    assert shapes == ([(640, 480)] * 4 + [(480, 640)]) * 2
    assert len({path.read_bytes() for path in paths}) == 10


def finished(seconds):
    return processes.Finished(0, seconds, 10, "", "")


def test_fewer_separate_runs_are_scaled_up_and_told():
    found = folder_throughput.summary(20, finished(30.0), [4.0, 6.0], written=20)
    assert found["separate_seconds"] == pytest.approx(100)
    assert found["times_faster"] == pytest.approx(100 / 30)
    assert "scaled up from 2" in folder_throughput.table(found)


def test_a_folder_that_is_not_complete_is_no_result():
    with pytest.raises(RuntimeError, match="19 of 20"):
        folder_throughput.summary(20, finished(30.0), [4.0], written=19)
