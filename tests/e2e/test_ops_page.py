"""The ops page as a browser without scripts uses it: every form, every refusal, and nothing that it must not show."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest

from storage import control
from sync.entrypoints.api.desk import Desk
from sync.visitor import OPS, Scope, Visitor, technician
from tests.support.local_api import browser, desk_in
from tests.support.scratch import URL, entry_id
from tests.support.stock import REFUSED_SITE, Stock, stocked

LOOKER = Visitor(frozenset({Scope.READ}), everyone=True)
REFUSED, OWES, LOST_URL, DELIVERED, DOUBTED, PARKED_DOUBT = 1, 19, 20, 21, 18, 32
PAGES = (
    "/ops", "/ops/fragment", "/ops/charts", "/ops/entries", "/ops/entries?state=needs_action",
    f"/ops/entries/{entry_id(REFUSED)}", f"/ops/entries/{entry_id(DELIVERED)}",
)  # fmt: skip
ORDERS = (
    "/ops/sync", "/ops/pause", "/ops/resume", "/ops/entries", "/ops/causes/0123456789abcdef",
    *(f"/ops/entries/{entry_id(REFUSED)}/{order}" for order in ("resync", "edit", "settle", "discard")),
)  # fmt: skip


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An outbox with something of everything, made once."""
    folder = tmp_path_factory.mktemp("template")
    with desk_in(folder) as made:
        stocked(made).close()
    return folder / "outbox"


@pytest.fixture
def desk(tmp_path: Path, template: Path) -> Iterator[Desk]:
    copytree(template, tmp_path / "outbox")
    with desk_in(tmp_path) as made:
        yield made


@pytest.fixture
def stock(desk: Desk) -> Iterator[Stock]:
    made = Stock(desk)
    yield made
    made.close()


@pytest.fixture
def page(desk: Desk, stock: Stock) -> Any:
    client = browser(desk, OPS)
    client.headers["Accept-Language"] = "en"
    return client


def text_of(answer: Any) -> str:
    """What a person reads, in one line."""
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", answer.text)).split())


def followed(page: Any, answer: Any) -> Any:
    assert answer.status_code == 303, text_of(answer)
    return page.get(answer.headers["location"])


def cause_of(page: Any, words: str) -> tuple[str, dict[str, str]]:
    """Where the cause with these words is let go, and what its form holds."""
    board = page.get("/ops").text
    item = next(each for each in board.split("<li ") if words in unescape(each))
    link = re.search(r'href="(/ops/causes/\w+)"', item)
    assert link is not None
    form = page.get(link[1]).text
    return link[1], dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', form))


def dump(desk: Desk) -> list[Any]:
    """Everything that the outbox holds."""
    with desk.database.read() as transaction:
        names = [
            row[0]
            for row in transaction.cursor.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        ]
        return [(name, transaction.cursor.execute(f"SELECT * FROM {name}").fetchall()) for name in names]


# What is shown


def test_overview_counts_and_groups_by_cause(page: Any) -> None:
    text = text_of(page.get("/ops"))

    assert "19 interventions need a person" in text
    assert "14 \N{MULTIPLICATION SIGN} siteIds: site # is unknown" in text
    assert "3 \N{MULTIPLICATION SIGN} ruleIds: rule # does not belong to this company" in text
    assert "Delivered today" in text


@pytest.mark.parametrize("path", PAGES)
def test_looking_changes_nothing(desk: Desk, page: Any, path: str) -> None:
    before = dump(desk)

    assert page.get(path).status_code == 200
    assert dump(desk) == before


@pytest.mark.parametrize("path", PAGES)
def test_pages_hold_no_inline_style_or_script(page: Any, path: str) -> None:
    text = page.get(path).text

    assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)|javascript:", text)


@pytest.mark.parametrize("path", [path for path in PAGES if "entries/" not in path])
def test_overview_and_list_name_nobody_who_was_there(page: Any, path: str) -> None:
    text = page.get(path).text

    assert not re.search("Nguyễn|Zoé|zoe@example|Extinguishers", text)


def test_entry_tells_its_story_without_secrets(stock: Stock, page: Any) -> None:
    text = text_of(page.get(f"/ops/entries/{entry_id(LOST_URL)}"))

    assert "The server has it as 4712" in text
    assert "Nguyễn" in text
    assert URL.partition("?")[2] not in text


def test_what_others_wrote_is_text_and_stays_text(stock: Stock, page: Any) -> None:
    """A server, or whoever answers in its place, sends markup; so does a technician."""
    stock.put(50, owner='<b onmouseover="x">eve</b>', payload='{"comment":"</textarea><script>x</script>"}')
    stock.refuse(50, '{"message":"<img src=x onerror=alert(1)> is unknown"}')
    paths = (
        "/ops",
        "/ops/entries",
        f"/ops/entries/{entry_id(50)}",
        "/ops/entries?q=%22%3E%3Cscript%3E",
        "/ops?did=%3Cb%3E",
    )

    text = "".join(page.get(path).text for path in paths)

    assert not re.search(r"<script>|<img src=x|<b ", text)
    assert "&lt;/textarea&gt;" in text


def test_page_speaks_the_visitors_language(page: Any) -> None:
    page.headers["Accept-Language"] = "fr"

    assert "19 interventions sont à traiter" in text_of(page.get("/ops"))
    assert "La relancer" in text_of(page.get(f"/ops/entries/{entry_id(LOST_URL)}"))


def test_entry_is_found_by_the_end_of_its_id_and_missing_ones_are_told(page: Any) -> None:
    assert page.get("/ops/entries/00000020").status_code == 200
    assert page.get(f"/ops/entries/{entry_id(999)}").status_code == 404


# Who may


@pytest.mark.parametrize("path", PAGES)
def test_who_sees_only_their_own_has_no_business_here(desk: Desk, stock: Stock, path: str) -> None:
    own = browser(desk, technician("alice"))
    all_scopes = browser(desk, Visitor(frozenset(Scope), owner="alice"))

    assert [each.get(path).status_code for each in (own, all_scopes)] == [403, 403]


@pytest.mark.parametrize("path", ORDERS)
def test_orders_need_the_scope_control(desk: Desk, stock: Stock, path: str) -> None:
    before = dump(desk)

    assert browser(desk, LOOKER).post(path, data={"sure": "1", "why": "x"}).status_code == 403
    assert browser(desk, Visitor(frozenset(Scope), owner="alice")).post(path).status_code == 403
    assert dump(desk) == before


@pytest.mark.parametrize("path", ["/ops", "/ops/entries", f"/ops/entries/{entry_id(PARKED_DOUBT)}"])
def test_who_may_only_look_is_offered_no_order(desk: Desk, stock: Stock, path: str) -> None:
    text = browser(desk, LOOKER).get(path).text

    assert 'method="post" action="/ops/' not in text.replace('action="/ops/entries" id="chosen"', "")
    assert "<button" not in text.replace('data-testid="filter"', "") or path == "/ops/entries"


# Orders about the queue


def test_pause_says_why_and_resume_ends_it(desk: Desk, page: Any) -> None:
    paused = followed(page, page.post("/ops/pause", data={"reason": "<server> upgrade"}))
    again = followed(page, page.post("/ops/pause", data={"reason": "<server> upgrade"}))
    resumed = followed(page, page.post("/ops/resume"))
    twice = followed(page, page.post("/ops/resume"))

    assert "&lt;server&gt; upgrade" in paused.text
    assert "Delivery is paused" in text_of(again)
    assert "Delivery goes on." in text_of(resumed)
    assert "Delivery was not paused." in text_of(twice)
    with desk.database.read() as transaction:
        assert control.get(transaction, control.PAUSE) is None


def test_sync_now_forgets_the_waits_and_says_where_nobody_works(desk: Desk, stock: Stock, page: Any) -> None:
    stock.edit(35, due_at=stock.now + 3_600_000)

    told = followed(page, page.post("/ops/sync"))

    assert stock.row(35)["due_at"] == 0
    assert "no worker is running" in text_of(told)


# Letting go


def test_cause_is_let_go_after_a_page_that_says_how_many(stock: Stock, page: Any) -> None:
    link, form = cause_of(page, "site # is unknown")
    asked = text_of(page.get(link))

    told = followed(page, page.post(link, data=form))

    assert "Let 14 entries go on?" in asked
    assert "14 are tried again." in text_of(told)
    assert [stock.state(number) for number in (1, 14, 15)] == ["pending", "pending", "dead"]


def test_cause_that_is_let_go_twice_does_nothing_the_second_time(desk: Desk, page: Any) -> None:
    link, form = cause_of(page, "site # is unknown")
    page.post(link, data=form)
    before = dump(desk)

    again = page.post(link, data=form)

    assert (again.status_code, dump(desk) == before) == (409, True)
    assert "Nothing was done" in text_of(again)


def test_cause_with_another_number_by_now_is_asked_for_again(desk: Desk, stock: Stock, page: Any) -> None:
    """Ops looks at fourteen; while they read, a fifteenth is refused for the same cause."""
    link, form = cause_of(page, "site # is unknown")
    stock.refuse(33, REFUSED_SITE)
    before = dump(desk)

    asked = page.post(link, data=form)

    assert (asked.status_code, dump(desk) == before) == (409, True)
    assert "You confirmed 14; by now it is 15. Nothing was done" in text_of(asked)
    assert 'name="expected" value="15"' in asked.text


def test_cause_is_let_go_only_as_the_one_that_was_shown(desk: Desk, page: Any) -> None:
    link, form = cause_of(page, "site # is unknown")
    before = dump(desk)

    for change in ({"reason": "other"}, {"kind": "curative"}, {"expected": ""}):
        assert page.post(link, data={**form, **change}).status_code == 409
    assert dump(desk) == before


def test_chosen_entries_go_on_and_the_list_stays_as_it_was(stock: Stock, page: Any) -> None:
    form = {"ids": [entry_id(1), entry_id(15), entry_id(21)], "back": "state=dead&older=" + entry_id(16)}

    answer = page.post("/ops/entries", data=form)

    assert answer.headers["location"].startswith(f"/ops/entries?state=dead&older={entry_id(16)}&did=")
    assert "2 are tried again. 1 was left alone" in text_of(page.get(answer.headers["location"]))
    assert [stock.state(number) for number in (1, 15, 21)] == ["pending", "pending", "done"]


@pytest.mark.parametrize(
    "back", ["//evil.example", "https://evil.example/", "state=dead\r\nX: y", "\\\\evil"]
)
def test_list_leads_nowhere_else(page: Any, back: str) -> None:
    where = page.post("/ops/entries", data={"back": back}).headers["location"]

    assert re.fullmatch(r"/ops/entries\?(state=dead&)?did=nothing_chosen", where)


# The list


def test_pages_follow_each_other_without_gap_and_lead_back(stock: Stock, page: Any) -> None:
    for number in range(60, 180):
        stock.put(number, owner="carol")
    where, seen = "/ops/entries?owner=carol&kind=unplanned-preventive", []

    pages = []
    while where:
        found = page.get(where).text
        pages.append(re.findall(r'<tr data-id="([^"]+)"', found))
        seen += pages[-1]
        older = re.search(r'rel="next"[^>]*href="([^"]+)"', found)
        newer = re.search(r'rel="prev"[^>]*href="([^"]+)"', found)
        where = unescape(older[1]) if older else ""
    assert newer is not None
    back = page.get(unescape(newer[1])).text

    assert seen == [entry_id(number) for number in range(179, 59, -1)]
    assert re.findall(r'<tr data-id="([^"]+)"', back) == pages[-2]
    assert 'value="carol"' in back


@pytest.mark.parametrize(
    ("query", "numbers"),
    [
        ("state=in_doubt", [18]),
        ("state=needs_action&reason=arrival_unknown", [32]),
        ("q=4711", [19]),
        ("q=00000033", [33]),
        ("owner=-&state=dead", [14, 11, 8, 5, 2, 17]),
        ("state=done&since=2199-01-01", []),
        ("kind=curative", []),
    ],
)
def test_list_is_narrowed_by_its_address(page: Any, query: str, numbers: list[int]) -> None:
    found = re.findall(r'<tr data-id="([^"]+)"', page.get(f"/ops/entries?{query}").text)

    assert sorted(found) == sorted(entry_id(number) for number in numbers)


def test_filter_that_means_nothing_is_told_and_left_out(page: Any) -> None:
    text = text_of(page.get("/ops/entries?state=nonsense&since=yesterday"))

    assert "“State” was left out" in text
    assert "“Captured” was left out" in text
    assert "40 entries, newest first" in text


# One entry


def test_entry_is_edited_and_goes_on(stock: Stock, page: Any) -> None:
    path = f"/ops/entries/{entry_id(REFUSED)}"
    shown = unescape(re.search(r"<textarea[^>]*>\n(.*?)</textarea>", page.get(path).text, re.DOTALL)[1])

    told = followed(
        page, page.post(f"{path}/edit", data={"data": shown.replace("east", "west"), "go_on": "1"})
    )
    again = followed(page, page.post(f"{path}/edit", data={"data": shown.replace("east", "west")}))

    assert "It is changed, and goes on." in text_of(told)
    assert "provider.comment" in text_of(told)
    assert "It says that already" in text_of(again)
    assert "west gate" in stock.row(REFUSED)["payload"]
    assert stock.state(REFUSED) == "pending"


@pytest.mark.parametrize("typed", ['{"companyId": "seven", "mine": "<kept>"}', "no JSON <at> all", ""])
def test_refused_edit_keeps_what_was_typed(desk: Desk, page: Any, typed: str) -> None:
    before = dump(desk)

    answer = page.post(f"/ops/entries/{entry_id(REFUSED)}/edit", data={"data": typed})

    assert (answer.status_code, dump(desk) == before) == (422, True)
    shown = re.search(r"<textarea[^>]*>\n(.*?)</textarea>", answer.text, re.DOTALL)
    assert shown is not None
    assert unescape(shown[1]) == typed
    assert "Nothing was changed" in text_of(answer)


def test_entry_that_may_have_arrived_is_not_edited(desk: Desk, page: Any) -> None:
    before = dump(desk)

    answer = page.post(f"/ops/entries/{entry_id(DOUBTED)}/edit", data={"data": "{}"})

    assert (answer.status_code, dump(desk) == before) == (409, True)
    assert "<textarea" not in answer.text


SETTLED = {
    "arrived": (PARKED_DOUBT, "settle", {"choice": "arrived", "server_id": "815"}, "accepted"),
    "not arrived": (PARKED_DOUBT, "settle", {"choice": "not_arrived"}, "pending"),
    "unsigned": (LOST_URL, "settle", {"choice": "unsigned"}, "done"),
    "given up": (REFUSED, "discard", {"why": "twice in the file"}, "discarded"),
}


@pytest.mark.parametrize("case", SETTLED)
def test_order_that_cannot_be_undone_needs_the_ticked_box(
    desk: Desk, stock: Stock, page: Any, case: str
) -> None:
    number, order, form, state = SETTLED[case]
    path, before = f"/ops/entries/{entry_id(number)}/{order}", dump(desk)

    unsure = page.post(path, data=form)
    assert (unsure.status_code, dump(desk) == before) == (422, True)
    assert "Tick the box" in text_of(unsure)

    followed(page, page.post(path, data={**form, "sure": "1"}))
    assert stock.state(number) == state


def test_order_that_was_carried_out_is_refused_the_second_time(desk: Desk, stock: Stock, page: Any) -> None:
    path, form = f"/ops/entries/{entry_id(REFUSED)}/discard", {"why": "twice in the file", "sure": "1"}
    told = followed(page, page.post(path, data=form))
    before = dump(desk)

    again = page.post(path, data=form)

    assert "It is given up." in text_of(told)
    assert (again.status_code, dump(desk) == before) == (409, True)


def test_reason_that_was_typed_is_kept_where_giving_up_is_refused(page: Any) -> None:
    answer = page.post(f"/ops/entries/{entry_id(REFUSED)}/discard", data={"why": 'said "twice"'})

    assert 'value="said &#34;twice&#34;"' in answer.text


@pytest.mark.parametrize("number", ["", "0", "-1", "seven", "9" * 30])
def test_server_id_that_no_server_gives_is_refused(desk: Desk, page: Any, number: str) -> None:
    before = dump(desk)
    form = {"choice": "arrived", "server_id": number, "sure": "1"}

    answer = page.post(f"/ops/entries/{entry_id(PARKED_DOUBT)}/settle", data=form)

    assert (answer.status_code, dump(desk) == before) == (422, True)
    assert "A server id is a whole number above zero." in text_of(answer)


def test_address_for_a_signature_is_shown_nowhere_again(desk: Desk, page: Any) -> None:
    secret = "https://evil.example/image?X-Amz-Signature=0ddba11cafe"  # not where signatures may go
    form = {"choice": "upload_url", "upload_url": secret}

    answer = page.post(f"/ops/entries/{entry_id(LOST_URL)}/settle", data=form)

    assert answer.status_code == 422
    assert "0ddba11cafe" not in answer.text


def test_resync_of_one_releases_it_to_where_it_was(stock: Stock, page: Any) -> None:
    told = followed(page, page.post(f"/ops/entries/{entry_id(LOST_URL)}/resync"))

    assert "1 was let go on." in text_of(told)
    assert stock.state(LOST_URL) == "accepted"


def test_entry_that_is_being_delivered_is_offered_no_order(stock: Stock, page: Any) -> None:
    stock.send(35)

    answer = page.get(f"/ops/entries/{entry_id(35)}")

    assert "It is being delivered right now" in text_of(answer)
    assert "/discard" not in answer.text
    assert "/resync" not in answer.text


# However many there are


def statements(desk: Desk, page: Any, path: str) -> list[str]:
    """What a page asks of the connection that the desk keeps open."""
    page.get(path)  # the charts are drawn once
    ran: list[str] = []
    with desk.database.read() as transaction:
        connection = transaction.cursor.connection
    connection.set_trace_callback(ran.append)
    try:
        assert page.get(path).status_code == 200
    finally:
        connection.set_trace_callback(None)
    return ran


@pytest.mark.parametrize("path", ["/ops", "/ops/fragment", "/ops/entries", "/ops/entries?state=dead"])
def test_number_of_statements_does_not_grow_with_the_entries(
    desk: Desk, stock: Stock, page: Any, path: str
) -> None:
    few = len(statements(desk, page, path))
    for number in range(100, 400):
        stock.put(number)
    for number in range(100, 200):
        stock.refuse(number)

    assert few > 0
    assert len(statements(desk, page, path)) == few


@pytest.mark.parametrize("path", ["/ops", "/ops/entries", "/ops/entries?state=dead", "/ops/entries?q=4711"])
def test_pages_read_entries_through_an_index_and_never_sort_them(
    desk: Desk, stock: Stock, page: Any, path: str
) -> None:
    asked = [sql for sql in statements(desk, page, path) if " entry " in sql and "SELECT" in sql]

    plans = {sql: [row[3] for row in stock.all(f"EXPLAIN QUERY PLAN {sql}")] for sql in asked}

    assert plans
    # The newest of all are the last rows of the table itself: that walk ends with the page.
    walks = {"SCAN e"} if path == "/ops/entries" else set()
    for sql, steps in plans.items():
        wrong = [
            each for each in steps if each.startswith("SCAN") and "INDEX" not in each and each not in walks
        ]
        assert wrong == [], sql
        # What one entry said before is sorted by its number: a handful.
        assert len([each for each in steps if "TEMP B-TREE" in each]) <= sql.count("FROM revision"), sql
