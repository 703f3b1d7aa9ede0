"""Claims, counts and lists stay flat from a thousand entries to a million: each uses its index, none sorts or scans.

The statements run on 20,000 rows without ANALYZE, as on a device, and SQLite is asked how it would run them.
"""

import itertools
from collections.abc import Iterator
from typing import Any

import pytest

from storage import chains, changes, checks, claims, overview, owing, readiness, samples, story, waits
from storage.paging import page
from storage.prepared import Prepared
from storage.queries import Narrowed, Reader
from storage.readiness import (
    DUE_REISSUES,
    DUE_UPLOADS,
    PAUSED_REISSUES,
    Filter,
    due_sends_statement,
)
from storage.update_doubts import _SENT
from storage.waits import WAKE_DUE
from tests.support.scratch import Scratch

FILTERS = [Filter(*flags) for flags in itertools.product((True, False), repeat=3)]
STATES = ("pending", "pending", "pending", "accepted", "in_doubt", "parked", "dead", "discarded") + (
    "done",
) * 12


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scratch]:
    made = Scratch(tmp_path_factory.mktemp("plans") / "queue")
    with made.database.write() as transaction:
        transaction.cursor.executemany(
            "INSERT INTO entry (id, kind, state, stage, reason, due_at, creates, has_signature, payload_version, "
            "payload, payload_sha256, input_digest, idempotency_key, attempts, attempt_n, link_failures, lease_fence, "
            "certainly_created, lookups, clean_misses, captured_at, clock_suspect, chain_key, after_entry, owner) "
            "VALUES (?, 'unplanned-preventive', ?, ?, ?, ?, 1, 1, 1, '{}', '', '', ?, 0, 0, 0, 0, 0, 0, 0, ?, 0, ?, ?, "
            "?)",
            (
                (
                    f"id-{n}",
                    state,
                    "accepted" if state == "parked" else None,
                    f"reason-{n % 5}" if state in ("parked", "dead", "in_doubt") else None,
                    n if state == "pending" and n % 3 == 0 else 0,
                    f"key-{n}",
                    n,
                    f"target:{n % 500}" if n % 4 == 0 else None,
                    f"id-{n - 1}" if n % 7 == 0 else None,
                    f"owner-{n % 40}" if n % 2 else None,
                )
                for n, state in ((n, STATES[n % len(STATES)]) for n in range(20_000))
            ),
        )
    yield made
    made.close()


def plan(scratch: Scratch, sql: str, count: int | None = None) -> list[str]:
    """The steps SQLite would take; every mark in `sql` is bound to 1, because a plan does not depend on values."""
    values = (1,) * (sql.count("?") if count is None else count)
    return [row[3] for row in scratch.all(f"EXPLAIN QUERY PLAN {sql}", values)]


def sql_of(scratch: Scratch, statement: Prepared) -> str:
    return statement.sql(scratch.database.dialect)


def assert_flat(steps: list[str], first: str) -> None:
    """The first step goes through the index `first`, and no step reads all entries or sorts."""
    assert f"INDEX {first} " in f"{steps[0]} ", steps
    wrong = [
        step for step in steps if "TEMP B-TREE" in step or (step.startswith("SCAN") and first not in step)
    ]
    assert wrong == []


@pytest.mark.parametrize("wanted", FILTERS, ids=repr)
def test_claim_of_sends_walks_what_is_ready_in_order(scratch: Scratch, wanted: Filter) -> None:
    steps = plan(scratch, sql_of(scratch, due_sends_statement(wanted)))
    assert_flat(steps, "ix_entry_ready")
    assert steps[0] == "SEARCH entry USING INDEX ix_entry_ready (due_at=?)"


def test_dependencies_are_looked_up_by_their_keys(scratch: Scratch) -> None:
    steps = "\n".join(plan(scratch, sql_of(scratch, due_sends_statement(Filter()))))
    for step in (
        "SEARCH earlier USING INDEX ix_entry_chain (chain_key=? AND seq<?)",
        "SEARCH later USING INDEX ix_entry_chain (chain_key=? AND seq>?)",
        "SEARCH reference USING COVERING INDEX sqlite_autoindex_reference_1 (entry_seq=?)",
        "SEARCH named USING INDEX sqlite_autoindex_entry_1 (id=?)",
        "SEARCH previous USING INDEX sqlite_autoindex_entry_1 (id=?)",
        "SEARCH parent USING INDEX sqlite_autoindex_entry_1 (id=?)",
        "SEARCH control USING INDEX sqlite_autoindex_control_1 (key=?)",
    ):
        assert step in steps


@pytest.mark.parametrize(
    ("name", "steps"),
    [
        ("_IN_CHAIN", ["SEARCH entry USING COVERING INDEX ix_entry_chain (chain_key=?)"]),
        ("_BEFORE", ["SEARCH entry USING INDEX ix_entry_chain (chain_key=? AND seq<?)"]),
        ("_AIMED", ["SEARCH entry USING INDEX ix_entry_target (target_entry=?)"]),
        (
            "_NAMING",
            [
                "SEARCH reference USING INDEX ix_reference_parent (parent=?)",
                "SEARCH entry USING INTEGER PRIMARY KEY (rowid=?)",
            ],
        ),
        (
            "_UNANSWERED",
            [
                "SEARCH own USING INTEGER PRIMARY KEY (rowid=?)",
                "SEARCH entry USING COVERING INDEX ix_entry_chain (chain_key=?)",
                "SEARCH attempt USING INDEX sqlite_autoindex_attempt_1 (entry_seq=?)",
            ],
        ),
        ("_MAKER", ["SEARCH entry USING INDEX ux_entry_created (server_id=?)"]),
        ("_ENTRY", ["SEARCH entry USING INDEX sqlite_autoindex_entry_1 (id=?)"]),
        ("_PURGED", ["SEARCH purged USING INDEX sqlite_autoindex_purged_1 (id=?)"]),
    ],
)
def test_chain_is_found_by_its_key_and_children_by_their_parent(
    scratch: Scratch, name: str, steps: list[str]
) -> None:
    assert plan(scratch, sql_of(scratch, vars(chains)[name])) == steps


def test_blockers_of_one_entry_are_looked_up_by_their_keys(scratch: Scratch) -> None:
    for sql, steps in plans_of(scratch, lambda reader: story.blockers(reader, 9)).items():
        wrong = [step for step in steps if step.startswith("SCAN") or "TEMP B-TREE" in step]
        assert wrong == [], sql


def test_those_behind_held_entries_are_found_from_the_held_ones(scratch: Scratch) -> None:
    """Few are held; what stands behind them is found by index, and no chain is read from its beginning."""
    (steps,) = plans_of(scratch, overview.behind_held).values()
    reads = [step for step in steps if step.startswith(("SCAN", "SEARCH"))]
    for index in ("ix_entry_after", "ix_entry_chain", "ix_entry_target", "ix_reference_parent"):
        assert any(index in step for step in reads), (index, steps)
    scans = [step for step in reads if step.startswith("SCAN") and "ix_entry_needs_action" not in step]
    assert scans == []


def test_claim_of_uploads_walks_what_is_owed_by_expiry(scratch: Scratch) -> None:
    assert_flat(plan(scratch, sql_of(scratch, DUE_UPLOADS)), "ix_entry_owed")


@pytest.mark.parametrize("statement", [DUE_REISSUES, PAUSED_REISSUES], ids=["free", "paused"])
def test_claim_of_calls_for_another_url_walks_what_is_owed(scratch: Scratch, statement: Prepared) -> None:
    assert_flat(plan(scratch, sql_of(scratch, statement)), "ix_entry_owed")


def test_owed_signatures_are_counted_without_reading_what_is_done(scratch: Scratch) -> None:
    for sql, steps in plans_of(scratch, Reader.signatures_owed).items():
        if "FROM entry" in sql:
            assert_flat(steps, "ix_entry_unsigned")


def test_waking_touches_only_what_waits(scratch: Scratch) -> None:
    steps = plan(scratch, sql_of(scratch, WAKE_DUE))
    assert_flat(steps, "ix_entry_waits_until")
    assert steps[0].startswith("SEARCH")


@pytest.mark.parametrize(
    ("name", "index"),
    [
        ("_CLAMP_DUE", "ix_entry_waits_until"),
        ("_IN_STATE", "ix_entry_state"),
        ("_LEASED", "ix_entry_leased"),
        ("_FORGIVE", "ix_entry_ready"),
        ("_OTHER_READY", "ix_entry_ready"),
        ("_OTHER_SENT", "ix_entry_state"),
        ("_SHIFT", "ix_entry_state"),
        ("_OWED_NOW", "ix_entry_owed"),
        ("_ANY_CANARY", "ix_entry_state"),
        ("_OWED_SOME", "ix_entry_state"),
        ("_FIRST_OWED_URL", "ix_entry_state"),
    ],
)
def test_statement_of_a_pass_uses_its_index(scratch: Scratch, name: str, index: str) -> None:
    (statement,) = (vars(each)[name] for each in (readiness, owing, waits, claims) if name in vars(each))
    steps = plan(scratch, sql_of(scratch, statement))
    assert any(index in step for step in steps), steps
    assert not [step for step in steps if step.startswith("SCAN") and index not in step]


class Watched:
    """Notes every statement that a reader runs, and runs it."""

    def __init__(self, cursor: Any) -> None:
        self.cursor = cursor
        self.ran: list[tuple[str, Any]] = []

    def execute(self, sql: str, values: Any = ()) -> Any:
        self.ran.append((sql, values))
        return self.cursor.execute(sql, values)


def plans_of(scratch: Scratch, look: Any) -> dict[str, list[str]]:
    with scratch.database.read() as transaction:
        watched = Watched(transaction.cursor)
        look(Reader(watched))
    return {sql: plan(scratch, sql, len(values)) for sql, values in watched.ran}


def test_counts_read_the_counters_and_no_entry(scratch: Scratch) -> None:
    for steps in plans_of(scratch, Reader.counts).values():
        assert all("counter" in step for step in steps), steps


def test_oldest_of_each_reason_is_the_first_row_of_an_index(scratch: Scratch) -> None:
    plans = plans_of(scratch, Reader.reasons)
    oldest = [steps for sql, steps in plans.items() if "FROM entry" in sql]
    assert oldest
    for steps in oldest:
        assert_flat(steps, "ix_entry_trouble")
        assert "(state=? AND reason=?)" in steps[0]


def test_first_page_of_what_needs_action_walks_its_index(scratch: Scratch) -> None:
    (steps,) = plans_of(scratch, lambda reader: reader.entries(needs_action=True)).values()
    assert_flat([step for step in steps if not step.startswith("SEARCH s ")], "ix_entry_needs_action")


def test_list_of_one_state_walks_its_index(scratch: Scratch) -> None:
    (steps,) = plans_of(scratch, lambda reader: reader.entries(states=("dead",))).values()
    assert_flat([step for step in steps if not step.startswith("SEARCH s ")], "ix_entry_state")


def test_newest_of_one_state_are_the_last_rows_of_its_index(scratch: Scratch) -> None:
    narrowed = Narrowed(states=("dead",), newest_first=True, after_id="id-500")
    (steps,) = plans_of(scratch, lambda reader: reader.listed(narrowed)).values()
    assert_flat([step for step in steps if not step.startswith("SEARCH s ")], "ix_entry_state")


def test_newest_of_all_are_read_backwards_without_sorting(scratch: Scratch) -> None:
    narrowed = Narrowed(newest_first=True, kind="curative", after_id="id-500")
    (steps,) = plans_of(scratch, lambda reader: reader.listed(narrowed)).values()
    assert steps[0] == "SEARCH e USING INTEGER PRIMARY KEY (rowid<?)"
    assert not [step for step in steps if "TEMP B-TREE" in step]


def test_search_reads_no_entry_but_those_it_finds(scratch: Scratch) -> None:
    narrowed = Narrowed(search="77", newest_first=True)
    (steps,) = plans_of(scratch, lambda reader: reader.listed(narrowed)).values()
    assert "SEARCH e USING INTEGER PRIMARY KEY (rowid=?)" in steps
    for index in ("ix_receipt_server", "ux_entry_created"):
        assert any(step.endswith(f"INDEX {index} (server_id=?)") for step in steps), steps
    scans = [step for step in steps if step.startswith("SCAN") and "COVERING INDEX" not in step]
    assert scans == []


@pytest.mark.parametrize("newest_first", [False, True])
@pytest.mark.parametrize(
    ("narrowed", "needs_action", "index"),
    [
        (Narrowed(), False, ""),
        (Narrowed(after_id="id-700"), False, ""),
        (Narrowed(owner="owner-3"), False, "ix_entry_owner"),
        (Narrowed(owner="owner-3", after_id="id-700"), False, "ix_entry_owner"),
        (Narrowed(states=("parked",)), False, "ix_entry_state"),
        (Narrowed(reason="reason-1"), True, "ix_entry_needs_action"),
    ],
)
def test_page_walks_its_index_in_order(
    scratch: Scratch, narrowed: Narrowed, needs_action: bool, index: str, newest_first: bool
) -> None:
    """Whichever way it is turned, a page reads no more than it shows, however many entries there are."""
    narrowed = narrowed._replace(newest_first=newest_first)
    (steps,) = plans_of(scratch, lambda reader: page(reader, narrowed, needs_action=needs_action)).values()
    entries = [step for step in steps if " e " in f"{step} "]
    assert not [step for step in steps if "TEMP B-TREE" in step], steps
    assert len(entries) == 1
    assert index in entries[0], steps


@pytest.mark.parametrize("newest_first", [False, True])
def test_search_reads_one_stretch_of_entries(scratch: Scratch, newest_first: bool) -> None:
    """What is looked for may stand anywhere: only so many rows are read for it, and found by their number."""
    narrowed = Narrowed(search="anybody", after_id="id-700", newest_first=newest_first)
    plans = plans_of(scratch, lambda reader: page(reader, narrowed))
    (steps,) = [steps for sql, steps in plans.items() if "payload LIKE" in sql]
    assert not [step for step in steps if "TEMP B-TREE" in step]
    assert steps[0] == "SEARCH e USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)"
    for sql, steps in plans.items():
        assert all(" USING " in step for step in steps if step.startswith(("SCAN", "SEARCH"))), (sql, steps)


def test_oldest_that_waits_and_next_that_is_due_are_found_by_index(scratch: Scratch) -> None:
    for look in (Reader.oldest_waiting, Reader.next_due):
        for sql, steps in plans_of(scratch, look).items():
            assert not [step for step in steps if "TEMP B-TREE" in step], sql
            reads = [step for step in steps if step.startswith(("SCAN", "SEARCH"))]
            assert all("USING" in step for step in reads), (sql, steps)


@pytest.mark.parametrize(
    ("statement", "steps"),
    [
        (
            checks._ANSWERS,
            [
                "SEARCH receipt USING INDEX ix_receipt_server (server_id=?)",
                "SEARCH entry USING INTEGER PRIMARY KEY (rowid=?)",
            ],
        ),
        (checks._UPLOADS, ["SEARCH entry USING INDEX ux_entry_created (server_id=?)"]),
        (checks._WAITED, ["SEARCH entry USING INTEGER PRIMARY KEY (rowid=?)"]),
        (
            _SENT,
            [
                "SEARCH entry USING INTEGER PRIMARY KEY (rowid=?)",
                "CORRELATED SCALAR SUBQUERY 1",
                "SEARCH target USING INDEX sqlite_autoindex_entry_1 (id=?)",
                "CORRELATED SCALAR SUBQUERY 2",
                "SEARCH purged USING INDEX sqlite_autoindex_purged_1 (id=?)",
            ],
        ),
    ],
    ids=["answers", "uploads", "waited", "sent"],
)
def test_what_is_known_of_a_target_is_looked_up_by_its_keys(
    scratch: Scratch, statement: Prepared, steps: list[str]
) -> None:
    assert plan(scratch, sql_of(scratch, statement)) == steps


def test_changes_are_read_and_let_go_by_their_number_alone(scratch: Scratch) -> None:
    for sql in (
        changes._AFTER,
        changes._ENDS,
        *(sql_of(scratch, vars(changes)[name]) for name in ("_OLDEST", "_NEWEST", "_LET_GO")),
    ):
        reads = [
            step
            for step in plan(scratch, sql)
            if step.startswith(("SCAN", "SEARCH", "USE")) and step != "SCAN CONSTANT ROW"
        ]
        # The least and the greatest key are found without a condition: SQLite calls that a search, too.
        assert set(reads) <= {
            "SEARCH change",
            "SEARCH change USING INTEGER PRIMARY KEY (rowid>?)",
            "SEARCH change USING INTEGER PRIMARY KEY (rowid<?)",
        }, (sql, reads)


@pytest.mark.parametrize(
    ("name", "step"),
    [
        ("_TAKEN", "(at=?)"),
        ("_BETWEEN", "(at>? AND at<?)"),
        ("_BEFORE", "(at<?)"),
        ("_LET_GO", "(at<?)"),
    ],
)
def test_samples_are_found_by_their_time(scratch: Scratch, name: str, step: str) -> None:
    first, *_ = plan(scratch, sql_of(scratch, vars(samples)[name]))
    assert first.startswith("SEARCH sample USING")
    assert first.endswith(f"INDEX sqlite_autoindex_sample_1 {step}")


def test_sample_counts_no_entry(scratch: Scratch) -> None:
    assert all(
        "counter" in step or "B-TREE" in step for step in plan(scratch, sql_of(scratch, samples._COUNTS))
    )
