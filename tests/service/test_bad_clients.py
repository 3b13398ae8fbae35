"""The service in a process of its own, and clients that mean no good, or have bad lines.

They are answered by 4xx or not at all, others are served meanwhile, and nothing is left of them.
"""

import contextlib
import http.client
import json
import re
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx2
import pytest

from benchmarks.harness.served import Served, until
from benchmarks.ours.service import resident
from tests.service.conftest import PICTURES, SHORT, png

UPLOAD_SECONDS = 2
QUEUE = 30
FORM = "multipart/form-data; boundary=b"
HEAD = (
    "POST /v1/jobs HTTP/1.1\r\nHost: here\r\n"
    f"Content-Type: {FORM}\r\nContent-Length: 100000\r\n\r\n"
)


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    found = Served(
        tmp_path_factory.mktemp("served"),
        *("--workers=0", "--network_workers=0", "--max_body=1MB"),
        *(f"--upload_seconds={UPLOAD_SECONDS}", f"--queue_length={QUEUE}"),
    )
    yield found
    found.end()


@pytest.fixture
def client(served):
    """Somebody else, who is served as before; nothing unforeseen may be in the log."""
    client = served.client()
    job = client.post("/v1/jobs", files=PICTURES, data=SHORT).json()["id"]
    yield client
    start = time.monotonic()
    assert client.get(f"/v1/jobs/{job}").json()["state"] == "queued"
    assert time.monotonic() - start < 1
    for job in jobs(served):
        client.delete(f"/v1/jobs/{job}")
    assert "Traceback" not in served.log()


def jobs(served):
    """All that were ever taken."""
    return [x.name for x in (served.folder / "jobs").iterdir() if x.is_dir()]


def is_refused(response):
    """Whether an answer is in our form, and of those that are no fault of the service."""
    assert response.status_code in range(400, 500), response.text
    assert {*response.json()} == {"error", "hint"}
    assert "/tmp" not in response.text
    return True


def send(served, data):
    """A connection by which something was sent."""
    line = socket.create_connection(("127.0.0.1", served.port), timeout=20)
    line.sendall(data if isinstance(data, bytes) else data.encode())
    return line


def part(name, content, filename=None):
    """A part of a form with the boundary b, byte by byte as it is given here."""
    about = b'--b\r\nContent-Disposition: form-data; name="' + name + b'"'
    about += b'; filename="' + filename + b'"' if filename is not None else b""
    return about + b"\r\n\r\n" + content + b"\r\n"


def form(*parts):
    return {"content": b"".join(parts) + b"--b--\r\n", "headers": {"Content-Type": FORM}}


def test_a_body_over_the_limit_is_refused_with_and_without_a_length(served, client):
    def drops():
        for _ in range(64):
            yield (part(b"style", b"0" * 65_536, b"a"))

    for body in (b"".join(drops()), drops()):
        response = client.post("/v1/jobs", content=body, headers={"Content-Type": FORM})
        assert response.status_code == 413
        assert is_refused(response)


@pytest.mark.parametrize(
    "body",
    [
        form(*(part(b"size", b"64") for _ in range(10_000))),
        form(*(part(b"style", b"", b"a.png") for _ in range(10_000))),
        {"content": b"--c\r\n\r\n--c--\r\n", "headers": {"Content-Type": FORM}},
        {"content": b"--b\r\n", "headers": {"Content-Type": "multipart/form-data"}},
        {"content": b"", "headers": {"Content-Type": FORM}},
        {"content": part(b"size", b"64"), "headers": {"Content-Type": FORM}},
        {"content": b"[" * 500_000, "headers": {"Content-Type": "application/json"}},
        {"content": b'{"size": NaN}', "headers": {"Content-Type": "application/json"}},
        form(part(b"\xff\xfe", b"\xff")),
        form(part(b"content", b"\xff\xd8" * 1000)),
    ],
    ids=[
        *("10,000 values", "10,000 files", "wrong boundary", "no boundary", "nothing"),
        *("no end", "a bomb of JSON", "NaN in JSON", "no UTF-8", "no file"),
    ],
)
def test_forms_that_are_none_are_refused(client, body):
    assert is_refused(client.post("/v1/jobs", **body))
    assert is_refused(client.post("/v1/stylize", **body))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *((x, y) for x in ("size", "style_weight", "steps") for y in ("NaN", "1e999", "9" * 5000)),
        *(("steps", x) for x in ("1," * 100_000, "[" * 100_000, "0", "-1")),
        ("style_layers", "block1_conv1," * 20_000),
        ("style_layer_weights", "inf,inf"),
        ("seed", "1" * 400_000),
        ("background", "[[[["),
        ("network_style", "\x00"),
    ],
    ids=lambda x: x[:12],
)
def test_values_that_are_none_are_refused(client, name, value):
    given = {x: y for x, y in SHORT.items() if x not in (name, "style_layer_weights")}
    assert is_refused(client.post("/v1/jobs", files=PICTURES, data={**given, name: value}))


@pytest.mark.parametrize(
    "job", ["..%2f..%2fetc", "%2e%2e", "%00", "%ff%fe", "a" * 4000, "%0a", "*"]
)
def test_ids_that_are_paths_are_those_of_no_job(served, client, job):
    for method, rest in (("GET", ""), ("DELETE", ""), *(("GET", f"/{x}") for x in PARTS)):
        line = http.client.HTTPConnection("127.0.0.1", served.port, timeout=10)
        line.request(method, f"/v1/jobs/{job}{rest}")
        answer = line.getresponse()
        assert answer.status in (404, 405), rest
        assert {*json.loads(answer.read())} == {"error", "hint"}
        line.close()


PARTS = ("events", "preview", "result", "recipe")


@pytest.mark.parametrize(
    ("sent", "drop", "told"),
    [
        ("GET /healthz HT", "T", b""),
        ("GET /healthz HTTP/1.1\r\nA: ", "a", b""),
        ("", "", b""),
        (HEAD, "", b"HTTP/1.1 408 "),
        (HEAD + "--b\r\nContent-Disp", "o", b"HTTP/1.1 408 "),
    ],
    ids=["a line", "a head", "silence", "no body", "a body"],
)
def test_slow_clients_hold_nobody_up_and_are_let_go(served, client, sent, drop, told):
    with contextlib.ExitStack() as stack:
        lines = [stack.enter_context(send(served, sent)) for _ in range(60)]
        start = time.monotonic()
        assert client.get("/healthz").status_code == 200
        assert client.post("/v1/jobs", files=PICTURES, data=SHORT).status_code == 202
        assert time.monotonic() - start < 1.5
        for line in lines:
            line.settimeout(0.2)
            said = dripped(line, drop.encode(), start + UPLOAD_SECONDS + 6)
            assert said.startswith(told)
            assert bool(said) == bool(told)


def dripped(line, drop, end):
    """What is answered to who sends a byte now and then, till the line is cut."""
    said = b""
    with contextlib.suppress(ConnectionError):
        while time.monotonic() < end:
            try:
                found = line.recv(10_000)
            except TimeoutError:
                line.sendall(drop)
                continue
            if not found:
                return said
            said += found
        raise AssertionError("The line was not cut.")
    return said


def test_clients_that_go_in_the_middle_leave_nothing(served, client):
    before = {*jobs(served)}
    [job, *_] = jobs(served)
    body = part(b"content", png(), b"a.png")
    watch = f"GET /v1/jobs/{job}/events HTTP/1.1\r\nHost: here\r\n\r\n"
    for _ in range(20):
        send(served, HEAD.encode() + body).close()
        line = send(served, watch)
        line.recv(100)
        line.close()
    until(lambda: open_files(served) < 40, 10)
    assert {*jobs(served)} == before


def open_files(served):
    return len([*Path(f"/proc/{served.process.pid}/fd").iterdir()])


def test_a_hundred_at_once_are_answered_each(served, client):
    def ask(number):
        with httpx2.Client(base_url=served.url, timeout=60) as own:
            response = own.post("/v1/jobs", files=PICTURES, data=SHORT)
            return response.status_code, response.json()

    with ThreadPoolExecutor(100) as pool:
        answers = [*pool.map(ask, range(100))]
    taken = [body["id"] for status, body in answers if status == 202]
    assert {status for status, _ in answers} == {202, 429}
    assert len({*taken}) == len(taken) == QUEUE - 1  # And the one of `client`.


def test_one_key_at_one_instant_is_one_job(served, client):
    ready = threading.Barrier(8)

    def ask(number):
        with httpx2.Client(base_url=served.url, timeout=60) as own:
            ready.wait()
            response = own.post(
                "/v1/jobs", files=PICTURES, data=SHORT, headers={"Idempotency-Key": "mine"}
            )
            return response.json()["id"]

    before = len(jobs(served))
    with ThreadPoolExecutor(8) as pool:
        found = {*pool.map(ask, range(8))}
    assert len(found) == 1
    assert len(jobs(served)) == before + 1


NAMES = [
    "café 图.png".encode(),
    b"a%0Ab.png",
    b"-rf.png",
    b"a" * 251 + b".png",
    b"\xff\xfe\x80.png",
    b"../../../../tmp/escaped.png",
    b"/etc/passwd",
    b"..\\..\\escaped.png",
    b"NUL.png",
    b"con",
    b"a:b?.png",
    b"content-0",
    b"queue.sqlite",
    b" ",
]


@pytest.mark.parametrize("name", NAMES, ids=repr)
def test_names_of_files_are_never_paths(served, client, name):
    response = client.post(
        "/v1/jobs",
        **form(
            part(b"content", png(0), name),
            part(b"style", png(1), name),
            *(part(x.encode(), y.encode()) for x, y in SHORT.items()),
        ),
    )
    assert response.status_code == 202, response.text
    assert name.decode(errors="replace") not in response.text or name == b" "
    folder = served.folder / "jobs" / response.json()["id"]
    assert {x.name: x.read_bytes() for x in folder.iterdir()} == {
        "content-0": png(0),
        "style-0": png(1),
    }
    beside = {x.name for x in (served.folder / "jobs").iterdir() if not x.is_dir()}
    assert {re.sub(r"-(wal|shm)$", "", x) for x in beside} <= {"queue.sqlite", ".writable"}


def test_its_memory_stays_what_it_is(served, client):
    def abuse():
        for _ in range(5):
            client.post("/v1/jobs", content=b"0" * 4_000_000, headers={"Content-Type": FORM})
            client.post("/v1/jobs", **form(*(part(b"size", b"64") for _ in range(10_000))))
            client.post("/v1/jobs", **form(part(b"content", b"0" * 900_000, b"a")))
            send(served, HEAD + "x" * 50_000).close()
        return resident(served.process.pid)

    early = [abuse() for _ in range(4)][-1]
    late = [abuse() for _ in range(12)][-1]
    assert late < 1.1 * early


def test_it_ends_while_somebody_listens_and_somebody_sends(tmp_path):
    served = Served(tmp_path, "--workers=0", "--network_workers=0")
    client = served.client()
    job = client.post("/v1/jobs", files=PICTURES, data=SHORT).json()["id"]
    line = send(served, f"GET /v1/jobs/{job}/events HTTP/1.1\r\nHost: here\r\n\r\n")
    assert b"200 OK" in line.recv(1000)
    start = time.monotonic()
    served.process.terminate()
    served.process.wait(20)
    assert time.monotonic() - start < 3
    assert "Traceback" not in served.log()
    line.close()
    served.end()
