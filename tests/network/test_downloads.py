"""The careful download, against loopback servers that misbehave."""

import contextlib
import socket
import threading
import time

import pytest

from stylize_tf.errors import WeightsError
from stylize_tf.network import downloads, weights
from stylize_tf.network.downloads import DownloadError, download
from stylize_tf.network.weights import fetch, find
from tests.fakes.weights_fakes import KERAS_NAME, assert_equal, isolate, names


@pytest.fixture(autouse=True)
def _isolated(monkeypatch, tmp_path):
    isolate(monkeypatch, tmp_path)


# --- The download ------------------------------------------------------------------------------

BODY = bytes(range(256)) * 2048
OK = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(BODY)


@pytest.fixture
def serve(monkeypatch):
    """Starts loopback servers that answer each connection by a function; plain http is allowed."""
    with contextlib.ExitStack() as stack:

        def start(answer):
            listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
            ended = threading.Event()

            def loop():
                for _ in range(20):
                    try:
                        connection, _ = listener.accept()
                    except OSError:
                        return
                    with connection, contextlib.suppress(OSError):
                        connection.settimeout(5)
                        request = b""
                        while b"\r\n\r\n" not in request and request[:1] != b"\x16":
                            request += connection.recv(4096) or b"\r\n\r\n"
                        answer(connection, request, ended)

            thread = threading.Thread(target=loop, daemon=True)
            thread.start()
            stack.callback(thread.join, 5)
            stack.callback(listener.shutdown, socket.SHUT_RDWR)
            stack.callback(ended.set)
            address = f"http://127.0.0.1:{listener.getsockname()[1]}/"
            monkeypatch.setattr(downloads, "ALLOWED_PREFIXES", ("https://", address))
            return address

        yield start


@pytest.fixture
def _impatient(monkeypatch):
    monkeypatch.setattr(downloads, "CONNECT_SECONDS", 0.5)
    monkeypatch.setattr(downloads, "READ_SECONDS", 0.3)


def answer_with(*parts):
    def answer(connection, request, ended):
        for part in parts:
            connection.sendall(part)

    return answer


def drip(start, piece):
    def answer(connection, request, ended):
        connection.sendall(start)
        for _ in range(200):
            if ended.wait(0.05):
                return
            connection.sendall(piece)

    return answer


def fall_silent(start):
    def answer(connection, request, ended):
        connection.sendall(start)
        ended.wait(5)

    return answer


def test_a_download_arrives_whole_and_tells_how_far_it_is(serve):
    calls = []
    data = download(serve(answer_with(OK, BODY)), len(BODY), lambda *numbers: calls.append(numbers))
    assert data == BODY
    assert calls[-1] == (len(BODY), len(BODY))
    assert [done for done, _ in calls] == sorted({done for done, _ in calls})


def test_a_chunked_answer_and_a_redirect_on_the_same_server_are_followed(serve):
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    chunks = b"%x\r\n%b\r\n0\r\n\r\n" % (len(BODY), BODY)

    def answer(connection, request, ended):
        if b"/moved" in request:
            connection.sendall(chunked + chunks)
        else:
            connection.sendall(
                b"HTTP/1.1 302 Found\r\nLocation: /moved\r\nContent-Length: 0\r\n\r\n"
            )

    assert download(serve(answer), len(BODY)) == BODY


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (answer_with(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"), "404 Not Found"),
        (answer_with(b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n"), "503 Busy"),
        (answer_with(OK, BODY[: len(BODY) // 2]), "in place of 524,288"),
        (answer_with(OK.replace(b"524288", b"600000"), BODY, BODY), "more than the 524,288"),
        (answer_with(b"HTTP/1.1 200 OK\r\n\r\n<!DOCTYPE html>Please log in"), "a login page"),
        (
            answer_with(b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.2/login?a=1\r\n\r\n"),
            "redirected to http://127.0.0.2/login, which is not https",
        ),
        (answer_with(b"HTTP/1.1 302 Found\r\nLocation: file:///etc/passwd\r\n\r\n"), "302 Found"),
        (answer_with(b"HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n"), "302"),
        (answer_with(b"SSH-2.0-OpenSSH_9.6\r\n"), "connection failed"),
        (answer_with(), "connection failed"),
    ],
)
def test_a_download_that_goes_wrong_says_why_in_one_line(serve, answer, reason):
    with pytest.raises(DownloadError) as caught:
        download(serve(answer), len(BODY))
    assert reason in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.usefixtures("_impatient")
@pytest.mark.parametrize(
    "answer",
    [fall_silent(b""), fall_silent(OK + BODY[:1000]), drip(b"HTTP/1.1 200 OK\r\n", b"X: y\r\n")],
    ids=["never answers", "stops in the middle", "drips headers"],
)
def test_a_server_that_falls_silent_is_left_soon(serve, answer):
    started = time.monotonic()
    with pytest.raises(DownloadError, match="did not answer in time"):
        download(serve(answer), len(BODY))
    assert time.monotonic() - started < 5


def test_a_server_that_drips_is_left_when_the_time_is_up(serve, monkeypatch):
    monkeypatch.setattr(downloads, "TOTAL_SECONDS", 0.8)
    started = time.monotonic()
    with pytest.raises(DownloadError, match=r"too slow: [1-9]\d* of 524,288 bytes in 0\.8 s"):
        download(serve(drip(OK, b"?")), len(BODY))
    assert time.monotonic() - started < 5


def test_a_refused_connection_and_an_unknown_name_are_told_apart(monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(DownloadError, match="was refused"):
        download(f"https://127.0.0.1:{port}/", 1)

    def unknown(*_, **__):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(DownloadError, match="name of the server was not found"):
        download("https://weights.example/", 1)


@pytest.mark.usefixtures("_impatient")
def test_a_name_server_that_never_answers_costs_the_connect_timeout_only(monkeypatch):
    ended = threading.Event()

    def never(*_, **__):
        ended.wait(20)
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", never)
    started = time.monotonic()
    try:
        with pytest.raises(DownloadError, match="did not answer in time"):
            download("https://weights.example/", 1)
        assert time.monotonic() - started < 5
    finally:
        ended.set()


def test_a_server_without_tls_is_refused(serve):
    address = serve(answer_with(b"HTTP/1.1 200 OK\r\n\r\n")).replace("http:", "https:")
    with pytest.raises(DownloadError, match="connection failed"):
        download(address, 1)


@pytest.mark.usefixtures("_impatient")
def test_a_server_that_is_silent_before_tls_is_left_soon(serve):
    address = serve(fall_silent(b"")).replace("http:", "https:")
    with pytest.raises(DownloadError, match="did not answer in time"):
        download(address, 1)


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/", "file:///etc/passwd", "ftp://127.0.0.1/"])
def test_only_https_is_asked(url):
    with pytest.raises(DownloadError, match="is not https"):
        download(url, 1)


def test_proxies_of_the_environment_are_used(serve, monkeypatch):
    requests = []

    def answer(connection, request, ended):
        requests.append(request.split(b"\r\n")[0])
        connection.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")

    monkeypatch.setenv("https_proxy", serve(answer))
    with pytest.raises(DownloadError, match="403 Forbidden"):
        download("https://weights.example/file", 1)
    assert requests == [b"CONNECT weights.example:443 HTTP/1.1"] or requests == [
        b"CONNECT weights.example:443 HTTP/1.0"
    ]


def test_what_a_server_says_is_told_in_one_printable_line(serve):
    said = b"HTTP/1.1 418 \x1b[31m" + b"tea\x07 " * 500 + b"\r\nContent-Length: 0\r\n\r\n"
    with pytest.raises(DownloadError) as caught:
        download(serve(answer_with(said)), 1)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) <= 300


def test_one_address_of_a_host_gets_a_part_of_the_time_only(serve, monkeypatch):
    timeouts = []
    connect = socket.create_connection

    def noted(address, timeout, *rest):
        timeouts.append(timeout)
        return connect(address, timeout, *rest)

    monkeypatch.setattr(socket, "create_connection", noted)
    with pytest.raises(DownloadError):
        download(serve(answer_with(OK)).replace("http:", "https:"), len(BODY))
    assert timeouts == [downloads.CONNECT_SECONDS / 3]


def test_an_interrupted_progress_ends_the_download(serve):
    def interrupt(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        download(serve(fall_silent(OK + BODY[:1000])), len(BODY), interrupt)


def test_a_login_page_in_place_of_keras_file_leaves_nothing_behind(tiny, serve, monkeypatch):
    page = b"HTTP/1.1 200 OK\r\n\r\n<html>" + bytes(len(tiny.h5) - 6)
    monkeypatch.setattr(weights, "KERAS_URL", serve(answer_with(page)))
    with pytest.raises(WeightsError, match=r"is not .*: its MD5 is wrong"):
        fetch("keras", tiny.models)
    assert names(tiny.models) == []


def test_keras_file_is_fetched_checked_and_kept(tiny, serve, monkeypatch):
    monkeypatch.setattr(
        weights, "KERAS_URL", serve(answer_with(b"HTTP/1.1 200 OK\r\n\r\n", tiny.h5))
    )
    calls = []
    found = find(progress=lambda *numbers: calls.append(numbers))
    assert_equal(found, tiny.float32)
    assert calls[-1] == (len(tiny.h5), len(tiny.h5))
    assert (tiny.models / KERAS_NAME).read_bytes() == tiny.h5
