"""The service as its clients meet it."""

import io
import json
import re

import pytest
from PIL import Image

from benchmarks.harness.served import until
from stylize_tf.images import image_io
from stylize_tf.service.following import Following, WorkerOptions
from stylize_tf.service.web.desk import Desk
from tests.service.conftest import PICTURES, SHORT, ended, png


def black():
    data = io.BytesIO()
    Image.new("L", (60, 40)).save(data, "PNG")
    return data.getvalue()


BLACK = black()


def events_of(response):
    """Number, name and data of each event of a stream."""
    found, current = [], {}
    for line in response.iter_lines():
        name, _, value = line.partition(": ")
        if line and name:
            current[name] = value
        elif current:
            found.append((int(current["id"]), current["event"], json.loads(current["data"])))
            current = {}
    return found


def test_a_picture_is_asked_for_watched_and_fetched(service):
    made = service()
    with made.client() as client:
        response = client.post("/v1/jobs", files=PICTURES, data=SHORT)
        assert response.status_code == 202
        asked = response.json()
        assert response.headers["location"] == f"/v1/jobs/{asked['id']}"
        assert (asked["state"], asked["place"]) == ("queued", 0)
        early = client.get(f"/v1/jobs/{asked['id']}/result")
        assert (early.status_code, early.json()["error"]) == (409, "The job is queued.")
        made.work()
        with client.stream("GET", asked["links"]["events"]) as stream:
            events = events_of(stream)
        assert [number for number, *_ in events] == [*range(1, len(events) + 1)]
        assert [name for _, name, _ in events][:1] == ["begin"]
        assert events[-1][1] == "end"
        steps = [data for _, name, data in events if name == "step"]
        assert steps[-1]["evaluation"] == steps[-1]["evaluations"] == 4
        assert steps[-1]["remaining"] == 0
        status = client.get(f"/v1/jobs/{asked['id']}").json()
        assert (status["state"], status["is_whole"], status["size"]) == ("finished", True, "32x21")
        assert status["deleted_at"] == status["ended"] + made.limits.kept_seconds
        result = client.get(status["links"]["result"])
        assert result.headers["content-type"] == "image/png"
        assert Image.open(io.BytesIO(result.content)).size == (32, 21)
        recipe = client.get(status["links"]["recipe"]).json()
        assert recipe["config"]["size"] == 32
        path = made.folder / "told.png"
        path.write_bytes(result.content)
        assert image_io.read_metadata(path)["config"] == recipe["config"]
        assert client.get(f"/v1/jobs/{asked['id']}/preview").content[:2] == b"\xff\xd8"
        assert not [x for x in made.files.names(asked["id"]) if x.endswith(".checkpoint")]


def test_who_comes_back_gets_the_events_that_are_missing_and_an_end(service):
    made = service()
    made.work()
    with made.client() as client:
        job = client.post("/v1/jobs", files=PICTURES, data=SHORT).json()["id"]
        ended(client, job)
        with client.stream("GET", f"/v1/jobs/{job}/events") as stream:
            all_of_them = events_of(stream)
        for number in (1, len(all_of_them) - 1):
            headers = {"Last-Event-ID": str(number)}
            with client.stream("GET", f"/v1/jobs/{job}/events", headers=headers) as stream:
                assert events_of(stream) == all_of_them[number:]
        headers = {"Last-Event-ID": str(len(all_of_them))}
        assert client.get(f"/v1/jobs/{job}/events", headers=headers).status_code == 204
        with client.stream("GET", f"/v1/jobs/{job}/events?after=1") as stream:
            assert events_of(stream) == all_of_them[1:]


def test_several_pictures_masks_and_lists_are_asked_for(service):
    made = service()
    made.work()
    mask = io.BytesIO()
    half = Image.new("L", (60, 40))
    half.paste(255, (0, 0, 30, 40))
    half.save(mask, "PNG")
    pictures = [*PICTURES, ("style", ("c.png", png(2)))]
    masks = [
        ("content_mask", ("m.png", mask.getvalue())),
        ("content_mask", ("n.png", mask.getvalue())),
    ]
    with made.client() as client:
        job = client.post("/v1/jobs", files=[*pictures, *masks], data=SHORT).json()["id"]
        assert ended(client, job)["state"] == "finished"
        recipe = client.get(f"/v1/jobs/{job}/recipe").json()
        roles = [x["role"] for x in recipe["inputs"]]
        assert sorted(roles) == ["content", *["content_mask"] * 2, "style", "style"]
        shown = client.post(
            "/v1/jobs",
            files=pictures,
            data={**SHORT, "style_blend_weights": "1,3", "output_format": "jpg"},
        ).json()["id"]
        ended(client, shown)
        assert client.get(f"/v1/jobs/{shown}/recipe").json()["config"]["style_blend_weights"] == [
            1,
            3,
        ]
        assert client.get(f"/v1/jobs/{shown}/result").headers["content-type"] == "image/jpeg"


@pytest.mark.parametrize(
    ("files", "data", "told"),
    [
        (PICTURES[:1], {}, "`style` must be given"),
        ([], {}, "`content` and `style` must be given"),
        (PICTURES, {"size": "-1"}, "`size` must"),
        (PICTURES, {"size": "abc"}, "`size` must be a whole number"),
        (PICTURES, {"sise": "64"}, "There is no option `sise`"),
        (PICTURES, {"style_weight": "nan"}, "`style_weight` must be a number"),
        (PICTURES, {"memory": "1GB"}, "There is no option `memory`"),
        (PICTURES, {"output": "/etc/passwd"}, "There is no option `output`"),
        (PICTURES, {"content": "/etc/passwd"}, "`content` must be a picture"),
        (PICTURES, {"network": "/etc/passwd"}, "`network` must be one of shipped"),
        (PICTURES, {"steps": ["1", "2"]}, "`steps` must be given once"),
        ([*PICTURES, PICTURES[0]], {}, "`content` must be given once"),
        ([*PICTURES, ("what", ("a.png", png()))], {}, "There is no picture `what`"),
        ([("content", ("a.png", b"no picture")), PICTURES[1]], {}, "`content`"),
        ([("content", ("a.png", png()[:-40])), PICTURES[1]], {}, "`content`"),
        (PICTURES, {"content_layers": "no_such_layer"}, "no_such_layer"),
        ([*PICTURES, ("content_mask", ("m.png", BLACK))], {}, "`content_mask` holds no region"),
    ],
    ids=lambda x: str(x)[:40] if isinstance(x, str | dict) else "",
)
def test_what_cannot_be_painted_is_refused_with_what_to_do(service, files, data, told):
    made = service()
    with made.client() as client:
        given = {x: y for x, y in SHORT.items() if x not in data} if data else SHORT
        sent = files or [("other", b"")]
        response = client.post("/v1/jobs", files=sent, data={**given, **data})
        if not files:
            return
        assert response.status_code == 400
        body = response.json()
        assert {*body} == {"error", "hint"}
        assert told in body["error"] + body["hint"]
        assert "/tmp" not in response.text
        assert str(made.folder) not in response.text
        assert made.queue.waiting() == []


def test_other_paths_methods_and_bodies_are_told_in_the_same_form(service):
    with service(body_bytes=60_000).client() as client:
        for response, status in (
            (client.get("/v1/nothing"), 404),
            (client.get("/v1/jobs/none"), 404),
            (client.get("/v1/jobs/..%2f..%2fetc"), 404),
            (client.put("/v1/jobs"), 405),
            (client.post("/v1/jobs", json={"content": "x"}), 415),
            (
                client.post(
                    "/v1/jobs", content=b"x", headers={"content-type": "multipart/form-data"}
                ),
                400,
            ),
            (client.post("/v1/jobs", files=[("content", ("a", b"0" * 100_000))]), 413),
            (
                client.post(
                    "/v1/jobs", data={f"a{n}": "1" for n in range(300)}, files=PICTURES[:1]
                ),
                400,
            ),
        ):
            assert response.status_code == status, response.text
            assert {*response.json()} == {"error", "hint"}


def test_a_method_that_is_not_there_is_answered_with_those_that_are(service):
    with service().client() as client:
        assert client.put("/v1/jobs/one").headers["allow"] == "DELETE, GET"
        assert client.get("/v1/jobs").headers["allow"] == "POST"


def test_the_page_is_there_and_may_load_nothing_from_elsewhere(service):
    with service().client(token="secret") as client:
        page = client.get("/")
        assert page.headers["content-type"] == "text/html; charset=utf-8"
        assert "default-src 'self'" in page.headers["content-security-policy"]
        assert "unsafe" not in page.headers["content-security-policy"]
        parts = re.findall(r'(?:src|href)="([^"]+)"', page.text)
        assert {x.rpartition(".")[2] for x in parts} == {"css", "js", "svg"}
        for part in parts:
            assert client.get(f"/{part}").status_code == 200
        assert client.get("/page/marks.js").headers["content-type"].startswith("text/javascript")
        assert not re.search(r"https?://(?!www.w3.org)", page.text)
        for name in ("..%2fapp.py", "none.js", "%2e%2e%2f%2e%2e%2fapp.py"):
            assert client.get(f"/page/{name}").status_code == 404


def test_a_request_that_is_sent_again_is_the_same_job(service):
    made = service()
    with made.client() as client:
        headers = {"Idempotency-Key": "mine"}
        jobs = {
            client.post("/v1/jobs", files=PICTURES, data=SHORT, headers=headers).json()["id"]
            for _ in range(3)
        }
        assert len(jobs) == 1
        assert made.queue.waiting() == [*jobs]
        other = client.post("/v1/jobs", files=PICTURES, data=SHORT).json()["id"]
        assert other not in jobs


def test_no_more_is_taken_than_the_queue_and_a_client_may_have(service):
    made = service(waiting=2, of_client=5)
    with made.client() as client:
        for _ in range(2):
            assert client.post("/v1/jobs", files=PICTURES, data=SHORT).status_code == 202
        response = client.post("/v1/jobs", files=PICTURES, data=SHORT)
        assert (response.status_code, response.headers["retry-after"]) == (429, "5")
        assert response.json() == {"error": "2 jobs wait already.", "hint": "Ask again later."}
        client.delete(f"/v1/jobs/{made.queue.waiting()[0]}")
        assert client.post("/v1/jobs", files=PICTURES, data=SHORT).status_code == 202
        text = client.get("/metrics").text
        assert "stylize_tf_jobs_taken_total 3.0" in text
        assert 'stylize_tf_jobs_refused_total{why="queue"} 1.0' in text


def test_a_job_is_cancelled_before_it_begins_and_while_it_is_painted(service):
    made = service()
    with made.client() as client:
        waits = client.post("/v1/jobs", files=PICTURES, data=SHORT).json()["id"]
        status = client.delete(f"/v1/jobs/{waits}").json()
        assert status["state"] == "cancelled"
        response = client.get(f"/v1/jobs/{waits}/result")
        assert response.status_code == 404
        made.work()
        long = {**SHORT, "steps": "100000"}
        runs = client.post("/v1/jobs", files=PICTURES, data=long).json()["id"]
        until(lambda: client.get(f"/v1/jobs/{runs}").json().get("evaluation"))
        assert client.delete(f"/v1/jobs/{runs}").status_code == 200
        status = ended(client, runs)
        assert (status["state"], status["is_whole"]) == ("cancelled", False)
        result = client.get(f"/v1/jobs/{runs}/result")
        assert Image.open(io.BytesIO(result.content)).size == (32, 21)
        assert client.delete(f"/v1/jobs/{runs}").json()["state"] == "cancelled"


def test_a_job_may_not_take_longer_than_is_told(service):
    made = service()
    made.work(job_seconds=1.0)
    with made.client() as client:
        long = {**SHORT, "steps": "100000"}
        status = ended(client, client.post("/v1/jobs", files=PICTURES, data=long).json()["id"])
        assert status["state"] == "failed"
        assert "longer than 1 seconds" in status["error"]
        assert "result" in status["links"]


def test_a_token_is_wanted_of_all_but_health(service):
    with service().client(token="secret") as client:
        assert client.get("/healthz").status_code == 200
        for headers in (
            {},
            {"Authorization": "Bearer other"},
            {"Authorization": "Bearer sécret".encode()},
        ):
            response = client.get("/v1/styles", headers=headers)
            assert response.status_code == 401
            assert {*response.json()} == {"error", "hint"}
        assert (
            client.get("/v1/styles", headers={"Authorization": "Bearer secret"}).status_code == 200
        )


@pytest.mark.parametrize("token", [None, "secret", "sécret 图"])
def test_the_description_tells_of_a_token_where_one_is_wanted(service, token):
    with service().client(token=token) as client:
        told = client.get("/openapi.json").json()
        schemes = told["components"].get("securitySchemes", {})
        guarded = {
            path
            for path, methods in told["paths"].items()
            if all(x.get("security") == [{name: []} for name in schemes] for x in methods.values())
        }
        if token is None:
            assert not schemes
            assert "security" not in json.dumps(told["paths"])
            return
        [scheme] = schemes.values()
        assert (scheme["type"], scheme["scheme"]) == ("http", "bearer")
        assert guarded == {x for x in told["paths"] if x.startswith("/v1/")}
        headers = {"Authorization": f"Bearer {token}".encode()}
        assert client.get("/v1/styles", headers=headers).status_code == 200


def test_it_is_ready_when_a_worker_is(service):
    made = service()
    with made.client() as client:
        assert client.get("/readyz").status_code == 503
        made.work()
        until(lambda: client.get("/readyz").status_code == 200)


def test_a_worker_is_ready_while_it_is_at_a_job(service):
    """Its picture may take longer than what it last said of itself holds."""
    queue = service().of("main")
    queue.lease = 0.2
    queue.add({})
    with Following(queue, WorkerOptions("anna"), lambda: False) as following:
        following.follow(queue.take("anna"))
        until(queue.is_worked)


def test_results_are_deleted_after_their_time(service):
    made = service(kept_seconds=0.0)
    made.work()
    with made.client() as client:
        job = client.post("/v1/jobs", files=PICTURES, data=SHORT).json()["id"]
        until(lambda: client.get(f"/v1/jobs/{job}").status_code == 404)
        assert made.files.names(job) == []


def test_a_worker_that_dies_gives_its_job_to_another_one_with_the_same_bytes(service, monkeypatch):
    made = service()
    made.work("whole")
    with made.client() as client:
        data = {**SHORT, "steps": "30"}
        job = client.post("/v1/jobs", files=PICTURES, data=data).json()["id"]
        ended(client, job)
        whole = client.get(f"/v1/jobs/{job}/result").content
    made.stop()
    made = service()
    job = made.queue.add({**made.queue.asked(job), "created": 0})
    for name in ("content-0", "style-0"):
        made.files.write(job, name, (png(0), png(1))[name == "style-0"])
    from stylize_tf.iterative import checkpoint
    from stylize_tf.service import following, worker

    # However long it takes, so that the last step is saved on a busy machine, too.
    monkeypatch.setattr(checkpoint, "_MOST_OF_THE_TIME", float("inf"))
    step = following.Following.step

    class Death(BaseException):
        pass

    def dies(self, iterate):
        step(self, iterate)
        if iterate.evaluation == 17:
            raise Death

    monkeypatch.setattr(following.Following, "step", dies)
    own = worker.Worker(
        made.queue, made.files, following.WorkerOptions("dead", checkpoint_seconds=0)
    )
    own._engine = made.engine
    with pytest.raises(Death):
        own.paint(made.queue.take("dead"))
    assert [x for x in made.files.names(job) if x.endswith(".checkpoint")]
    monkeypatch.setattr(following.Following, "step", step)
    begun = []
    tell = following.Following._tell
    monkeypatch.setattr(
        following.Following, "_tell", lambda self, x: (begun.append(x), tell(self, x))
    )
    made.queue.recover("dead")
    made.work("other")
    with made.client() as client:
        assert ended(client, job)["state"] == "finished"
        assert client.get(f"/v1/jobs/{job}/result").content == whole
    evaluations = [x["evaluation"] for x in begun if x["event"] == "step"]
    assert min(evaluations) > 1  # It went on from where the dead one stood.


def test_a_network_paints_at_once(service):
    made = service()
    made.work("network", made.at_once, is_of_network=True)
    with made.client() as client:
        [told] = client.get("/v1/styles").json()
        assert told["network"] == "shipped"
        data = {"size": "64", "network_style": told["styles"][1]}
        response = client.post("/v1/stylize", files=PICTURES[:1], data=data)
        assert response.status_code == 200, response.text
        assert Image.open(io.BytesIO(response.content)).size == (64, 43)
        response = client.post("/v1/stylize", files=PICTURES[:1], data={"network_style": "none"})
        assert response.status_code == 400
        assert "none" in response.json()["error"]


def test_what_is_like_what_is_asked_of_one_picture_and_told_at_once(service):
    made = service()
    made.work("network", made.at_once, is_of_network=True)
    with made.client() as client:
        response = client.post("/v1/likeness", files=PICTURES[:1])
        assert response.status_code == 200, response.text
        picture = Image.open(io.BytesIO(response.content))
        assert (picture.format, picture.size) == ("PNG", (384, 3 * 256))
        for files, data in ((PICTURES, {}), (PICTURES[1:], {}), (PICTURES[:1], {"size": "64"})):
            response = client.post("/v1/likeness", files=files, data=data)
            assert response.status_code == 400
            assert "`content`" in response.json()["error"]


def test_without_a_worker_nobody_waits_for_what_is_painted_at_once(service):
    made = service(start_seconds=0.2)
    with made.client() as client:
        response = client.post("/v1/stylize", files=PICTURES[:1])
        assert response.status_code == 503
        assert "`network_workers`" in response.json()["hint"]
        assert made.at_once.counts() == (0, 0)


def test_what_was_painted_at_once_is_forgotten_soon(service):
    made = service(at_once_seconds=0.5)
    job = made.at_once.add({"files": {}})
    made.at_once.end(job, {"state": "finished"})
    made.files.write(job, "result.jpg", b"frame")
    kept = made.queue.add({"files": {}})
    made.queue.end(kept, {"state": "finished"})
    made.files.write(kept, "result.jpg", b"picture")
    desk = Desk(made.queue, made.files, made.limits, made.at_once, None, None)

    def forgotten():
        desk.keep_house()
        return made.at_once.asked(job) is None

    until(forgotten)
    assert (made.files.names(job), made.files.names(kept)) == ([], ["result.jpg"])
