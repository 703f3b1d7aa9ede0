"""The technician's page as a browser without JavaScript uses it: whole forms, redirects, and what stands on a page."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from storage import listed
from storage.listed import Line
from storage.queries import reading
from storage.story import story
from sync.capture import Input
from sync.entrypoints import orders
from sync.entrypoints.api.desk import Desk
from sync.operations import by_kind
from sync.visitor import OPS, Scope, Visitor, technician
from tests.support.api_samples import CALLS, KINDS, TARGET, sample
from tests.support.builders import signature_png
from tests.support.local_api import TestClient, app_of, browser, desk_in, routes_of
from tests.support.outbox_rows import refuse
from tests.support.small_disk import fill, mounted

ZOE = technician("zoe")
MAX = technician("max")


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with desk_in(tmp_path, API__OWNER="zoe", API__TOKEN="bearer", API__SESSION_TOKEN="session") as made:
        yield made


@pytest.fixture
def page(desk: Desk) -> TestClient:
    return browser(desk, ZOE)


def form_id(text: str) -> str:
    (found,) = re.findall(r'name="id" value="([^"]+)"', text)
    return str(found)


def mark(text: str) -> str:
    (found,) = re.findall(r'name="whose" value="([^"]+)"', text)
    return str(found)


def filled(id: str, **changes: Any) -> dict[str, Any]:
    return {
        "id": id,
        "company_id": "7",
        "site_ids": ["12, 15"],
        "rule_ids": ["3"],
        "first_name": "Zoé",
        "last_name": "Nguyễn",
        "action_comment": "Extincteurs vérifiés",
        "comment": "",
        "email": "",
        "actual_start": "2026-03-02T14:05",
    } | changes


def signed(seed: int = 1) -> dict[str, Any]:
    return {"signature": ("signature.png", signature_png(seed), "image/png")}


def recorded(page: TestClient, **changes: Any) -> str:
    """The id of an intervention that was recorded with the form."""
    answer = page.post("/new", data=filled(form_id(page.get("/new").text), **changes), files=signed())
    assert answer.status_code == 303, answer.text
    return str(answer.headers["location"]).removeprefix("/?saved=")


def said(desk: Desk, id: str) -> dict[str, Any]:
    with reading(desk.database.folder) as reader:
        assert reader is not None
        return story(reader, id)


def count(desk: Desk) -> int:
    with reading(desk.database.folder) as reader:
        assert reader is not None
        return sum(reader.counts().values())


def words(text: str) -> str:
    """What a person reads: no tags, entities as characters, single spaces."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", text)).split())


def part(text: str, testid: str) -> str:
    """What a person reads in one section."""
    (found,) = re.findall(
        rf'<(?:section|footer)[^>]*data-testid="{testid}".*?</(?:section|footer)>', text, re.DOTALL
    )
    return words(found)


class _Tags(HTMLParser):
    """The attributes of every tag, as a browser reads them."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, str | None]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += attrs


def attributes(text: str) -> list[tuple[str, str | None]]:
    reader = _Tags()
    reader.feed(text)
    return reader.found


def handlers(text: str) -> list[str]:
    return [name for name, _ in attributes(text) if name.startswith("on")]


def sources(text: str) -> list[str | None]:
    return [value for name, value in attributes(text) if name == "src"]


# Recording


def test_intervention_is_recorded_and_then_said_to_be_saved(desk: Desk, page: TestClient) -> None:
    before = page.get("/").text
    assert "Enregistré sur cet appareil" not in before
    assert part(before, "last-line") == "Tout est parti. Vous pouvez éteindre."
    id = recorded(page)
    after = page.get(f"/?saved={id}").text
    assert "Enregistré sur cet appareil" in part(after, "saved")
    assert part(after, "last-line") == (
        "1 enregistrée sur cet appareil : vous pouvez éteindre, ne réinitialisez pas la tablette."
    )
    entry = said(desk, id)
    assert (entry["state"], entry["owner"]) == ("pending", "zoe")
    assert entry["payload"]["companyId"] == 7
    assert entry["payload"]["siteIds"] == [12, 15]
    assert entry["payload"]["provider"]["lastName"] == "Nguyễn"
    assert page.get(f"/entries/{id}/signature").content == signature_png(1)


def test_nothing_is_said_to_be_saved_that_is_not_there(page: TestClient) -> None:
    for id in (str(uuid4()), "nonsense", "%00", ""):
        assert 'data-testid="saved"' not in page.get(f"/?saved={id}").text


def test_form_that_is_sent_twice_makes_one_entry(desk: Desk, page: TestClient) -> None:
    """A double tap, or a reload after an answer that nobody saw."""
    form = filled(form_id(page.get("/new").text))
    answers = [page.post("/new", data=form, files=signed()) for _ in range(2)]
    assert [each.status_code for each in answers] == [303, 303]
    assert answers[0].headers["location"] == answers[1].headers["location"]
    assert count(desk) == 1


def test_form_of_one_person_is_not_saved_as_anothers_unasked(desk: Desk, page: TestClient) -> None:
    """Zoe fills in the form, Max opens his link in another tab of the same tablet, and then somebody presses Save."""
    form = filled(form_id(page.get("/new").text)) | {"whose": mark(page.get("/new").text)}
    other = browser(desk, MAX)
    answer = other.post("/new", data=form, files=signed())
    assert answer.status_code == 409
    assert count(desk) == 0
    assert "Quelqu’un d’autre a ouvert fieldsync ici entre-temps" in words(answer.text)
    assert "Extincteurs vérifiés" in answer.text, "what was typed is still there"
    assert form_id(answer.text) == form["id"]
    again = other.post("/new", data=form | {"whose": mark(answer.text)}, files=signed())
    assert again.status_code == 303
    assert said(desk, form["id"])["owner"] == "max"


def test_what_somebody_else_saved_is_never_said_to_be_saved_as_ones_own(desk: Desk, page: TestClient) -> None:
    id = recorded(page)
    answer = browser(desk, MAX).post("/new", data=filled(id), files=signed())
    assert answer.status_code == 409
    assert form_id(answer.text) != id
    assert f"/entries/{id}" not in answer.text
    assert count(desk) == 1


def test_two_forms_have_two_ids(page: TestClient) -> None:
    assert form_id(page.get("/new").text) != form_id(page.get("/new").text)


def test_refused_form_keeps_what_was_typed_and_says_all_that_is_wrong(desk: Desk, page: TestClient) -> None:
    id = form_id(page.get("/new").text)
    form = filled(id, company_id="", site_ids=["twelve"], rule_ids=[], comment="Portail est", actual_start="")
    answer = page.post("/new", data=form)
    assert answer.status_code == 422
    assert form_id(answer.text) == id
    assert 'value="twelve"' in answer.text
    assert "Portail est" in answer.text
    problems = part(answer.text, "problems")
    assert "Il y a 4 points à corriger. Rien n’est encore enregistré." in problems
    for words_ in (
        "Choisissez le client.",
        "un numéro, sans lettres",
        "au moins une règle",
        "Il manque la signature",
    ):
        assert words_ in problems
    for field in ("company_id", "site_ids", "rule_ids", "signature"):
        assert f'id="{field}-wrong"' in answer.text
        assert re.search(rf'href="#{field}"', answer.text)
        assert re.search(rf'id="{field}"', answer.text)
    assert count(desk) == 0


def test_refused_form_can_be_corrected_and_sent_again(desk: Desk, page: TestClient) -> None:
    id = form_id(page.get("/new").text)
    page.post("/new", data=filled(id, company_id=""), files=signed())
    assert page.post("/new", data=filled(id), files=signed()).status_code == 303
    assert count(desk) == 1


@pytest.mark.parametrize(
    ("content", "told"),
    [
        pytest.param(b"GIF89a", "Ce n’est pas une image PNG ou JPEG.", id="no-image"),
        pytest.param(signature_png(1)[:400], "Cette image est abîmée.", id="cut"),
        pytest.param(bytes(2 * 1024 * 1024 + 1), "Cette image est trop lourde.", id="too-large"),
        pytest.param(b"", "Il manque la signature", id="empty"),
    ],
)
def test_image_that_cannot_be_sent_is_refused_beside_its_field(
    desk: Desk, page: TestClient, content: bytes, told: str
) -> None:
    form = filled(form_id(page.get("/new").text))
    answer = page.post("/new", data=form, files={"signature": ("a.png", content, "image/png")})
    assert answer.status_code == 422
    assert told in words(answer.text)
    assert count(desk) == 0


def test_other_input_under_the_same_form_is_kept_apart_and_nothing_is_lost(
    desk: Desk, page: TestClient
) -> None:
    """A form that was recorded, left open, changed, and sent again."""
    id = form_id(page.get("/new").text)
    page.post("/new", data=filled(id), files=signed())
    answer = page.post("/new", data=filled(id, comment="Une autre"), files=signed())
    assert answer.status_code == 409
    assert "n’est pas encore enregistré" in part(answer.text, "notice")
    assert f'href="/entries/{id}"' in answer.text
    assert "Une autre" in answer.text
    fresh = form_id(answer.text)
    assert fresh != id
    assert page.post("/new", data=filled(fresh, comment="Une autre"), files=signed()).status_code == 303
    assert count(desk) == 2


def test_id_of_somebody_elses_entry_is_not_told_whose_it_is(desk: Desk, page: TestClient) -> None:
    other = recorded(browser(desk, MAX))
    answer = page.post("/new", data=filled(other, comment="Une autre"), files=signed())
    assert answer.status_code == 409
    assert f"/entries/{other}" not in answer.text


def test_form_larger_than_any_can_be_is_not_read(desk: Desk, page: TestClient) -> None:
    answer = page.post("/new", content=b"", headers={"Content-Length": str(10**9)})
    assert answer.status_code == 413
    assert count(desk) == 0


def test_no_form_of_any_page_is_read_without_end(desk: Desk) -> None:
    """The worker's memory and disk are for deliveries: also somebody who was let in cannot fill them."""
    ops = browser(desk, OPS)
    posted = {path for path in routes_of(app_of(desk), "POST") if not path.startswith("/v1/")}
    forms = posted - {"/open/{code}", "/leave"}  # which read nothing that is sent
    assert {"/new", "/entries/{id}/fix", "/ops/pause", "/ops/entries"} <= forms
    for form in forms:
        path = re.sub(r"\{\w+\}", str(uuid4()), form)
        kind = {"Content-Type": "application/x-www-form-urlencoded"}
        assert (
            ops.post(path, content=b"", headers=kind | {"Content-Length": str(10**9)}).status_code == 413
        ), form
        assert ops.post(path, content=iter([b"reason=x"]), headers=kind).status_code == 413, form


@pytest.fixture
def small_desk(tmp_path: Path) -> Iterator[Desk]:
    for disk in mounted(tmp_path / "disk", "8m"):
        with desk_in(disk) as made:
            yield made


def test_full_disk_keeps_the_form_and_takes_it_after_room_was_made(small_desk: Desk) -> None:
    """Photos have filled the tablet; the intervention is in front of the technician and nowhere else."""
    page = browser(small_desk, ZOE)
    form = filled(form_id(page.get("/new").text), comment="Portail est")
    filler = fill(small_desk.database.folder.root.parent)
    answer = page.post("/new", data=form, files=signed())
    assert answer.status_code == 507
    assert "Il n’y a plus de place sur cet appareil" in part(answer.text, "notice")
    assert "Portail est" in answer.text
    assert form_id(answer.text) == form["id"]
    filler.unlink()
    assert page.post("/new", data=form, files=signed()).status_code == 303


# Choosing from the reference list


def with_list(desk: Desk, *lines: Line) -> None:
    with desk.database.write() as transaction:
        listed.replace(transaction, lines, now=0)


LIST = (
    Line("company", 7, "Résidences du Parc"),
    Line("company", 8, "Hôpital Saint-Luc"),
    Line("site", 12, "Tour Azur", 7),
    Line("site", 15, "École Jules-Ferry", 8),
    Line("rule", 3, "Extincteurs"),
)


def test_list_is_offered_searched_and_kept_without_javascript(desk: Desk, page: TestClient) -> None:
    with_list(desk, *LIST)
    first = page.get("/new").text
    for name in ("Résidences du Parc", "Tour Azur", "École Jules-Ferry", "Extincteurs"):
        assert name in first
    id = form_id(first)
    search = {
        "id": id,
        "look": "1",
        "site_ids_find": "ecole",
        "site_ids": "12",
        "comment": "Portail",
        "company_id": "7",
    }
    answer = page.post("/new", data=search)
    assert answer.status_code == 200
    assert re.search(r'value="12" checked', answer.text)
    assert form_id(answer.text) == id
    assert "Portail" in answer.text
    assert '<option value="7" selected>' in answer.text
    assert count(desk) == 0


def test_search_answers_boxes_and_keeps_what_is_ticked(desk: Desk, page: TestClient) -> None:
    with_list(desk, *LIST)
    found = page.get("/choices/site_ids?q=%C3%A9cole&chosen=12").text
    assert re.search(r'value="12" checked', found)
    assert 'value="15">' in found
    only = page.get("/choices/site_ids?company=7").text
    assert 'value="12"' in only
    assert 'value="15"' not in only
    assert page.get("/choices/passwords").status_code == 404


def test_number_that_is_not_in_the_list_is_taken_with_a_word(desk: Desk, page: TestClient) -> None:
    with_list(desk, *LIST)
    id = recorded(page, site_ids=["12", "99"])
    saved = part(page.get(f"/?saved={id}").text, "saved")
    assert "Site 99" in saved
    assert "Tour Azur" not in saved
    assert said(desk, id)["payload"]["siteIds"] == [12, 99]


def test_every_number_that_the_list_does_not_know_so_is_told(desk: Desk, page: TestClient) -> None:
    with_list(desk, *LIST)
    id = recorded(page, company_id="7", site_ids=["15", "99"], rule_ids=["4"])
    saved = part(page.get(f"/?saved={id}").text, "saved")
    assert "Site 99, Règle 4. Pas dans la liste" in saved
    assert "École Jules-Ferry. Un autre client" in saved


def test_list_and_number_that_differ_are_refused(desk: Desk, page: TestClient) -> None:
    with_list(desk, *LIST)
    form = filled(form_id(page.get("/new").text), company_id=["7", "8"])
    answer = page.post("/new", data=form, files=signed())
    assert answer.status_code == 422
    assert "Choisissez un seul client" in words(answer.text)


def test_page_stays_small_with_a_long_list_and_a_full_day(desk: Desk, page: TestClient) -> None:
    """Everything that a first visit transfers, scripts and styles with it, stays under 60 KB."""
    lines = [Line("site", n, f"Site {n:05d} - rue du Général-de-Gaulle", 7) for n in range(1, 2001)]
    with_list(desk, *LIST[:2], *lines, *(Line("rule", n, f"Règle {n}") for n in range(1, 200)))
    for n in range(30):
        recorded(page, site_ids=[str(n + 1)], comment=str(n))
    for path in ("/", "/new"):
        text = page.get(path).text
        linked = set(re.findall(r'(?:href|src)="(/static/[^"]+)"', text))
        folder = next(iter(linked)).rsplit("/", 1)[0]
        linked |= {f"{folder}/{name}" for name in ("form.js", "pad.js", "draft.js")}
        size = len(text.encode()) + sum(len(page.get(each).content) for each in linked)
        assert size < 60_000, (path, size)


def test_intervention_of_a_hundred_sites_is_recorded_and_shown(desk: Desk, page: TestClient) -> None:
    id = recorded(page, site_ids=[", ".join(str(n) for n in range(1000, 1100))])
    assert len(said(desk, id)["payload"]["siteIds"]) == 100
    assert "Site 1000 et 99 autres sites" in words(page.get("/").text)
    assert "Site 1099" in page.get(f"/entries/{id}").text


# Seeing


def test_device_without_sign_in_says_so_and_keeps_everything(tmp_path: Path) -> None:
    with desk_in(tmp_path) as desk:
        page = browser(desk, ZOE)
        recorded(page)
        text = page.get("/").text
        assert part(text, "last-line") == "Session expirée : vos saisies sont gardées. Reconnectez-vous."
        assert "1 enregistrée sur cet appareil" in part(text, "state")
        # What waits for somebody else's sign-in is not theirs to see to.
        assert "Tout est parti" in part(browser(desk, MAX).get("/").text, "last-line")


def test_technician_sees_their_own_entries_alone(desk: Desk, page: TestClient) -> None:
    other = recorded(browser(desk, MAX), first_name="Maximilien")
    assert "Maximilien" not in page.get("/").text
    for path in (f"/entries/{other}", f"/entries/{other}/signature", f"/fragment/entries/{other}"):
        assert page.get(path).status_code == 404
        unknown = page.get(path.replace(other, str(uuid4())))
        assert unknown.status_code == 404
    assert page.post(f"/entries/{other}/fix", data=filled(other)).status_code == 404
    assert part(page.get("/").text, "last-line") == "Tout est parti. Vous pouvez éteindre."
    assert "Maximilien" in browser(desk, OPS).get("/").text


def test_session_of_nobody_sees_what_it_records_on_a_device_that_has_an_owner(tmp_path: Path) -> None:
    """The link was opened before the device was given its owner."""
    with desk_in(tmp_path, API__OWNER="zoe") as desk:
        nobody = browser(desk, technician(None))
        id = recorded(nobody)
        assert nobody.get(f"/entries/{id}").status_code == 200
        assert browser(desk, technician("zoe")).get(f"/entries/{id}").status_code == 404


def test_foreign_page_reads_the_same_as_one_that_never_was(desk: Desk, page: TestClient) -> None:
    other, never = recorded(browser(desk, MAX)), str(uuid4())
    texts = [page.get(f"/entries/{id}").text.replace(id, "ID") for id in (other, never)]
    assert texts[0] == texts[1]


def test_reader_without_the_scope_to_record_records_nothing(desk: Desk) -> None:
    reads = browser(desk, Visitor(frozenset({Scope.READ}), "zoe"))
    assert reads.get("/").status_code == 200
    assert reads.get("/new").status_code == 403
    assert reads.post("/new", data=filled(str(uuid4())), files=signed()).status_code == 403
    assert count(desk) == 0


@pytest.mark.parametrize(
    "name",
    [
        "<script>alert(1)</script>",
        '"><img src=x onerror=alert(1)>',
        "{{ 7777 * 7 }}",
        "\u202egnp.exe",
        "👩🏽‍🚒 Zoé",
        "' onfocus='alert(1)",
    ],
)
def test_hostile_names_are_only_ever_text(desk: Desk, page: TestClient, name: str) -> None:
    with_list(desk, Line("company", 7, name), Line("site", 12, name), Line("rule", 3, name))
    id = recorded(page, first_name=name, comment=name, action_comment=name)
    for path in ("/", "/new", f"/entries/{id}", f"/?saved={id}", "/choices/site_ids?q=", "/fragment/home"):
        text = page.get(path).text
        assert "<script>alert" not in text
        assert not handlers(text), path
        assert "x" not in sources(text), path
    assert "54439" not in part(page.get("/").text, "list-to_send")
    assert name in words(page.get("/").text) or name in html.unescape(page.get("/").text)
    refused = page.post("/new", data=filled(str(uuid4()), first_name=name, site_ids=[name]))
    assert "<script>alert" not in refused.text
    assert not handlers(refused.text)


def test_every_kind_has_its_words_and_its_page(desk: Desk, page: TestClient) -> None:
    """Entries of the other kinds come from elsewhere; they stand in the same lists."""
    for n, kind in enumerate(KINDS):
        body = sample(kind)
        body.pop("signature", None)
        image = signature_png(n) if by_kind(kind).has_signature else None
        target = str(TARGET) if "{interventionId}" in CALLS[kind][1] else None
        given = Input(kind, json.dumps(body).encode(), image, owner="zoe", target=target)
        captured = orders.capture(desk.settings, desk.database, desk.clock, given)
        assert page.get(f"/entries/{captured.id}").status_code == 200
    text = part(page.get("/").text, "list-to_send")
    for name in ("Préventive non planifiée", "Curative", "Modification d’une préventive", "Vérification"):
        assert name in text


def test_lists_show_the_newest_and_the_others_on_request(desk: Desk, page: TestClient) -> None:
    ids = [recorded(page, comment=str(n)) for n in range(22)]
    text = page.get("/").text
    assert f"e-{ids[21]}" in text
    assert f"e-{ids[0]}" not in text
    assert "et 2 autres" in words(text)
    assert f"e-{ids[0]}" in page.get("/?show=to_send").text
    assert f"e-{ids[0]}" in page.get("/fragment/home?show=to_send").text


# Correcting


def test_refused_intervention_is_corrected_and_goes_on(desk: Desk, page: TestClient) -> None:
    id = recorded(page)
    refuse(desk.database, id, '{"message": "siteIds[0] is unknown"}')
    home = page.get("/").text
    assert "Refusée : à corriger" in part(home, "list-to_fix").replace("\u00a0", " ")
    shown = page.get(f"/entries/{id}").text
    assert 'id="site_ids-wrong"' in shown
    assert 'id="comment-wrong"' not in shown
    before = said(desk, id)
    answer = page.post(f"/entries/{id}/fix", data=filled(id, site_ids=["18"]))
    assert answer.status_code == 303
    after = said(desk, id)
    assert after["state"] == "pending"
    assert after["payload"] == before["payload"] | {"siteIds": [18]}
    assert "Correction enregistrée" in page.get(answer.headers["location"]).text


def test_correction_that_cannot_be_sent_is_refused_beside_its_field(desk: Desk, page: TestClient) -> None:
    id = recorded(page)
    refuse(desk.database, id, "")
    answer = page.post(f"/entries/{id}/fix", data=filled(id, site_ids=[""], comment="Neu"))
    assert answer.status_code == 422
    assert "au moins un site" in part(answer.text, "problems")
    assert "Neu" in answer.text
    assert said(desk, id)["state"] == "dead"


def test_intervention_that_is_sent_again_unchanged_goes_on(desk: Desk, page: TestClient) -> None:
    id = recorded(page)
    refuse(desk.database, id, "")
    answer = page.post(f"/entries/{id}/fix", data=filled(id))
    assert answer.headers["location"] == f"/entries/{id}?fixed=same"
    assert said(desk, id)["state"] == "pending"


@pytest.mark.parametrize(
    ("change", "told"),
    [
        pytest.param(
            {"state": "parked", "stage": "accepted", "server_id": 9},
            "Appelez votre responsable",
            id="arrived",
        ),
        pytest.param(
            {"state": "parked", "stage": "in_doubt"}, "On ne sait pas si elle est arrivée", id="unclear"
        ),
        pytest.param(
            {"state": "parked", "stage": "pending", "reason": "handed_over"}, "autre appareil", id="moved"
        ),
        pytest.param({"state": "done", "server_id": 9}, "Tout est arrivé", id="done"),
    ],
)
def test_what_a_technician_cannot_correct_says_what_to_do_instead(
    desk: Desk, page: TestClient, change: dict[str, Any], told: str
) -> None:
    id = recorded(page)
    refuse(desk.database, id, "", **{"reason": "upload_expired"} | change)
    shown = page.get(f"/entries/{id}").text
    assert told in words(shown)
    assert 'data-testid="fix-form"' not in shown
    answer = page.post(f"/entries/{id}/fix", data=filled(id, site_ids=["18"]))
    assert answer.status_code == 409
    assert said(desk, id)["payload"]["siteIds"] == [12, 15]


def test_drafts_of_one_person_are_told_from_anothers_on_every_page_without_a_name(desk: Desk) -> None:
    """A tablet is handed on: what one began to type is gone when the next one looks at any page."""

    def marks(who: Visitor) -> set[str]:
        return {
            re.findall(r'data-owner="([^"]*)"', browser(desk, who).get(path).text)[0]
            for path in ("/", "/new")
        }

    (zoe,), (max_,), (nobody,) = marks(ZOE), marks(MAX), marks(technician(None))
    assert len({zoe, max_, nobody, ""}) == 4
    assert "zoe" not in zoe


# Languages, and what belongs to nobody


def test_language_is_chosen_by_address_and_kept(page: TestClient) -> None:
    assert '<html lang="fr">' in page.get("/").text
    english = page.get("/?lang=en")
    assert '<html lang="en">' in english.text
    assert "Everything has gone. You can switch off." in english.text
    assert '<html lang="en">' in page.get("/new").text
    assert '<html lang="fr">' in page.get("/new?lang=fr").text


def test_page_names_no_script_or_style_of_its_own(page: TestClient) -> None:
    """The content policy lets none run: what stands in a page would only look as if it worked."""
    id = recorded(page)
    for path in ("/", "/new", f"/entries/{id}", "/entries/none", "/offline"):
        text = page.get(path).text
        assert not re.search(r"<script(?![^>]*\ssrc=)", text), path
        assert not re.search(r"<style|\sstyle=|\son[a-z]+=|javascript:", text), path


def test_files_of_the_page_are_kept_for_good_and_change_their_address(desk: Desk, page: TestClient) -> None:
    address = re.findall(r'href="(/static/[^"]+app\.css)"', page.get("/").text)[0]
    answer = browser(desk).get(address)
    assert answer.status_code == 200
    assert "immutable" in answer.headers["cache-control"]
    old = re.sub(r"/static/\w+/", "/static/0123456789ab/", address)
    assert page.get(old).status_code == 404
    assert page.get(address.replace("app.css", "..%2Fapp.py")).status_code in (400, 404)


def test_worker_of_the_browser_keeps_nothing_of_anybody(desk: Desk) -> None:
    stranger = browser(desk)
    script = stranger.get("/service-worker.js")
    assert script.headers["content-type"].startswith("text/javascript")
    kept = re.findall(r'"(/[^"]*)"', script.text)
    assert kept
    for path in kept:
        answer = stranger.get(path)
        assert answer.status_code == 200, path
        assert path == "/offline" or path.startswith("/static/")
    assert "gardé" in stranger.get("/offline").text
    assert "is kept" in stranger.get("/offline").text


def test_manifest_names_icons_that_are_there(desk: Desk) -> None:
    stranger = browser(desk)
    manifest = stranger.get("/manifest.webmanifest").json()
    assert manifest["start_url"] == manifest["scope"] == "/"
    assert {icon["purpose"] for icon in manifest["icons"]} == {"any", "maskable"}
    for icon in manifest["icons"]:
        answer = stranger.get(icon["src"])
        assert (answer.status_code, answer.headers["content-type"]) == (200, icon["type"])


class _Network:
    def __init__(self) -> None:
        self.turned: list[bool] = []

    def online(self) -> bool:
        return not self.turned or self.turned[-1]

    def turn(self, *, online: bool) -> None:
        self.turned.append(online)


def test_network_of_a_demo_is_switched_from_any_page_and_comes_back_to_it(tmp_path: Path) -> None:
    network = _Network()
    with desk_in(tmp_path, switch=network) as desk:
        page = browser(desk, ZOE)
        assert 'aria-checked="true"' in page.get("/new").text
        answer = page.post("/switch", data={"online": "", "back": "/new"})
        assert (answer.status_code, answer.headers["location"]) == (303, "/new")
        assert network.turned == [False]
        assert 'aria-checked="false"' in page.get("/").text
        for elsewhere in ("//example.org", "https://example.org", "/\\example.org"):
            assert page.post("/switch", data={"online": "1", "back": elsewhere}).headers["location"] == "/"


def test_product_has_no_switch(page: TestClient) -> None:
    assert "/switch" not in page.get("/").text
    assert page.post("/switch", data={"online": ""}).status_code == 404


@pytest.mark.parametrize(
    "visitor",
    [
        Visitor(frozenset({Scope.CAPTURE}), everyone=True),
        Visitor(frozenset({Scope.CAPTURE, Scope.READ}), everyone=True),
        Visitor(frozenset({Scope.CAPTURE}), "zoe"),
    ],
    ids=["blind-for-all", "sees-all", "blind-for-one"],
)
@pytest.mark.parametrize("more", [{}, {"look": "1"}], ids=["correct", "look"])
def test_form_corrects_and_shows_no_more_than_the_local_api(
    desk: Desk, page: TestClient, visitor: Visitor, more: dict[str, str]
) -> None:
    """A program that may only record holds a token, and finds the form that a technician corrects with."""
    id = recorded(page)
    before = said(desk, id)["payload"]
    answer = browser(desk, visitor).post(f"/entries/{id}/fix", data=filled(id, first_name="Eve", **more))

    assert answer.status_code == 403
    assert "Extincteurs" not in html.unescape(answer.text)
    assert said(desk, id)["payload"] == before
