"""Jobs that wait, are claimed, given back and ended: the same with SQLite and with a real Redis."""

import threading
from pathlib import Path

import pytest

from stylize_tf.errors import ConfigError
from stylize_tf.service.queue import MOST_ATTEMPTS, Queue
from stylize_tf.service.storages import QueueError
from tests.fakes.redis_server import redis_server


class Clock:
    now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture(scope="module")
def redis(tmp_path_factory):
    server = redis_server(tmp_path_factory.mktemp("redis"))
    yield server
    server.kill()


@pytest.fixture(params=["sqlite", "redis"])
def place(request, tmp_path):
    if request.param == "sqlite":
        return str(tmp_path / "own" / "queue.sqlite")
    server = request.getfixturevalue("redis")
    own = Queue.at(server.url)
    own._storage.flush_all()
    return server.url


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def queue(place, clock):
    found = Queue.at(place)
    found._clock = clock
    return found


def test_jobs_are_taken_in_their_order_by_one_each(queue):
    jobs = [queue.add({"number of mine": n}) for n in range(3)]
    assert queue.waiting() == jobs
    assert [queue.place(job) for job in jobs] == [0, 1, 2]
    assert {queue.state(job)["state"] for job in jobs} == {"queued"}
    first = queue.take("anna")
    assert (first.job, first.number, first.asked["number of mine"]) == (jobs[0], 1, 0)
    assert queue.state(jobs[0])["state"] == "running"
    assert queue.place(jobs[0]) is None
    assert [queue.take("bert").job for _ in range(2)] == jobs[1:]
    assert queue.take("bert") is None


def test_what_is_known_of_a_job_survives_who_asked_for_it(queue, place):
    job = queue.add({"a": [1, "b"]})
    queue.tell(queue.take("anna"), {"event": "step"})
    other = Queue.at(place)
    assert other.asked(job)["a"] == [1, "b"]
    assert other.state(job)["state"] == "running"
    assert [x["event"] for x in other.events(job, 0)] == ["step"]
    assert other.asked("no such job") is None


def test_many_workers_at_once_take_each_job_once(place):
    jobs = {Queue.at(place).add({}) for _ in range(60)}
    taken, lock = [], threading.Lock()

    def work(name):
        own = Queue.at(place)
        while (attempt := own.take(name)) is not None:
            with lock:
                taken.append(attempt.job)

    threads = [threading.Thread(target=work, args=(str(n),)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(taken) == 60
    assert {*taken} == jobs


def test_a_job_of_a_silent_worker_waits_again_and_the_silent_one_learns_of_it(queue, clock):
    job = queue.add({})
    first = queue.take("anna")
    clock.now += 14
    assert queue.recover() == []
    assert queue.renew(first)
    clock.now += 14
    assert queue.recover() == []
    clock.now += 2
    assert queue.recover() == [job]
    assert queue.recover() == []
    assert queue.is_current(first)  # Nobody else has it yet.
    second = queue.take("bert")
    assert (second.job, second.number) == (job, 2)
    assert not queue.renew(first)
    assert queue.renew(second)


def test_what_a_dead_worker_had_is_given_back_at_once(queue):
    jobs = [queue.add({}) for _ in range(2)]
    queue.take("host-12-a")
    queue.take("host-13-b")
    assert queue.recover("host-12-") == jobs[:1]
    assert queue.take("other").job == jobs[0]


def test_a_job_that_died_between_queue_and_claim_waits_again(queue, clock):
    job = queue.add({})
    queue._storage.dequeue()
    assert queue.recover() == []
    clock.now += 16
    assert queue.recover() == [job]
    assert queue.take("anna").job == job


def test_a_job_that_waits_twice_is_worked_on_once(queue):
    job = queue.add({})
    queue._storage.enqueue(job.encode())
    assert queue.take("anna").job == job
    assert queue.take("bert") is None


def test_a_job_ends_once(queue):
    job = queue.add({})
    attempt = queue.take("anna")
    assert queue.end(job, {"state": "finished", "files": ["result.png"]})
    assert not queue.end(job, {"state": "failed"})
    assert queue.state(job)["state"] == "finished"
    assert queue.state(job)["files"] == ["result.png"]
    assert not queue.renew(attempt)
    assert [x["event"] for x in queue.events(job, 0)] == ["end"]


def test_a_job_that_kills_its_workers_is_given_up(queue, clock):
    job = queue.add({})
    for number in range(1, MOST_ATTEMPTS + 1):
        assert queue.take("anna").number == number
        clock.now += 16
        queue.recover()
    assert queue.take("anna") is None
    state = queue.state(job)
    assert state["state"] == "failed"
    assert "died" in state["error"]


def test_one_that_waits_is_cancelled_at_once_and_one_that_is_painted_by_its_worker(queue):
    waits, runs = queue.add({}), queue.add({})
    assert queue.cancel(waits)
    assert queue.state(waits)["state"] == "cancelled"
    attempt = queue.take("anna")
    assert attempt.job == runs
    assert not queue.is_cancelled(runs)
    assert not queue.cancel(runs)
    assert queue.is_cancelled(runs)
    assert queue.state(runs)["state"] == "running"


def test_one_that_was_cancelled_takes_no_place_of_those_that_wait(queue):
    jobs = [queue.add({}) for _ in range(3)]
    queue.cancel(jobs[0])
    assert queue.waiting() == jobs[1:]
    assert queue.place(jobs[2]) == 1
    assert queue.counts() == (2, 0)
    assert queue.take("anna").job == jobs[1]


def test_events_go_on_where_a_dead_worker_ended(queue):
    job = queue.add({})
    first = queue.take("anna")
    for number in range(120):
        queue.tell(first, {"event": "step", "evaluation": number})
    queue._storage.put_data(f"event:{job}:121", b'{"event": "step", "evaluation": 120}')
    assert len(queue.recover("anna")) == 1
    queue.tell(queue.take("bert"), {"event": "step", "evaluation": 121})
    found = queue.events(job, 0)
    assert [x["evaluation"] for x in found] == [*range(122)]
    assert [x["id"] for x in found] == [*range(1, 123)]
    assert queue.events(job, 119) == found[119:]


def test_a_key_is_of_the_first_who_asks_with_it(queue):
    assert queue.first("mine", "one") == "one"
    assert queue.first("mine", "two") == "one"
    assert queue.first("other", "two") == "two"


def test_jobs_of_long_ago_are_forgotten_and_nothing_of_them_is_left(queue, clock):
    jobs = [queue.add({"key": "k"}, job) for job in ("one", "two", "three")]
    queue.first("k", "one")
    for _ in range(2):
        attempt = queue.take("anna")
        queue.tell(attempt, {"event": "step"})
        queue.note(attempt, {"evaluation": 1})
        queue.renew(attempt)
        queue.recover("anna")
        queue.end(attempt.job, {"state": "finished"})
        clock.now += 100
    assert [*queue.forget(150)] == jobs[:1]
    assert [*queue.forget(150)] == []
    assert queue.asked("one") is None
    assert queue.state("two")["state"] == "finished"
    clock.now += 1000
    assert [*queue.forget(150)] == ["two"]  # The third waits.
    queue.end("three", {"state": "cancelled"})
    clock.now += 1000
    assert [*queue.forget(150)] == ["three"]
    assert not queue._storage.result_items()


def test_what_cannot_be_reached_is_told(redis):
    queue = Queue.at("redis://127.0.0.1:1/0")
    with pytest.raises(QueueError, match="cannot be reached"):
        queue.add({})


@pytest.mark.parametrize(
    ("place", "error", "said"),
    [
        ("a/file/queue.sqlite", QueueError, "the queue in 'a/file/queue.sqlite' cannot be reached"),
        ("a/file", QueueError, "file is not a database"),
        ("redis://here:port/0", ConfigError, "`queue` must be redis://HOST:PORT/NUMBER or a file"),
        ("amqp://here/0", ConfigError, "`queue` must be"),
    ],
)
def test_a_place_that_holds_no_queue_is_told(tmp_path, monkeypatch, place, error, said):
    monkeypatch.chdir(tmp_path)
    Path("a").mkdir()
    Path("a/file").write_bytes(b"something else" * 100)
    with pytest.raises(error, match=said):
        Queue.at(place)


def test_nothing_is_lost_when_redis_is_killed(redis):
    queue = Queue.at(redis.url)
    queue._storage.flush_all()
    jobs = [queue.add({"n": n}) for n in range(3)]
    attempt = queue.take("anna")
    queue.tell(attempt, {"event": "step"})
    redis.kill()
    with pytest.raises(QueueError):
        queue.renew(attempt)
    redis.start()
    assert queue.renew(attempt)
    assert queue.waiting() == jobs[1:]
    assert [x["event"] for x in queue.events(attempt.job, 0)] == ["step"]
