"""What comes from elsewhere is refused before anybody asks who sent it: by rule, and by the guard that applies them."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import Depends, FastAPI, Request
from starlette.types import Message

from storage.errors import EntryNotFound
from sync import events
from sync.entrypoints.api.app import create_app
from sync.entrypoints.api.desk import Desk
from sync.entrypoints.api.guarding import Guard
from sync.entrypoints.api.refusing import Allowed, own_names, refuse
from sync.entrypoints.api.visiting import may
from sync.entrypoints.page import entering
from sync.entrypoints.page.words import door_english, door_french
from sync.visitor import OPS, Scope, Visitor, technician
from tests.support.local_api import HOST, browser, desk_in, program

ALLOWED = Allowed.of(own_names("127.0.0.1", ["tablet.lan", "box.example:443", "10.0.0.4:9000"]), 8642)
OURS = (b"host", b"127.0.0.1:8642")
LONG = b"a" * 300


def said(
    method: str = "GET",
    target: str = "/v1/status",
    *headers: tuple[bytes, bytes],
    host: bytes | None = OURS[1],
) -> str | None:
    given = [*headers, *([(b"host", host)] if host is not None else [])]
    refusal = refuse(method, target, given, ALLOWED)
    return None if refusal is None else refusal.code


@pytest.mark.parametrize(
    "host",
    [b"127.0.0.1:8642", b"localhost:8642", b"LOCALHOST:8642", b"[::1]:8642", b"tablet.lan:8642", b"Tablet.LAN:8642",
     b"10.0.0.4:9000", b"box.example", b"box.example:443", b" 127.0.0.1:8642 "],
)  # fmt: skip
def test_name_of_ours_goes_on(host: bytes) -> None:
    assert said(host=host) is None


@pytest.mark.parametrize(
    "host",
    [None, b"", b"evil.example", b"evil.example:8642", b"127.0.0.1", b"127.0.0.1:80", b"localhost", b"localhost:8643",
     b"127.0.0.1:8642.", b"127.0.0.1.:8642", b"localhost.:8642", b"127.0.0.1:08642 x", b"me@127.0.0.1:8642",
     b"127.0.0.1:8642@evil.example", b"127.0.0.1:8642, evil.example", b"127.0.0.1:8642/", b"127.0.0.1:8642#",
     b"::1:8642", b"[::1]", b"[::ffff:127.0.0.1]:8642", b"[0:0:0:0:0:0:0:1]:8642", b"127.1:8642", b"2130706433:8642",
     b"0.0.0.0:8642", b"0x7f.0.0.1:8642", b"127.0.0.1.nip.io:8642", b"tablet.lan", b"tablet.lan:443",
     b"xtablet.lan:8642", b"10.0.0.4:8642",
     b"box.example:8642", b"box.example:80", b"127.0.0.1:", b":8642", b"127.0.0.1:99999", b"\xff\xfe:8642", b"*", LONG],
)  # fmt: skip
def test_foreign_or_unclear_name_is_refused(host: bytes | None) -> None:
    assert said(host=host) == "refused_host"


def test_two_names_are_refused_although_both_are_ours() -> None:
    assert said("GET", "/", (b"host", b"localhost:8642")) == "refused_host"


@pytest.mark.parametrize("name", [b"x-forwarded-host", b"x-host", b"forwarded", b"x-original-host"])
def test_name_in_another_header_counts_for_nothing(name: bytes) -> None:
    assert said("GET", "/", (name, b"127.0.0.1:8642"), host=b"evil.example") == "refused_host"
    assert said("GET", "/", (name, b"evil.example")) is None


@pytest.mark.parametrize(
    "origin",
    [b"http://127.0.0.1:8642", b"http://localhost:8642", b"http://[::1]:8642", b"https://box.example",
     b"https://box.example:443", b"http://10.0.0.4:9000"],
)  # fmt: skip
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_origin_of_ours_goes_on(origin: bytes, method: str) -> None:
    assert said(method, "/v1/entries", (b"origin", origin)) is None


@pytest.mark.parametrize(
    "origin",
    [b"null", b"", b"http://evil.example", b"https://127.0.0.1:8642", b"http://127.0.0.1", b"http://127.0.0.1:8643",
     b"http://localhost", b"http://localhost.:8642", b"http://127.0.0.1:8642.evil.example", b"http://127.0.0.1:8642/",
     b"http://evil@127.0.0.1:8642", b"http://evil.example#127.0.0.1:8642", b"127.0.0.1:8642", b"//127.0.0.1:8642",
     b"file://", b"http://", b"http://box.example", b"http://box.example:443", b"chrome-extension://abc",
     b"http://127.0.0.1:8642 http://evil.example", b"HTTP://127.0.0.1:8642", b"\xff", b"http://" + LONG],
)  # fmt: skip
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT"])
def test_foreign_or_unclear_origin_is_refused(origin: bytes, method: str) -> None:
    assert said(method, "/v1/entries", (b"origin", origin)) == "refused_origin"


def test_two_origins_are_refused() -> None:
    ours = (b"origin", b"http://127.0.0.1:8642")
    assert said("POST", "/", ours, ours) == "refused_origin"


VISIT = ((b"sec-fetch-mode", b"navigate"), (b"sec-fetch-dest", b"document"))


@pytest.mark.parametrize("site", [b"cross-site", b"same-site", b"", b"anything"])
def test_request_of_another_site_is_refused(site: bytes) -> None:
    """`same-site` too: another port of this machine is somebody else's page."""
    came = (b"sec-fetch-site", site)
    assert said("GET", "/v1/status", came) == "refused_origin"
    assert said("GET", "/", came) == "refused_origin"
    assert (
        said("GET", "/", came, (b"sec-fetch-mode", b"no-cors"), (b"sec-fetch-dest", b"image"))
        == "refused_origin"
    )
    assert said("GET", "/", came, VISIT[0], (b"sec-fetch-dest", b"iframe")) == "refused_origin"
    assert said("POST", "/", came, *VISIT) == "refused_origin"
    assert said("GET", "/v1/status", came, *VISIT) == "refused_origin"
    assert said("GET", "/metrics", came, *VISIT) == "refused_origin"


@pytest.mark.parametrize("site", [b"cross-site", b"same-site", b"none", b"same-origin"])
def test_person_may_follow_a_link_to_the_page(site: bytes) -> None:
    assert said("GET", "/open/x", (b"sec-fetch-site", site), *VISIT) is None


COOKIE = (b"cookie", b"fieldsync_x=y")


@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_change_by_cookie_must_say_that_it_comes_from_this_page(method: str) -> None:
    assert said(method, "/leave", COOKIE) == "refused_origin"
    assert said(method, "/leave", COOKIE, (b"sec-fetch-site", b"none")) == "refused_origin"
    assert said(method, "/leave", COOKIE, (b"referer", b"http://127.0.0.1:8642/")) == "refused_origin"
    assert said(method, "/leave", COOKIE, (b"sec-fetch-site", b"same-origin")) is None
    assert said(method, "/leave", COOKIE, (b"origin", b"http://127.0.0.1:8642")) is None
    assert said(method, "/leave", COOKIE, (b"authorization", b"Bearer x")) is None, "the token decides then"


def test_reading_by_cookie_needs_no_origin() -> None:
    """Browsers send none with a GET."""
    assert said("GET", "/", COOKIE) is None
    assert said("HEAD", "/", COOKIE) is None


@pytest.mark.parametrize(
    "method", ["OPTIONS", "TRACE", "CONNECT", "DELETE", "PATCH", "PROPFIND", "get", "", "GET "]
)
def test_other_methods_are_refused(method: str) -> None:
    assert said(method, "/v1/status") == "method_not_allowed"


@pytest.mark.parametrize("header", [b"x-http-method-override", b"x-http-method", b"x-method-override"])
def test_method_in_a_header_counts_for_nothing(header: bytes) -> None:
    assert said("GET", "/", (header, b"POST"), COOKIE) is None
    assert said("POST", "/", (header, b"GET"), COOKIE) == "refused_origin"


@pytest.mark.parametrize(
    "target",
    ["", "*", "//evil", "//127.0.0.1:8642/", "http://evil.example/v1/status", "http://127.0.0.1:8642/v1/status",
     "/\\evil", "\\", "/v1%2fstatus", "/v1%2Fstatus", "/%5cevil", "/v1/%00", "/v1/../x", "/v1/./x", "/..", "/.",
     "/%2e%2e/x", "/%2E./x",
     "/v1//status", "/v1/ x", "/v1/\tx", "/v1/\x7f", "v1/status", "evil.example:80"],
)  # fmt: skip
def test_path_that_two_readers_would_read_differently_is_refused(target: str) -> None:
    assert said("GET", target) == "refused_target"


@pytest.mark.parametrize(
    "target", ["/", "/v1/entries/40b234ba", "/open/a-b_c", "/x.y/..z", "/%C3%A9", "/a%20b", "/~"]
)
def test_plain_path_goes_on(target: str) -> None:
    assert said("GET", target) is None


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_listening_everywhere_gives_no_other_machine_a_name(host: str) -> None:
    allowed = Allowed.of(own_names(host, []), 8642)
    assert allowed.host("127.0.0.1:8642")
    assert not allowed.host("192.168.1.5:8642")
    assert not allowed.host(f"{host}:8642")


@pytest.mark.parametrize(
    ("host", "named"), [("192.168.1.5", "192.168.1.5:8642"), ("fd00::4", "[fd00::4]:8642")]
)
def test_listening_at_one_address_makes_it_a_name(host: str, named: str) -> None:
    allowed = Allowed.of(own_names(host, []), 8642)
    assert allowed.host(named)
    assert allowed.origin(f"http://{named}")


def test_nobody_is_answered_where_nothing_is_allowed() -> None:
    refusal = refuse("GET", "/", [OURS], Allowed())
    assert refusal is not None
    assert refusal.code == "refused_host"


# The guard before the whole application.


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with desk_in(tmp_path) as made:
        yield made


@pytest.fixture
def app(desk: Desk) -> FastAPI:
    return create_app(desk)


def test_every_answer_has_the_safe_headers_and_no_cors(desk: Desk, app: FastAPI) -> None:
    stranger, known = browser(desk, app=app), program(desk, app=app)
    code = desk.access.new_link(OPS).code.reveal()
    answers = [
        known.get("/v1/status"), known.get("/v1/none"), known.post("/v1/status"), known.get("/openapi.json"),
        stranger.get("/"), stranger.get("/v1/status"), stranger.get("/open/x"), stranger.get(f"/open/{code}"),
        stranger.post(f"/open/{code}"), stranger.post("/leave"), known.get("/", headers={"Host": "evil"}),
        known.get("/", headers={"Origin": "http://evil.example"}), known.options("/v1/status"),
    ]  # fmt: skip
    assert {answer.status_code for answer in answers} >= {200, 303, 401, 403, 404, 405, 410, 421}
    for answer in answers:
        policy = answer.headers["content-security-policy"]
        assert "unsafe" not in policy
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "same-origin"
        assert answer.headers["cross-origin-resource-policy"] == "same-origin"
        assert answer.headers["cross-origin-opener-policy"] == "same-origin"
        assert answer.headers["cache-control"] == "no-store"
        assert not [name for name in answer.headers if name.startswith("access-control-")]
        assert "server" not in answer.headers


def test_route_may_set_how_long_its_answer_is_kept_and_nothing_else(desk: Desk) -> None:
    app = FastAPI()

    @app.get("/static/x")
    def kept() -> object:
        from starlette.responses import Response

        return Response(headers={"cache-control": "max-age=60", "content-security-policy": "default-src *"})

    app.add_middleware(Guard, desk=desk, stranger=entering.stranger)
    answer = browser(desk, app=app).get("/static/x")
    assert answer.headers["cache-control"] == "max-age=60"
    assert answer.headers.get_list("content-security-policy") == [answer.headers["content-security-policy"]]
    assert "*" not in answer.headers["content-security-policy"]


WRONG_TOKENS = {
    "none": {},
    "empty": {"Authorization": ""},
    "word alone": {"Authorization": "Bearer"},
    "wrong": {"Authorization": "Bearer " + "0" * 64},
    "another scheme": {"Authorization": "Basic {token}"},
    "without the word": {"Authorization": "{token}"},
    "twice in one": {"Authorization": "Bearer {token}, Bearer {token}"},
    "in the address": {},
    "in another header": {"X-Authorization": "Bearer {token}"},
    "not ASCII": {"Authorization": "Bearer é"},
}


@pytest.mark.parametrize("given", WRONG_TOKENS.values(), ids=WRONG_TOKENS)
def test_who_brings_no_good_token_is_told_so(desk: Desk, app: FastAPI, given: dict[str, str]) -> None:
    token = desk.access.bearer().reveal()
    client = browser(desk, app=app)
    headers = {name: value.format(token=token).encode("latin-1") for name, value in given.items()}
    answer = client.get("/v1/status", params={"token": token}, headers=headers)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert answer.json()["error"]["code"] == "unauthorized"
    assert token not in answer.text


def test_wrong_token_is_not_made_good_by_a_cookie(desk: Desk, app: FastAPI) -> None:
    client = browser(desk, OPS, app=app)
    assert client.get("/v1/status").status_code == 200
    assert client.get("/v1/status", headers={"Authorization": "Bearer wrong"}).status_code == 401


def test_cookie_of_another_outbox_beside_ours_harms_nothing(desk: Desk, app: FastAPI) -> None:
    """Browsers send the cookies of every port of a host."""
    client = browser(desk, OPS, app=app)
    client.cookies.set("fieldsync_ffffffff", "other")
    assert client.get("/v1/status").status_code == 200


@pytest.mark.parametrize(
    "path", ["/", "/ops", "/v1/anything", "/nowhere", "/Healthz", "/open", "/static", "/docsx"]
)
def test_what_is_not_named_open_is_closed_to_strangers(desk: Desk, app: FastAPI, path: str) -> None:
    assert browser(desk, app=app).get(path).status_code == 401


def test_stranger_gets_a_calm_page_where_a_page_was_asked_for(desk: Desk, app: FastAPI) -> None:
    answer = browser(desk, app=app).get("/", headers={"Accept-Language": "en"})
    assert answer.status_code == 401
    assert "fieldsync open" in answer.text
    assert "still there" in answer.text
    assert "<script" not in answer.text
    assert "style=" not in answer.text


@pytest.mark.parametrize("wanted", list(Scope))
@pytest.mark.parametrize("given", list(Scope))
def test_route_wants_its_scope(desk: Desk, given: Scope, wanted: Scope) -> None:
    app = create_app(desk)

    @app.get("/v1/told", dependencies=[Depends(may(wanted))])
    def told(request: Request) -> object:
        return request.state.visitor.to_json()

    visitor = Visitor(frozenset({given}), "anne.martin")
    answer = program(desk, visitor, app=app).get("/v1/told")
    if given is wanted:
        assert answer.json() == visitor.to_json()
    else:
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "forbidden")
        assert wanted in answer.json()["error"]["message"]


COOKIES = {
    "alone": ("{name}={cookie}", 200),
    "among others": ("a=1; {name}={cookie}; b=2", 200),
    "after one that another page set": ("{name}=planted; {name}={cookie}", 200),
    "of a longer name": ("x{name}={cookie}", 401),
    "after very many": ("{name}=x; " * 50 + "{name}={cookie}", 401),
    "cut": ("{name}={cookie:.20}", 401),
    "without a value": ("{name}", 401),
    "not text": ("é=é; ;;=;{name}=\x01", 401),
}


@pytest.mark.parametrize(("header", "status"), COOKIES.values(), ids=COOKIES)
def test_cookie_is_found_as_browsers_send_it(desk: Desk, app: FastAPI, header: str, status: int) -> None:
    cookie, _ = desk.access.new_session(OPS)
    sent = header.format(name=desk.access.cookie_name, cookie=cookie.reveal())
    answer = browser(desk, app=app).get("/v1/status", headers={"Cookie": sent.encode("latin-1")})  # type: ignore[dict-item]
    assert answer.status_code == status


def test_what_a_route_raises_is_told_and_not_printed(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    app = create_app(desk)

    @app.get("/v1/none")
    def none() -> None:
        raise EntryNotFound("no entry's id ends in 'x'")

    @app.get("/v1/bug")
    def bug() -> None:
        raise ValueError("c4n4ry")

    client = program(desk, app=app)
    with caplog.at_level(logging.DEBUG):
        assert client.get("/v1/none").status_code == 404
        answer = client.get("/v1/bug")
    assert answer.status_code == 500
    assert answer.json()["error"]["code"] == "unexpected"
    assert "c4n4ry" not in answer.text + caplog.text
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_socket_of_another_kind_is_closed(desk: Desk, app: FastAPI) -> None:
    sent: list[Message] = []

    async def talk() -> None:
        async def receive() -> Message:
            return {"type": "websocket.connect"}

        async def send(message: Message) -> None:
            sent.append(message)

        scope = {"type": "websocket", "path": "/v1/events", "headers": [(b"host", HOST.encode())]}
        await Guard(app, desk=desk, stranger=entering.stranger)(scope, receive, send)

    asyncio.run(talk())
    assert sent == [{"type": "websocket.close", "code": 1008}]


def lines(caplog: pytest.LogCaptureFixture) -> list[tuple[int, dict[str, object]]]:
    return [
        (record.levelno, record.__dict__["fieldsync_fields"])
        for record in caplog.records
        if record.__dict__.get("fieldsync_event") == events.REQUEST_ENDED
    ]


def test_log_has_method_route_status_and_time_and_nothing_that_was_sent(
    desk: Desk, app: FastAPI, caplog: pytest.LogCaptureFixture
) -> None:
    code = desk.access.new_link(OPS).code.reveal()
    client = browser(desk, technician("c4n4ry-owner"), app=app)
    cookie = client.cookies[desk.access.cookie_name]
    with caplog.at_level(logging.DEBUG):
        client.get("/v1/entries?q=c4n4ry-query", headers={"X-Note": "c4n4ry-header"})
        client.get(f"/open/{code}?c4n4ry-query")
        client.post(f"/open/{code}", content=b"c4n4ry-body")
        client.get("/v1/c4n4ry-path")
        client.get("/", headers={"Host": "c4n4ry-host"})
    told = lines(caplog)
    assert [(level, each["method"], each["route"], each["status"]) for level, each in told] == [
        (logging.DEBUG, "GET", "/v1/entries", 200),
        (logging.DEBUG, "GET", "/open/{code}", 200),
        (logging.INFO, "POST", "/open/{code}", 303),
        (logging.DEBUG, "GET", None, 404),
        (logging.INFO, "GET", None, 421),
    ]
    assert all(set(each) == {"method", "route", "status", "duration_ms"} for _, each in told)
    ours = "\n".join(record.getMessage() for record in caplog.records if record.name.startswith("sync"))
    for secret in ("c4n4ry", code, cookie, desk.access.bearer().reveal()):
        assert secret not in ours


def test_method_that_nobody_knows_is_not_repeated_in_the_log(
    desk: Desk, app: FastAPI, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        assert program(desk, app=app).request("C4N4RY", "/v1/status").status_code == 405
    ((_, told),) = lines(caplog)
    assert told["method"] == "other"


# The door.


def test_link_shows_a_button_and_only_the_button_lets_in(desk: Desk, app: FastAPI) -> None:
    code = desk.access.new_link(technician("anne.martin")).code.reveal()
    client = browser(desk, app=app)
    for _ in range(2):  # a preview, then the person
        shown = client.get(f"/open/{code}")
        assert shown.status_code == 200
        assert "set-cookie" not in shown.headers
        assert "anne.martin" in shown.text
        assert '<form method="post"' in shown.text
        assert "<script" not in shown.text
    assert client.get("/v1/status").status_code == 401
    entered = client.post(f"/open/{code}")
    assert (entered.status_code, entered.headers["location"]) == (303, "/")
    assert client.get("/v1/status").status_code == 200
    again = client.post(f"/open/{code}")
    assert again.status_code == 410
    assert "set-cookie" not in again.headers


def test_cookie_is_for_this_site_alone_and_closed_to_scripts(desk: Desk, app: FastAPI) -> None:
    code = desk.access.new_link(OPS).code.reveal()
    entered = browser(desk, app=app).post(f"/open/{code}")
    assert entered.headers["location"] == "/ops"
    name, *flags = entered.headers["set-cookie"].split("; ")
    assert name.startswith(f"fieldsync_{desk.database.folder.marked_id()[:8]}=")  # type: ignore[index]
    assert {flag.lower() for flag in flags} == {"httponly", "max-age=2592000", "path=/", "samesite=strict"}


def test_who_leaves_is_out_and_so_is_a_copy_of_the_cookie(desk: Desk, app: FastAPI) -> None:
    client, thief = browser(desk, OPS, app=app), browser(desk, app=app)
    thief.cookies.update(client.cookies)
    left = client.post("/leave")
    assert left.status_code == 200
    assert "max-age=0" in left.headers["set-cookie"].lower()
    assert client.get("/v1/status").status_code == 401
    assert thief.get("/v1/status").status_code == 401


def test_being_asked_whether_to_leave_changes_nothing(desk: Desk, app: FastAPI) -> None:
    client = browser(desk, OPS, app=app)
    asked = client.get("/leave")
    assert (asked.status_code, '<form method="post"' in asked.text) == (200, True)
    assert "set-cookie" not in asked.headers
    assert client.get("/v1/status").status_code == 200


@pytest.mark.parametrize("visitor", [technician("anne"), technician(None), OPS])
def test_every_page_leads_to_leaving_and_the_door_does_not(
    desk: Desk, app: FastAPI, visitor: Visitor
) -> None:
    client = browser(desk, visitor, app=app)
    for path in ["/", "/new", *(["/ops", "/ops/entries"] if visitor.everyone else [])]:
        assert 'href="/leave"' in client.get(path).text, path
    for path in ("/leave", "/open/x"):
        assert 'href="/leave"' not in client.get(path).text, path


def test_both_languages_of_the_door_have_the_same_keys_and_values() -> None:
    assert list(door_french.WORDS) == list(door_english.WORDS)
    for key, text in door_french.WORDS.items():
        assert re.findall(r"{\w+}", text) == re.findall(r"{\w+}", door_english.WORDS[key]), key


def test_page_of_another_origin_throws_nobody_out(desk: Desk, app: FastAPI) -> None:
    client = browser(desk, OPS, app=app)
    assert client.post("/leave", headers={"Origin": "http://evil.example"}).status_code == 403
    assert client.get("/v1/status").status_code == 200


def test_owner_that_looks_like_markup_is_shown_as_text(desk: Desk, app: FastAPI) -> None:
    code = desk.access.new_link(technician("<b>x</b>")).code.reveal()
    assert "&lt;b&gt;x&lt;/b&gt;" in browser(desk, app=app).get(f"/open/{code}").text
