"""The description of the local API: complete, in step with its copy, its examples real."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from fastapi.routing import APIRoute

from storage import outbox
from sync.entrypoints.api.app import API, description
from sync.entrypoints.api.describing import TOLD, needed, operations, text_of
from sync.entrypoints.api.desk import Desk
from sync.entrypoints.api.shapes import EXAMPLES, ID, SCHEMAS
from sync.visitor import Scope, Visitor
from tests.support.local_api import browser, desk_in, program
from tests.support.scratch import new_entry

ROOT = Path(__file__).parents[2]
ROUTES = {route.name: route for router in API for route in router.routes if isinstance(route, APIRoute)}
OPERATIONS = {each["operationId"]: each for each in operations(description())}


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with desk_in(tmp_path) as made:
        yield made


def assert_fits(instance: Any, name: str) -> None:
    jsonschema.Draft202012Validator(
        {"$ref": f"#/components/schemas/{name}", **{"components": {"schemas": SCHEMAS}}}
    ).validate(instance)


def test_copy_in_the_documents_is_in_step() -> None:
    kept = (ROOT / "docs" / "openapi.json").read_text(encoding="utf-8")
    assert kept == text_of(description()), "python -m sync.entrypoints.api.app > docs/openapi.json"


def test_every_route_is_described() -> None:
    assert set(ROUTES) == set(TOLD) == set(OPERATIONS)
    for name, operation in OPERATIONS.items():
        assert operation["summary"], name
        assert operation["description"].endswith("."), name
        assert len(operation["tags"]) == 1, name
        assert all(each["description"] for each in operation.get("parameters", ())), name
        assert operation.get("x-scopes", []) == [*needed(ROUTES[name])], name


def test_only_health_and_description_are_open() -> None:
    assert {name for name, each in OPERATIONS.items() if not each["security"]} == {"healthz", "readyz"}


@pytest.mark.parametrize("name", SCHEMAS)
def test_example_is_as_its_schema_says(name: str) -> None:
    assert_fits(EXAMPLES[name], name)


def test_every_schema_has_an_example_and_a_use() -> None:
    assert set(SCHEMAS) == set(EXAMPLES)
    used = set(re.findall(r"#/components/schemas/(\w+)", json.dumps(description())))
    assert used - set(description()["components"]["schemas"]) == set()
    assert set(SCHEMAS) <= used


PATHS = {name: (sorted(route.methods)[0], route.path) for name, route in ROUTES.items()}
BODIES = [
    (name, media, body["example"])
    for name, operation in OPERATIONS.items()
    for media, body in operation.get("requestBody", {}).get("content", {}).items()
    if "example" in body
]


@pytest.mark.parametrize(
    ("name", "media", "example"), BODIES, ids=[f"{name} {media}" for name, media, _ in BODIES]
)
def test_example_of_a_request_is_taken(desk: Desk, name: str, media: str, example: Any) -> None:
    if name != "capture":
        made = program(desk).post(
            "/v1/entries", json=OPERATIONS["capture"]["requestBody"]["content"]["application/json"]["example"]
        )
        assert made.status_code == 201, made.text
    if name == "settle":
        with desk.database.write() as transaction:
            transaction.cursor.execute("UPDATE entry SET state = 'in_doubt'")
    content = example if isinstance(example, str) else json.dumps(example)
    method, path = PATHS[name]
    prefix = "" if path in ("/healthz", "/readyz", "/metrics") else "/v1"
    answer = program(desk).request(
        method, prefix + path.format(id=ID), content=content.encode(), headers={"Content-Type": media}
    )
    assert answer.is_success, answer.text
    (schemas,) = [names for status, names in TOLD[name].answers.items() if status == answer.status_code]
    if schemas:
        assert_fits(answer.json(), schemas[0])


@pytest.mark.parametrize(
    "name", [name for name, told in TOLD.items() if not told.takes and told.answers.get(200)]
)
def test_answer_is_as_its_schema_says(desk: Desk, name: str) -> None:
    outbox.put(desk.database, new_entry(1, id=ID))
    with desk.database.write() as transaction:
        transaction.cursor.execute("UPDATE entry SET state = 'dead', reason = 'rejected'")
    _, path = PATHS[name]
    prefix = "" if path in ("/healthz", "/readyz", "/metrics") else "/v1"
    answer = program(desk).get(prefix + path.format(id=ID))
    assert_fits(answer.json(), "Error" if name == "readyz" else TOLD[name].answers[200][0])


@pytest.mark.parametrize("scope", [*Scope, None])
def test_scopes_that_are_named_are_those_that_let_in(desk: Desk, scope: Scope | None) -> None:
    client = program(desk, Visitor(frozenset({scope} - {None}), everyone=True))  # type: ignore[arg-type]
    for name, operation in OPERATIONS.items():
        if not operation["security"] or name == "listen":
            continue
        method, path = PATHS[name]
        prefix = "" if path == "/metrics" else "/v1"
        answer = client.request(
            method, prefix + path.format(id=ID), headers={"Content-Type": "application/json"}
        )
        assert (answer.status_code == 403) == (scope not in operation["x-scopes"]), (name, answer.text)


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))


def test_page_of_the_description_tells_every_route_and_loads_nothing_from_elsewhere(desk: Desk) -> None:
    answer = browser(desk).get("/docs")
    assert answer.status_code == 200
    tags = Tags()
    tags.feed(answer.text)
    assert {attributes["id"] for tag, attributes in tags.seen if tag == "h3"} == set(OPERATIONS)
    assert not [tag for tag, attributes in tags.seen if tag == "script" or "style" in attributes]
    leads = [
        str(attributes.get("href") or attributes.get("src"))
        for tag, attributes in tags.seen
        if tag in ("a", "link", "img")
    ]
    assert all(each.startswith(("/", "#")) and not each.startswith("//") for each in leads), leads
    assert browser(desk).get("/openapi.json").json() == description()
