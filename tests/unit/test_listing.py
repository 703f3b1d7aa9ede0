"""A list is complete only where it is: pages, totals, caps, servers that ignore page numbers, and refusals."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sync.exchange import Exchange, Failure, FailureKind, Reply
from sync.listing import INCOMPLETE, UNAVAILABLE, UNREACHABLE, Listing, NoPage, Page, read_detail, read_page
from sync.policy import HostNews


def page(*numbers: int, asked: int = 3, total: int | None = None, **more: Any) -> Page:
    return Page(tuple({"id": number, **more} for number in numbers), asked, total)


def read(*pages: Page, newest_first: bool = False, needed_from: int | None = None) -> Listing:
    listing = Listing()
    for each in pages:
        assert not listing.ended, "a page too many was asked for"
        listing.add(each, newest_first=newest_first, needed_from=needed_from)
    return listing


@pytest.mark.parametrize(
    ("pages", "complete", "unpaged"),
    [
        pytest.param([page()], True, False, id="empty"),
        pytest.param([page(1, 2, 3)], False, False, id="may go on"),
        pytest.param([page(1, 2)], False, False, id="short page is no end: the server may cap its pages"),
        pytest.param([page(1, 2, 3), page(4), page()], True, False, id="read to the empty page"),
        pytest.param([page(1, 2, 3, total=3)], False, False, id="a total may be that of the page"),
        pytest.param(
            [page(1, 2, 3, total=5), page(4, 5, total=5), page(total=5)], True, False, id="with totals"
        ),
        pytest.param([page(1, 2, 3, total=5), page(total=5)], False, False, id="the server counts more"),
        pytest.param([page(1, 2), page(1, 2)], True, True, id="the same again"),
        pytest.param(
            [page(1, 2, total=9), page(1, 2, total=9)], False, True, id="the same, and it counts more"
        ),
        pytest.param([page(1, 2, 3), page(2, 3, 4), page()], True, False, id="something new came in between"),
    ],
)
def test_list_is_complete_only_when_it_is(pages: list[Page], complete: bool, unpaged: bool) -> None:
    listing = read(*pages)
    assert (listing.complete, listing.unpaged) == (complete, unpaged)


def test_list_longer_than_it_may_be_proves_nothing() -> None:
    listing = Listing(most=3)
    listing.add(page(1, 2, 3, 4), newest_first=False, needed_from=None)
    assert listing.trouble == NoPage(INCOMPLETE, online=True)


def test_page_0_of_a_server_that_counts_from_0_is_taken_up() -> None:
    listing = read(page(3, 4), page())
    listing.add_first(page(1, 2))
    assert set(listing.items) == {1, 2, 3, 4}
    assert listing.complete


def test_item_without_an_id_makes_the_list_useless() -> None:
    """What cannot be named might be the one that is looked for."""
    listing = read(Page(({"id": 1}, {"id": "2"}), 3, 2), page())
    assert not listing.complete
    assert set(listing.items) == {1}


def test_newest_first_ends_before_the_time_that_matters() -> None:
    newer = page(9, 8, createdAt="2026-03-02T12:00:00Z")
    older = page(7, 6, createdAt="2026-03-02T11:00:00Z")
    needed_from = 1_772_452_800_000 - 1_800_000  # half past eleven
    assert not read(newer, newest_first=True, needed_from=needed_from).ended
    assert read(newer, older, newest_first=True, needed_from=needed_from).complete
    assert not read(newer, older, newest_first=False, needed_from=needed_from).ended


def test_newest_first_is_not_believed_where_the_page_shows_otherwise() -> None:
    mixed = Page(
        (
            {"id": 1, "createdAt": "2026-03-02T10:00:00Z"},
            {"id": 2, "createdAt": "2026-03-02T12:00:00Z"},
            {"id": 3, "createdAt": "2026-03-02T09:00:00Z"},
        ),
        3,
        None,
    )
    assert not read(mixed, newest_first=True, needed_from=1_772_452_800_000).ended


def answered(status: int, body: Any, *, secure: bool = True, **headers: str) -> Reply:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Reply(
        status, {name.replace("_", "-"): value for name, value in headers.items()}, content, secure=secure
    )


HTML = b"<html>sign in</html>"
NO_PAGES: list[Any] = [
    pytest.param(answered(401, {"message": "Unauthorized"}), UNAVAILABLE, True, HostNews.NONE, id="401"),
    pytest.param(answered(403, {"message": "token"}), UNAVAILABLE, True, HostNews.NONE, id="403"),
    pytest.param(answered(404, {}), UNAVAILABLE, True, HostNews.NONE, id="404"),
    pytest.param(answered(500, {}), UNAVAILABLE, True, HostNews.NONE, id="500"),
    pytest.param(answered(200, {"items": []}), UNAVAILABLE, True, HostNews.NONE, id="no data"),
    pytest.param(answered(200, {"data": {"id": 1}}), UNAVAILABLE, True, HostNews.NONE, id="data is no list"),
    pytest.param(answered(200, {"data": [1, 2]}), UNAVAILABLE, True, HostNews.NONE, id="no objects"),
    pytest.param(answered(200, []), UNAVAILABLE, True, HostNews.NONE, id="no object"),
    pytest.param(answered(200, b'{"data": ['), UNAVAILABLE, True, HostNews.NONE, id="broken"),
    pytest.param(answered(429, {}, retry_after="7"), UNAVAILABLE, True, HostNews.HELD, id="429"),
    pytest.param(answered(200, HTML), UNAVAILABLE, True, HostNews.NONE, id="page of our own gateway"),
    pytest.param(answered(200, HTML, secure=False), UNREACHABLE, False, HostNews.UNREACHABLE, id="portal"),
    pytest.param(answered(302, b""), UNREACHABLE, False, HostNews.UNREACHABLE, id="redirect"),
    pytest.param(answered(511, b""), UNREACHABLE, False, HostNews.UNREACHABLE, id="network sign-in"),
    pytest.param(
        Failure(FailureKind.CONNECT, False, ""), UNREACHABLE, False, HostNews.UNREACHABLE, id="no network"
    ),
    pytest.param(Failure(FailureKind.READ_TIMEOUT, True, ""), UNREACHABLE, False, HostNews.NONE, id="silent"),
]


@pytest.mark.parametrize(("exchange", "reason", "online", "news"), NO_PAGES)
def test_what_is_no_list_is_never_an_absence(
    exchange: Exchange, reason: str, online: bool, news: HostNews
) -> None:
    found = read_page(exchange, 50)
    assert isinstance(found, NoPage)
    assert (found.reason, found.online, found.news) == (reason, online, news)
    assert isinstance(read_detail(exchange), NoPage) or reason == UNAVAILABLE


def test_answer_that_was_cut_off_is_no_list() -> None:
    cut = Reply(200, {}, b'{"data": []}', body_complete=False)
    assert isinstance(read_page(cut, 50), NoPage)


def test_wait_that_the_server_names_is_kept() -> None:
    found = read_page(answered(429, {}, retry_after="7"), 50)
    assert isinstance(found, NoPage)
    assert found.wait_s == 7


def test_page_keeps_unknown_fields_and_the_count() -> None:
    body = {"data": [{"id": 1, "colour": "red"}], "totalCount": 9, "pagination": {"page": 1}}
    assert read_page(answered(200, body), 50) == Page(({"id": 1, "colour": "red"},), 50, 9)


@pytest.mark.parametrize("total", [True, -1, "9", None, 1.5])
def test_count_that_is_none_is_not_believed(total: Any) -> None:
    found = read_page(answered(200, {"data": [], "totalCount": total}), 50)
    assert isinstance(found, Page)
    assert found.total is None


def test_detail_adds_what_the_list_did_not_show() -> None:
    listing = read(page(1, 2), page())
    listing.detail(1, {"summary": {"name": "Ana"}, "rule": None})
    assert listing.items[1] == {"id": 1, "summary": {"name": "Ana"}}
