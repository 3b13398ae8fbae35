import sys

import pytest

from benchmarks.harness import workers


def add(x, y):
    print("what a library prints does not get among the answers")
    return x + y


def divide(x, y):
    return x / y


def leave():
    print("last words", file=sys.stderr, flush=True)
    raise SystemExit(3)


def test_a_worker_answers_tells_errors_and_goes_on_until_its_last_words():
    with workers.Worker("tests.benchmarks.test_workers", threads=2) as worker:
        assert worker.ask("add", x=1, y=2) == 3
        with pytest.raises(workers.WorkerError, match="ZeroDivisionError"):
            worker.ask("divide", x=1, y=0)
        assert worker.ask("divide", x=1, y=2) == 0.5
        assert worker.ask("threads") == 2
        with pytest.raises(workers.WorkerError, match=r"ended with 3: .*last words"):
            worker.ask("leave")


def test_a_missing_module_or_python_is_not_there():
    assert workers.has("numpy")
    assert not workers.has("no_such_module_of_anybody")
    assert not workers.has("numpy", "/no/such/python")


def test_the_version_of_a_distribution_is_that_of_its_python():
    import numpy

    assert workers.version("numpy") == numpy.__version__
    assert workers.version("no-such-distribution-of-anybody") is None


if __name__ == "__main__":
    workers.serve({x.__name__: x for x in (add, divide, leave, workers.threads)})
