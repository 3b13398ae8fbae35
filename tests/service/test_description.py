"""What /openapi.json tells, held against what the service does."""

import json

import jsonschema
import pytest

from stylize_tf.config.style_transfer import StyleTransferConfig
from stylize_tf.service import asking
from stylize_tf.service.networks import offered
from tests.service.conftest import PICTURES, SHORT, png


@pytest.fixture
def told(service):
    with service().client() as client:
        return client.get("/openapi.json").json()


def operations(told):
    for path, methods in told["paths"].items():
        for method, operation in methods.items():
            yield f"{method} {path}", operation


def test_every_answer_has_a_type_and_a_refusal_is_json(told):
    for name, operation in operations(told):
        for status, answer in operation["responses"].items():
            assert bool(answer.get("content")) == (status != "204"), (name, status)
            if status in ("4XX", "503"):
                assert [*answer["content"]] == ["application/json"], name


def test_examples_of_answers_are_of_their_schemas(told):
    schemas = told["components"]["schemas"]
    assert {"JobStatus", "Refusal", "StyleNames"} <= {*schemas}
    for name, schema in schemas.items():
        assert schema["examples"], name
        for example in schema["examples"]:
            jsonschema.validate(example, schema)
            assert {*example} <= {*schema["properties"]}, name
    states = {x["state"] for x in schemas["JobStatus"]["examples"]}
    assert states == {"queued", "running", "finished"}


def test_examples_of_requests_are_taken(told):
    ways = {
        "/v1/jobs": asking.ask,
        "/v1/stylize": asking.ask_network,
        "/v1/likeness": asking.ask_likeness,
    }
    for path, ask in ways.items():
        [form] = told["paths"][path]["post"]["requestBody"]["content"].values()
        assert form["examples"]
        for example in form["examples"].values():
            values, pictures = [], []
            for name, given in example["value"].items():
                assert name in form["schema"]["properties"]
                several = given if isinstance(given, list) else [given]
                if name in asking.ROLES:
                    pictures += [(name, png()) for _ in several]
                else:
                    values += [(name, str(x)) for x in several]
            asking.check(ask(values, pictures), max_pixels=10_000, networks=offered())


def test_what_is_told_of_options_is_what_they_do(told):
    [form] = told["paths"]["/v1/jobs"]["post"]["requestBody"]["content"].values()
    properties = form["schema"]["properties"]
    defaults = {x: y["default"] for x, y in properties.items() if "default" in y}
    asked = asking.ask([(x, str(y)) for x, y in defaults.items()], [])
    config = StyleTransferConfig()
    for name, value in {**asked.options, **asked.config}.items():
        assert value == defaults[name] == getattr(config, name, value), name
    assert {"size", "strength", "color", "normalize_terms", "output_format"} <= {*defaults}
    for name, told_of in properties.items():
        for value in told_of.get("enum", ()):
            asking.ask([(name, value)], [])


def parsed(text):
    """Names and data of events."""
    events = [dict(x.split(": ", 1) for x in y.splitlines()) for y in text.strip().split("\n\n")]
    return [(x["event"], json.loads(x["data"])) for x in events]


def test_the_example_of_events_is_as_they_come(told, service):
    answer = told["paths"]["/v1/jobs/{job}/events"]["get"]["responses"]["200"]
    example = parsed(answer["content"]["text/event-stream"]["example"])
    made = service()
    made.work()
    with made.client() as client:
        job = client.post("/v1/jobs", files=PICTURES, data=SHORT).json()["id"]
        events = parsed(client.get(f"/v1/jobs/{job}/events").text)
    for (name, data), (own_name, own) in zip(example, events, strict=False):
        assert (name, {*data}) == (own_name, {*own})
