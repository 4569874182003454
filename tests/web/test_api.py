"""The public JSON contract, and the documents that describe it."""

import json
from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest
from fastapi.testclient import TestClient

from app.lessons.catalog import catalog
from tests.web.conftest import soup

KEYS = {
    "schema", "environment", "outcome", "stdout", "stderr", "truncated", "steps", "tensors", "storages", "counters",
    "nodes", "writes", "backwards", "final", "diagnoses",
}  # fmt: skip


@pytest.mark.parametrize(
    ("source", "kind"),
    [
        (catalog()["data"].source, "finished"),
        (catalog()["detach"].source, "raised"),
        ("", "finished"),
        ("# \ud800", "finished"),
        ("x = (", "raised"),
        ("while True: pass", "stopped"),
        (
            "import torch\nx = torch.tensor([float('nan'), float('inf')], requires_grad=True)\nx.sum().backward()",
            "finished",
        ),
    ],
)
def test_every_accepted_snippet_is_answered_by_the_schema(client: TestClient, source: str, kind: str) -> None:
    # As JSON with escapes: a lone surrogate has no other form.
    body = json.dumps({"source": source})
    response = client.post("/api/v1/traces", content=body, headers={"Content-Type": "application/json"})
    answer = response.json()
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json"
    assert answer.keys() >= KEYS
    assert answer["schema"] == "tapescope.trace/1"
    assert answer["outcome"]["kind"] == kind
    jsonschema.Draft202012Validator(client.get("/api/v1/schema").json()).validate(answer)


def test_the_first_example_says_what_it_is_for(client: TestClient) -> None:
    answer = client.post("/api/v1/traces", json={"source": catalog()["data"].source}).json()
    assert answer["final"]["a"]["grad"]["values"] == [0.0, 0.0, 0.0]
    assert answer["final"]["out"]["storage"] == answer["final"]["c"]["storage"]
    assert answer["final"]["out"]["counter"] != answer["final"]["c"]["counter"]
    assert answer["diagnoses"][0]["rule"] == "write-hidden-by-data"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'{"code": "x"}',
        b'{"source": 1}',
        b'{"source": null}',
        b"\xff",
    ],
)
def test_a_bad_body_is_422_and_says_why(client: TestClient, body: bytes) -> None:
    response = client.post("/api/v1/traces", content=body, headers={"Content-Type": "application/json"})
    assert response.status_code == 422
    assert response.json()["error"] == "bad-body"
    assert '{"source"' in response.json()["message"]


def test_a_source_over_the_limit_is_413(client: TestClient) -> None:
    response = client.post("/api/v1/traces", json={"source": "#" * 20_001})
    assert response.status_code == 413
    assert response.json()["error"] == "source-too-large"
    assert client.post("/api/v1/traces", json={"source": "#" * 20_000}).status_code == 200


def test_health(client: TestClient) -> None:
    response = client.get("/healthz")
    health = response.json()
    assert (response.status_code, health["status"]) == (200, "ready")
    for layer in health["layers"]:
        assert layer.keys() == {"name", "core", "active", "stops", "missing_because"}
        assert (layer["missing_because"] is None) is layer["active"]


def test_the_openapi_document_is_whole(client: TestClient) -> None:
    document = client.get("/api/openapi.json").json()
    paths = {"/api/v1/traces", "/api/v1/fixes", "/api/v1/numeric", "/api/v1/schema", "/healthz"}
    assert set(document["paths"]) == paths
    responses = document["paths"]["/api/v1/traces"]["post"]["responses"]
    assert set(responses) == {"200", "413", "422", "429", "503"}
    assert "Retry-After" in responses["429"]["headers"]
    assert document["paths"]["/api/v1/traces"]["post"]["requestBody"]["required"] is True
    for reference in references(document):
        place: Any = document
        for part in reference.removeprefix("#/").split("/"):
            place = place[part]
    jsonschema.Draft202012Validator.check_schema(client.get("/api/v1/schema").json())


def references(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for each in value.values():
            yield from references(each)
    elif isinstance(value, list):
        for each in value:
            yield from references(each)


def test_the_docs_show_every_operation_and_shape(client: TestClient) -> None:
    page = soup(client.get("/api/docs"))
    document = client.get("/api/openapi.json").json()
    headings = [heading.text for heading in page.select("h2")]
    assert [heading for heading in headings if "/" in heading] == [
        "POST /api/v1/fixes",
        "POST /api/v1/traces",
        "POST /api/v1/numeric",
        "GET /api/v1/schema",
        "GET /healthz",
    ]
    shown = {heading["id"] for heading in page.select("h3[id]")}
    assert shown <= set(document["components"]["schemas"])
    assert {"Trace", "Numeric", "TraceRequest", "Problem", "Health"} <= shown
    for link in page.select("article a[href^='#']"):
        assert str(link["href"])[1:] in shown


def test_an_unknown_address_of_the_api_is_json(client: TestClient) -> None:
    response = client.get("/api/v1/nothing")
    assert response.status_code == 404
    assert response.json()["error"] == "not-found"
    assert client.get("/api/v1/traces").status_code == 405
