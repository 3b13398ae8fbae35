"""Pictures of jobs in a folder, and in a store of objects that is reached over HTTP."""

import io

import pytest
import s3fs
from PIL import Image

from stylize_tf.errors import ConfigError, OutputError
from stylize_tf.service import worker
from stylize_tf.service.files import Files
from tests.fakes.s3_server import S3Server
from tests.service.conftest import PICTURES, SHORT, ended


@pytest.fixture(scope="module")
def running():
    server = S3Server()
    yield server
    server.kill()


@pytest.fixture
def s3(running, monkeypatch):
    for name, value in running.environment.items():
        monkeypatch.setenv(name, value)
    return running


@pytest.fixture(params=["folder", "s3"])
def place(request, tmp_path):
    if request.param == "folder":
        return str(tmp_path / "jobs")
    server = request.getfixturevalue("s3")
    return f"s3://{server.bucket}/{tmp_path.name}"


def test_files_are_written_read_named_and_removed(place):
    files = Files(place)
    assert files.read("one", "a.png") is None
    assert files.names("one") == []
    files.write("one", "a.png", b"first")
    files.write("one", "b.json", b"")
    files.write("two", "a.png", b"other")
    assert sorted(files.names("one")) == ["a.png", "b.json"]
    assert files.read("one", "b.json") == b""
    files.write("one", "a.png", b"second")
    assert Files(place).read("one", "a.png") == b"second"
    files.forget("one", "a.png", "none")
    assert files.names("one") == ["b.json"]
    files.forget_all("one")
    files.forget_all("none")
    assert files.names("one") == []
    assert files.read("two", "a.png") == b"other"


def test_what_other_machines_write_and_remove_is_seen(s3):
    files = Files(f"s3://{s3.bucket}/shared")
    files.write("one", "a", b"1")
    assert files.names("one") == ["a"]
    s3.client.put_object(Bucket=s3.bucket, Key="shared/one/0.checkpoint", Body=b"2")
    assert files.names("one") == ["0.checkpoint", "a"]
    s3.client.delete_object(Bucket=s3.bucket, Key="shared/one/a")
    assert files.names("one") == ["0.checkpoint"]
    assert files.read("one", "a") is None
    files.forget_all("one")
    assert not [x for x in s3.names() if x.startswith("shared/one/")]


def test_a_picture_is_painted_where_there_is_no_folder(service, s3):
    made = service()
    made.files = Files(f"s3://{s3.bucket}/jobs")
    made.work()
    with made.client() as client:
        job = client.post("/v1/jobs", files=PICTURES, data=SHORT).json()["id"]
        assert ended(client, job)["state"] == "finished"
        result = client.get(f"/v1/jobs/{job}/result").content
        assert Image.open(io.BytesIO(result)).size == (32, 21)
        assert client.get(f"/v1/jobs/{job}/recipe").json()["config"]["size"] == 32
    own = [x.removeprefix(f"jobs/{job}/") for x in s3.names() if x.startswith("jobs/")]
    assert sorted(own) == ["content-0", "recipe.json", "result.png", "style-0"]
    assert not made.folder.exists()


def test_a_store_that_cannot_be_reached_is_told_and_asked_for_again(service, s3, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    monkeypatch.setattr(s3fs.S3FileSystem, "retries", 1)
    s3fs.S3FileSystem.clear_instance_cache()
    made = service()
    made.files = Files(f"s3://{s3.bucket}/nowhere")
    for act in (
        lambda: made.files.write("one", "a", b""),
        lambda: made.files.read("one", "a"),
        lambda: made.files.names("one"),
        lambda: made.files.forget("one", "a"),
        lambda: made.files.forget_all("one"),
    ):
        with pytest.raises(OutputError, match="the results cannot be"):
            act()
    with made.client() as client:
        response = client.post("/v1/jobs", files=PICTURES, data=SHORT)
        assert response.status_code == 503
        assert response.headers["retry-after"]
        assert made.queue.waiting() == []


@pytest.mark.parametrize("seconds", [60.0, 0.0])
def test_a_store_that_is_away_for_a_moment_costs_no_picture(service, monkeypatch, seconds):
    monkeypatch.setattr(worker, "_STORE_SECONDS", seconds)
    monkeypatch.setattr(worker, "_STORE_AGAIN_SECONDS", 0.01)
    made, write, away = service(), Files.write, []

    def is_away(self, job, name, data):
        if away.count(name) < 2:
            away.append(name)
            raise OutputError("the results cannot be written: no network.")
        write(self, job, name, data)

    with made.client() as client:
        job = client.post("/v1/jobs", files=PICTURES, data=SHORT).json()["id"]
        monkeypatch.setattr(Files, "write", is_away)
        made.work()
        status = ended(client, job)
    if seconds:
        assert status["state"] == "finished"
        assert [away.count(x) for x in ("result.png", "recipe.json")] == [2, 2]
        assert any(x.endswith(".checkpoint") for x in away)
    else:
        assert status["state"] == "failed"
        assert status["error"] == "the results cannot be written: no network."


def test_a_place_that_nothing_reaches_is_refused():
    with pytest.raises(ConfigError, match="cannot be used"):
        Files("nothing://there")
