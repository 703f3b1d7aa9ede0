"""Laws of the matcher: what it adopts is ours, what it cannot tell it does not guess, and order changes nothing."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from sync.instants import instant_text
from sync.matching import (
    NO_EVIDENCE,
    WHOLE_MINUTE_MS,
    WHOLE_SECOND_MS,
    WINDOW_AFTER_MS,
    WINDOW_BEFORE_MS,
    Evidence,
    Kind,
    Match,
    Traits,
    Wanted,
    Window,
    evidence_of,
    fits,
    is_alike,
    is_changed,
    item_id,
    made_at,
    match,
)

NOON_MS = 1_772_452_800_000
# Few values each, so that they collide often.
starts = st.integers(min_value=0, max_value=2500).map(lambda ms: NOON_MS + ms)
providers = st.sampled_from(["Zoé Nguyễn", "zoé  nguyễn", "Ana Silva", None])
rules = st.sampled_from([1, 2, 3])
ids = st.integers(min_value=1, max_value=6)
evidences = st.sampled_from(
    [
        NO_EVIDENCE,
        Evidence(1, 1, frozenset({"provider", "rule"})),
        Evidence(WHOLE_SECOND_MS, WHOLE_SECOND_MS, frozenset({"provider"})),
    ]
)
OPEN = Window(None, None)


def text(ms: int) -> str:
    return instant_text(datetime.fromtimestamp(ms / 1000, UTC))


@st.composite
def traits(draw: st.DrawFn) -> Traits:
    return Traits({"actualStart": draw(starts)}, draw(providers), frozenset(draw(st.sets(rules, max_size=2))))


@st.composite
def items(draw: st.DrawFn) -> dict[str, Any]:
    """As a list may show it: flat or nested, with or without provider, rule and unknown fields."""
    item: dict[str, Any] = {"id": draw(ids), "actualStart": text(draw(starts)), "checkType": 4}
    if draw(st.booleans()):
        item["rule"] = {"id": draw(rules)}
    provider = draw(providers)
    match draw(st.sampled_from(["flat", "nested", "none"])):
        case "flat":
            item["providerName"] = provider
        case "nested":
            item["summary"] = {"name": provider}
        case _:
            pass
    return item


def distinct(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return list({item["id"]: item for item in found}.values())


lists = st.lists(items(), max_size=6).map(distinct)


@given(traits(), st.lists(traits(), max_size=3), lists, st.sets(ids, max_size=3), evidences)
def test_only_the_one_free_record_that_fits_is_adopted(
    mine: Traits, rivals: list[Traits], listed: list[dict[str, Any]], taken: set[int], evidence: Evidence
) -> None:
    found = match(Wanted(1, mine, OPEN), rivals, listed, taken=frozenset(taken), evidence=evidence)
    free = [
        item for item in listed if item["id"] not in taken and fits(mine, item, within_ms=evidence.same_ms)
    ]
    if found.kind is Kind.ONE:
        assert [found.item] == free
        assert not any(fits(rival, free[0], within_ms=evidence.same_ms) for rival in rivals)
    elif found.kind is Kind.SEVERAL:
        assert free
    else:
        assert free == []


@given(traits(), st.lists(traits(), max_size=3), lists, evidences, st.randoms())
def test_order_of_the_list_changes_nothing(
    mine: Traits, rivals: list[Traits], listed: list[dict[str, Any]], evidence: Evidence, random: Any
) -> None:
    shuffled = list(listed)
    random.shuffle(shuffled)
    one, other = (
        match(Wanted(1, mine, OPEN), rivals, each, taken=frozenset(), evidence=evidence)
        for each in (listed, shuffled)
    )
    assert one == other


@given(traits(), traits(), lists, evidences)
def test_no_record_is_adopted_by_two_entries(
    mine: Traits, other: Traits, listed: list[dict[str, Any]], evidence: Evidence
) -> None:
    def seen(this: Traits, that: Traits) -> Match:
        return match(Wanted(1, this, OPEN), [that], listed, taken=frozenset(), evidence=evidence)

    both = seen(mine, other), seen(other, mine)
    adopted = [item_id(each.item) for each in both if each.item is not None]
    assert len(adopted) == len(set(adopted))


@given(starts, rules, providers, st.integers(0, 999))
def test_what_was_sent_fits_what_a_server_lists_that_cuts_to_seconds(
    start: int, rule: int, provider: str | None, millis: int
) -> None:
    start = start // 1000 * 1000 + millis
    mine = Traits({"actualStart": start}, provider, frozenset({rule}))
    shown = {
        "id": 1,
        "actualStart": text(start // 1000 * 1000),
        "rule": {"id": rule},
        "providerName": provider,
    }
    assert fits(mine, shown, within_ms=WHOLE_SECOND_MS)
    found = evidence_of([(mine, shown)])
    assert found.searchable
    assert found.same_ms == (1 if millis == 0 else WHOLE_SECOND_MS)
    assert found.apart_ms >= WHOLE_SECOND_MS, "a round instant proves no milliseconds"


@given(traits(), st.integers(-10_000_000, 10_000_000))
def test_what_was_made_at_another_time_is_neither_match_nor_miss(mine: Traits, away_ms: int) -> None:
    window = Window(NOON_MS, NOON_MS + 1000)
    made = NOON_MS + away_ms
    shown = {"id": 1, "actualStart": text(mine.instants["actualStart"]), "createdAt": text(made)}
    found = match(Wanted(1, mine, window), [], [shown], taken=frozenset(), evidence=NO_EVIDENCE)
    inside = -WINDOW_BEFORE_MS <= away_ms <= 1000 + WINDOW_AFTER_MS
    assert found.kind is (Kind.ONE if inside else Kind.UNCLEAR)


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists, max_leaves=4))
def test_nothing_a_server_writes_breaks_the_matcher(odd: Any) -> None:
    mine = Traits({"actualStart": NOON_MS}, "Ana Silva", frozenset({1}))
    for field in ("id", "actualStart", "createdAt", "rule", "providerName", "summary", "description"):
        shown = {"id": 1, "actualStart": text(NOON_MS), field: odd}
        match(
            Wanted(1, mine, Window(NOON_MS, NOON_MS)),
            [mine],
            [shown],
            taken=frozenset(),
            evidence=NO_EVIDENCE,
        )


@given(traits(), items(), evidences)
def test_what_no_record_of_ours_proves_excludes_nothing(
    mine: Traits, shown: dict[str, Any], evidence: Evidence
) -> None:
    """Another name, another rule: it is another record only where the list is known to show these as they were sent."""
    shown = {**shown, "actualStart": text(mine.instants["actualStart"])}
    found = match(Wanted(1, mine, OPEN), [], [shown], taken=frozenset(), evidence=evidence)
    if fits(mine, shown, within_ms=1):
        assert found.kind is Kind.ONE
    elif not evidence.trusted:
        assert found.kind is Kind.UNCLEAR


@given(traits(), st.integers(1, WHOLE_MINUTE_MS - 1))
def test_near_start_is_excluded_only_by_a_list_known_to_keep_it(mine: Traits, off_ms: int) -> None:
    """A witness on the full minute looks the same however the server cuts it."""
    shown = {"id": 1, "actualStart": text(mine.instants["actualStart"] + off_ms)}
    round_start = NOON_MS // WHOLE_MINUTE_MS * WHOLE_MINUTE_MS
    proof = Traits({"actualStart": round_start}), {"actualStart": text(round_start)}
    exact = Traits({"actualStart": round_start + 123}), {"actualStart": text(round_start + 123)}

    def seen(*known: tuple[Traits, dict[str, Any]]) -> Kind:
        evidence = evidence_of(known)
        return match(Wanted(1, mine, OPEN), [], [shown], taken=frozenset(), evidence=evidence).kind

    assert seen() is Kind.UNCLEAR
    assert seen(proof) is Kind.UNCLEAR
    assert seen(proof, exact) is Kind.NONE


# A plan: times that people choose, and that others may choose or change as well.

TWO_HOURS_MS = 2 * 3_600_000
descriptions = st.sampled_from(["Replace the pump", "replace  the PUMP", "Clean the filter", "", None])
SENT = Window(NOON_MS, NOON_MS + 1000)


@st.composite
def plans(draw: st.DrawFn) -> Traits:
    start = NOON_MS + draw(st.sampled_from([0, WHOLE_MINUTE_MS, TWO_HOURS_MS]))
    times = {"scheduledStart": start, "scheduledEnd": start + TWO_HOURS_MS}
    return Traits(times, description=draw(descriptions), planned=True)


@st.composite
def planned_items(draw: st.DrawFn) -> dict[str, Any]:
    plan = draw(plans())
    made = NOON_MS + draw(st.sampled_from([-TWO_HOURS_MS, 0, 500]))
    item: dict[str, Any] = {name: text(at) for name, at in plan.instants.items()}
    item |= {"id": draw(ids), "description": plan.description, "createdAt": text(made)}
    changed = draw(st.sampled_from([None, 0, 3_600_000]))
    return item if changed is None else item | {"updatedAt": text(made + changed)}


planned_lists = st.lists(planned_items(), max_size=5).map(distinct)


def shown_plan(plan: Traits, **changes: Any) -> dict[str, Any]:
    """The plan as the list shows it, made when it was sent and not changed since."""
    item: dict[str, Any] = {name: text(at) for name, at in plan.instants.items()}
    made = text(NOON_MS)
    return item | {"id": 1, "description": plan.description, "createdAt": made, "updatedAt": made} | changes


def seen_of(plan: Traits, *listed: dict[str, Any], window: Window = SENT) -> Kind:
    return match(Wanted(1, plan, window), [], listed, taken=frozenset(), evidence=EXACT).kind


EXACT = Evidence(1, 1, frozenset({"description"}))


@given(plans(), st.lists(plans(), max_size=3), planned_lists)
def test_plan_is_adopted_only_by_its_description_among_those_made_when_it_was_sent(
    mine: Traits, rivals: list[Traits], listed: list[dict[str, Any]]
) -> None:
    found = match(Wanted(1, mine, SENT), rivals, listed, taken=frozenset(), evidence=EXACT)
    if found.kind is Kind.ONE:
        assert found.item is not None
        assert mine.description
        assert found.item["description"].split()[0].casefold() == mine.description.split()[0].casefold()
        assert SENT.holds(made_at(found.item))
        assert not any(fits(rival, found.item, within_ms=1) for rival in rivals)


@given(plans(), planned_lists)
def test_plan_that_may_have_been_changed_at_the_server_is_never_missed(
    mine: Traits, listed: list[dict[str, Any]]
) -> None:
    """Whoever moved ours to another day in that minute must not make us send it a second time."""
    if seen_of(mine, *listed) is Kind.NONE:
        assert not any(SENT.holds(made_at(item)) and is_changed(item) for item in listed)


@given(plans())
def test_plan_is_found_by_times_and_description(plan: Traits) -> None:
    assert seen_of(plan, shown_plan(plan)) is (Kind.ONE if plan.description else Kind.UNCLEAR)


@given(plans(), st.sampled_from(["Replace the valve", "x"]))
def test_plan_with_another_description_is_another_plan(plan: Traits, other: str) -> None:
    assert seen_of(plan, shown_plan(plan, description=other)) is Kind.NONE


@given(plans())
def test_plan_made_at_a_time_that_is_not_known_is_not_taken_for_ours(plan: Traits) -> None:
    """The tablet's first request ever: the server's time was not known when it was sent."""
    assert seen_of(plan, shown_plan(plan), window=OPEN) is Kind.UNCLEAR
    assert seen_of(plan, shown_plan(plan, createdAt=None)) is Kind.UNCLEAR


@given(plans(), plans())
def test_alike_are_plans_that_no_list_can_tell_apart(one: Traits, other: Traits) -> None:
    both_fit = fits(one, shown_plan(other), within_ms=1) and fits(other, shown_plan(one), within_ms=1)
    assert is_alike(one, other) is both_fit
