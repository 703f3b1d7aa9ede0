"""A technician records an intervention: signed by finger, pen or mouse, saved once, kept until then."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Dialog, Route, expect

from storage.listed import Line
from sync.clock import Clock
from sync.entrypoints import orders
from tests.browser.acting import STROKES, Pointer, draw, fill_in, ink_is_wrong, let_in, save, saved_id
from tests.browser.conftest import OpenWindow
from tests.support.browser import BARE, DESKTOP, TABLET
from tests.support.builders import signature_png
from tests.support.polling import eventually
from tests.support.served_device import OWNER, ServedDevice


@pytest.mark.parametrize("by", ["touch", "pen", "mouse"])
def test_drawn_signature_arrives_as_it_was_drawn(
    open_window: OpenWindow, device: ServedDevice, by: Pointer
) -> None:
    """Field story: no network in the cellar; the customer signs there, and the tablet is carried out."""
    window = open_window(TABLET if by == "touch" else DESKTOP)
    page = window.page
    let_in(window, device)
    device.sandbox.offline()
    page.goto(f"{device.url}/new")
    fill_in(page)
    draw(page, by)
    if by == "touch":
        window.shot("form-signed")
    save(page)
    id = saved_id(page)
    kept = device.image(id)
    assert kept is not None
    assert ink_is_wrong(kept) is None
    assert device.states() == {id: "pending"}
    expect(page.get_by_test_id("list-to_send").get_by_test_id("entry")).to_have_count(1)
    if by == "touch":
        window.shot("home-saved-offline")

    device.sandbox.online()

    # Without a reload: the page is told.
    expect(page.get_by_test_id("list-sent").get_by_test_id("entry")).to_have_count(1, timeout=30_000)
    expect(page.get_by_test_id("list-to_send").get_by_test_id("entry")).to_have_count(0)
    assert device.arrived_image() == kept
    if by == "touch":
        window.shot("home-sent")


def test_network_switch_of_the_demo_is_thrown_on_the_page(
    open_window: OpenWindow, device: ServedDevice
) -> None:
    window = open_window()
    let_in(window, device)
    window.page.goto(f"{device.url}/")
    switch = window.page.get_by_test_id("switch").get_by_role("switch")
    expect(switch).to_have_attribute("aria-checked", "true")
    switch.click()

    expect(switch).to_have_attribute("aria-checked", "false")
    assert not device.sandbox.is_online("api")
    switch.click()
    expect(switch).to_have_attribute("aria-checked", "true")
    assert device.sandbox.is_online("api")


def test_double_tap_on_save_is_one_entry(open_window: OpenWindow, device: ServedDevice) -> None:
    """Field story: gloves on, the button is hit three times."""
    window = open_window()
    let_in(window, device)
    page = window.page
    device.sandbox.offline()
    page.goto(f"{device.url}/new")
    fill_in(page)
    draw(page, "touch")
    page.evaluate("for (let n = 0; n < 3; n += 1) document.querySelector('[data-testid=save]').click()")
    page.get_by_test_id("saved").wait_for()

    assert len(device.states()) == 1


def test_form_that_is_sent_again_without_scripts_is_one_entry(
    open_window: OpenWindow, device: ServedDevice
) -> None:
    """Field story: the answer got lost, and the browser sends the form again."""
    window = open_window(BARE)
    let_in(window, device)
    page = window.page
    device.sandbox.offline()
    page.goto(f"{device.url}/new")
    fill_in(page)
    page.get_by_test_id("signature-file").set_input_files(
        {"name": "signature.png", "mimeType": "image/png", "buffer": signature_png(3)}
    )
    id = str(page.locator("input[name=id]").input_value())
    sent = page.evaluate(
        "Object.fromEntries([...new FormData(intervention)].filter((pair) => typeof pair[1] === 'string'))"
    )
    save(page)
    again = page.request.post(
        f"{device.url}/new",
        multipart={
            **sent,
            "signature": {"name": "signature.png", "mimeType": "image/png", "buffer": signature_png(3)},
        },
        headers={"origin": device.url},
        max_redirects=0,
    )

    assert again.status == 303
    assert list(device.states()) == [id]


def test_form_works_without_javascript(open_window: OpenWindow, device: ServedDevice) -> None:
    window = open_window(BARE)
    let_in(window, device)
    page = window.page
    page.goto(f"{device.url}/")
    page.get_by_test_id("new").click()
    fill_in(page)
    page.get_by_test_id("save").click()
    expect(page.get_by_test_id("problems")).to_be_visible()  # the signature is missing
    window.expect("status of 422")
    assert page.locator("#first_name").input_value() == "Zoé"
    page.get_by_test_id("signature-file").set_input_files(
        {"name": "signature.png", "mimeType": "image/png", "buffer": signature_png(5)}
    )
    save(page)

    eventually(lambda: list(device.states().values()) == ["done"], within_s=30)
    assert device.arrived_image() == signature_png(5)
    window.shot("home")


def test_keyboard_alone_is_enough(open_window: OpenWindow, device: ServedDevice) -> None:
    """Every step by Tab, letters and Enter; the image of the signature from a file instead of the pad."""
    window = open_window(DESKTOP)
    let_in(window, device)
    page = window.page
    # The browser is told to hand choosers over with the first who listens, and answers that in its own time.
    page.on("filechooser", lambda _: None)
    page.goto(f"{device.url}/")
    _tab_to(page, "[data-testid=new]")
    page.keyboard.press("Enter")
    page.wait_for_url("**/new")
    for field, text in (
        ("#company_id-number", "12"), ("#site_ids-number", "120"), ("#rule_ids-number", "1"), ("#last_name", "Lefèvre"),
    ):  # fmt: skip
        _tab_to(page, field)
        page.keyboard.type(text)
    _tab_to(page, "#file-box summary")
    page.keyboard.press("Enter")
    _tab_to(page, "[data-testid=signature-file]")
    with page.expect_file_chooser() as chooser:
        page.keyboard.press("Space")
    chooser.value.set_files({"name": "s.png", "mimeType": "image/png", "buffer": signature_png(7)})
    _tab_to(page, "[data-testid=save]")
    page.keyboard.press("Enter")
    page.get_by_test_id("saved").wait_for()

    eventually(lambda: list(device.states().values()) == ["done"], within_s=30)
    assert device.arrived_image() == signature_png(7)


def _tab_to(page: object, selector: str) -> None:
    """Forward with Tab until it has the focus, which has to show."""
    from playwright.sync_api import Page

    assert isinstance(page, Page)
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("s => document.activeElement?.matches(s) ?? false", selector):
            shown = page.evaluate(
                "() => { const s = getComputedStyle(document.activeElement);"
                " return (s.outlineStyle !== 'none' && parseFloat(s.outlineWidth) > 0) || s.boxShadow !== 'none' }"
            )
            assert shown, f"nobody sees that {selector} has the focus"
            return
    raise AssertionError(f"Tab never comes to {selector}")


def test_undo_takes_the_last_stroke_and_clear_all_of_them(
    open_window: OpenWindow, device: ServedDevice
) -> None:
    window = open_window()
    let_in(window, device)
    page = window.page
    device.sandbox.offline()
    page.goto(f"{device.url}/new")
    fill_in(page)
    expect(page.get_by_test_id("undo")).to_be_disabled()
    draw(page, "touch", STROKES[:1])
    page.get_by_test_id("clear").click()
    expect(page.get_by_test_id("clear")).to_be_disabled()
    draw(page, "touch", STROKES[1:])
    page.get_by_test_id("undo").click()
    save(page)

    kept = device.image(saved_id(page))
    assert kept is not None
    assert ink_is_wrong(kept, STROKES[1:2]) is None


def test_turning_the_tablet_keeps_the_ink(open_window: OpenWindow, device: ServedDevice) -> None:
    """Field story: the tablet is turned to the customer in the middle of the signature."""
    window = open_window()
    let_in(window, device)
    page = window.page
    device.sandbox.offline()
    page.goto(f"{device.url}/new")
    fill_in(page)
    draw(page, "touch", STROKES[:2])
    page.set_viewport_size({"width": 1280, "height": 800})
    draw(page, "touch", STROKES[2:])
    window.shot("form-turned")
    page.set_viewport_size({"width": 800, "height": 1280})
    save(page)

    kept = device.image(saved_id(page))
    assert kept is not None
    assert ink_is_wrong(kept) is None


def test_leaving_with_an_unsaved_signature_warns(open_window: OpenWindow, device: ServedDevice) -> None:
    window = open_window()
    let_in(window, device)
    page = window.page
    asked: list[str] = []

    def stay(dialog: Dialog) -> None:
        asked.append(dialog.type)
        dialog.dismiss()

    page.on("dialog", stay)
    page.goto(f"{device.url}/new")
    fill_in(page)
    page.evaluate("location.assign('/')")
    page.wait_for_url(f"{device.url}/")
    assert asked == [], "nothing is signed: nothing to warn of"
    page.goto(f"{device.url}/new")
    draw(page, "touch")
    page.evaluate("setTimeout(() => location.assign('/'))")

    eventually(lambda: bool(asked) or page.wait_for_timeout(50), within_s=10)
    assert asked == ["beforeunload"]
    assert page.url == f"{device.url}/new"


def test_saved_signature_lets_go_without_a_warning(open_window: OpenWindow, device: ServedDevice) -> None:
    window = open_window()
    let_in(window, device)
    page = window.page
    asked: list[str] = []
    page.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.accept()))
    page.goto(f"{device.url}/new")
    fill_in(page)
    draw(page, "touch")
    save(page)
    page.get_by_test_id("new").click()
    page.wait_for_url("**/new")

    assert asked == []


# Drafts


DAY_MS = 24 * 3600 * 1000


def _begun(open_window: OpenWindow, device: ServedDevice) -> tuple[object, str]:
    """A form that was filled in and signed, and left at that."""
    window = open_window()
    window.page.on("dialog", lambda dialog: dialog.accept())
    let_in(window, device)
    window.page.clock.install()
    window.page.goto(f"{device.url}/new")
    fill_in(window.page, name="Brouillon")
    draw(window.page, "touch")
    window.page.clock.run_for(2000)
    return window, str(window.page.locator("input[name=id]").input_value())


def test_draft_survives_a_reload_with_its_ink_and_its_id(
    open_window: OpenWindow, device: ServedDevice
) -> None:
    """Field story: the browser was closed by the system while the technician looked at a photo."""
    device.sandbox.offline()
    window, id = _begun(open_window, device)
    page = window.page  # type: ignore[attr-defined]
    page.reload()

    expect(page.locator("#first_name")).to_have_value("Brouillon")
    expect(page.locator("#site_ids-number")).to_have_value("120, 121")
    expect(page.get_by_test_id("undo")).to_be_enabled()
    save(page)
    assert saved_id(page) == id
    kept = device.image(id)
    assert kept is not None
    assert ink_is_wrong(kept) is None


def test_draft_is_gone_after_saving(open_window: OpenWindow, device: ServedDevice) -> None:
    window, _ = _begun(open_window, device)
    page = window.page  # type: ignore[attr-defined]
    save(page)
    page.goto(f"{device.url}/new")

    expect(page.locator("#first_name")).to_have_value("")
    assert "Brouillon" not in page.evaluate("JSON.stringify({...localStorage, ...sessionStorage})")


def test_draft_is_gone_when_somebody_else_comes(open_window: OpenWindow, device: ServedDevice) -> None:
    """Field story: the tablet is handed to the next shift."""
    from sync.visitor import technician

    window, _ = _begun(open_window, device)
    let_in(window, device, technician("next-shift"))  # type: ignore[arg-type]
    page = window.page  # type: ignore[attr-defined]
    page.goto(f"{device.url}/new")

    expect(page.locator("#first_name")).to_have_value("")
    assert "Brouillon" not in page.evaluate("JSON.stringify({...localStorage, ...sessionStorage})")


@pytest.mark.parametrize(("after_ms", "left"), [(DAY_MS - 60_000, True), (DAY_MS + 60_000, False)])
def test_draft_lasts_a_day(open_window: OpenWindow, device: ServedDevice, after_ms: int, left: bool) -> None:
    window, _ = _begun(open_window, device)
    page = window.page  # type: ignore[attr-defined]
    page.goto("about:blank")
    page.clock.fast_forward(after_ms)
    page.goto(f"{device.url}/new")

    expect(page.locator("#first_name")).to_have_value("Brouillon" if left else "")
    kept = page.evaluate("JSON.stringify({...localStorage, ...sessionStorage})")
    assert ("Brouillon" in kept) is left


# Whose they are, and what was refused


def test_technician_sees_only_their_own(open_window: OpenWindow, device: ServedDevice) -> None:
    device.sandbox.offline()
    mine = device.capture(1, owner=OWNER)
    theirs = device.capture(2, owner="somebody-else")
    nobodys = device.capture(3, owner=None)
    window = open_window()
    window.expect("status of 404")
    let_in(window, device)
    page = window.page
    page.goto(f"{device.url}/")

    shown = page.get_by_test_id("entry")
    expect(shown).to_have_count(1)
    assert shown.get_attribute("data-id") == mine
    for id in (theirs, nobodys):
        answer = page.goto(f"{device.url}/entries/{id}")
        assert answer is not None
        assert answer.status == 404
        assert page.request.get(f"{device.url}/entries/{id}/signature").status == 404
        assert page.request.get(f"{device.url}/v1/entries/{id}").status == 404


def test_refused_entry_is_fixed_and_sent(open_window: OpenWindow, device: ServedDevice) -> None:
    """Field story: the customer's number had two digits swapped, and the server does not know it."""
    from sync.sandbox import faults

    body = {"message": "companyId 21 is not a customer of this account", "field": "companyId"}
    device.sandbox.faults.add(faults.answer("unplanned", 422, when={"companyId": 21}, body=body, times=None))
    id = device.capture(1, companyId=21)
    device.until(id, "dead")
    window = open_window()
    let_in(window, device)
    page = window.page
    page.goto(f"{device.url}/")
    window.shot("home-to-fix")
    page.get_by_test_id("list-to_fix").get_by_role("link").first.click()
    page.wait_for_url(re.compile("/entries/"))
    expect(page.locator("#company_id-number")).to_have_value("21")
    window.shot("entry-to-fix")
    page.locator("#company_id-number").fill("12")
    page.get_by_test_id("save").click()

    expect(page.get_by_test_id("fixed")).to_be_visible()
    expect(page.get_by_test_id("standing")).to_have_attribute("data-standing", "done", timeout=30_000)
    device.until(id, "done")
    assert [record["body"]["companyId"] for record in device.sandbox.state.records()] == [12]
    assert device.arrived_image() == signature_png(1)


def test_refused_customer_is_replaced_by_one_of_the_list(
    open_window: OpenWindow, device: ServedDevice
) -> None:
    """The number that was refused still stands beside the list; who chooses there has said what they mean."""
    from sync.sandbox import faults

    orders.replace_reference_list(device.database, Clock(), (Line("company", 12, "Clinique Saint-Roch"),))
    body = {"message": "companyId 21 is not a customer of this account", "field": "companyId"}
    device.sandbox.faults.add(faults.answer("unplanned", 422, when={"companyId": 21}, body=body, times=None))
    id = device.capture(1, companyId=21)
    device.until(id, "dead")
    window = open_window()
    let_in(window, device)
    page = window.page
    page.goto(f"{device.url}/entries/{id}")
    number = page.locator("#company_id-number")
    expect(number).to_have_value("21")
    page.locator("#company_id").select_option("12")
    expect(number).to_have_value("")
    number.fill("13")
    expect(page.locator("#company_id")).to_have_value("")
    page.locator("#company_id").select_option("12")
    page.get_by_test_id("save").click()

    expect(page.get_by_test_id("fixed")).to_be_visible()
    device.until(id, "done")
    assert [record["body"]["companyId"] for record in device.sandbox.state.records()] == [12]


def test_tick_that_is_made_while_the_list_is_looked_up_is_kept(
    open_window: OpenWindow, device: ServedDevice
) -> None:
    """A slow tablet: two sites are ticked, one unticked, before the answer to the search is there."""
    lines = tuple(Line("site", number, f"School {number}") for number in (1, 2, 3))
    orders.replace_reference_list(device.database, Clock(), lines)
    window = open_window()
    page = window.page
    let_in(window, device)
    page.goto(f"{device.url}/new")
    box = page.locator('input[type="checkbox"][name="site_ids"]')
    page.get_by_label("School 3").check()
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route("**/choices/**", hold)
    labels = page.locator("#site_ids-choices label")
    labels.evaluate_all("all => all.forEach((each) => { each.dataset.before = '1'; })")
    with page.expect_request("**/choices/**"):
        page.locator("#site_ids-find").fill("School 2")
    page.get_by_label("School 1").check()
    page.get_by_label("School 2").check()
    page.get_by_label("School 3").uncheck()
    held[0].continue_()
    expect(page.locator("#site_ids-choices label:not([data-before])")).not_to_have_count(0)
    expect(page.get_by_label("School 3")).not_to_be_checked()
    assert box.evaluate_all("all => all.filter((each) => each.checked).map((each) => each.value)") == [
        "1",
        "2",
    ]
    expect(box).to_have_count(3)
