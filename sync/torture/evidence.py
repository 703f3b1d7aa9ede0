"""What both sides hold at the end of a round: read from the device's outbox and commands, and from the sandbox."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from storage import rehearsal
from storage.errors import StorageProblem
from storage.guarded import held
from storage.queries import reading
from storage.signatures import read_signature
from storage.story import story
from sync.explain import explain
from sync.payload import to_body
from sync.sandbox.rows import mails
from sync.sandbox.server import Sandbox
from sync.torture.invariants import Arrived, Edit, Facts
from sync.torture.leaks import leaks, secrets_of
from sync.torture.trial import ORDERLY, Trial, Violation
from sync.torture.visits import change_number


def facts_of(trial: Trial) -> Facts:
    """Everything that the judgement needs."""
    status = trial.command("status", "--json", expected=ORDERLY).document() or {}
    listed = trial.command("list", "--json").document()
    listed = listed if isinstance(listed, list) else []
    entries: dict[str, dict[str, Any]] = {}
    now = datetime.now(UTC)
    with reading(trial.folder) as reader:
        assert reader is not None, "the outbox was made before"
        control = reader.control()
        for entry in reader.entries():
            told = story(reader, entry["id"])
            explained = explain(told, control, now)["waiting_for"]
            entries[entry["id"]] = {**told, "body": to_body(told["payload"]), "explained": explained}
    images: dict[str, bytes] = {}
    with trial.database() as database:
        with database.read() as transaction:
            rows = {id: held(transaction, id=id) for id in entries}
            claimed = rehearsal.claimed(transaction)
        for id, row in rows.items():
            assert row is not None, "the entry was listed"
            try:
                signature = read_signature(database, row.seq)
            except StorageProblem:
                continue  # damaged: as if it were not there
            if signature is not None:
                images[id] = signature.data
    return Facts(
        list(trial.taken.values()),
        entries,
        images,
        claimed,
        _arrived(trial.sandbox),
        status,
        listed,
        list(trial.changes.values()),
        _edits(trial.sandbox),
    )


def _arrived(sandbox: Sandbox) -> list[Arrived]:
    found = []
    for record in sandbox.state.records():
        image_key = record["image_key"]
        image = None if image_key is None else sandbox.state.objects.get(image_key)
        found.append(
            Arrived(
                record["idempotency_key"],
                record["id"],
                record["body_sha256"],
                None if image is None else image[1],
                "" if image is None else image[0]["content_type"],
            )
        )
    return found


def _edits(sandbox: Sandbox) -> list[Edit]:
    return [
        Edit(number, edit["id"], mails(edit["body"]))
        for edit in sandbox.state.edits()
        if (number := change_number(edit["body"])) is not None
    ]


def leaks_of(trial: Trial) -> list[Violation]:
    """Tokens may be nowhere; a presigned URL only in the database, and only while its upload is owed."""
    with trial.database() as database:
        with database.read() as transaction:
            owed = {secret for url in rehearsal.owed_urls(transaction) for secret in secrets_of(url)}
        # What is erased must be gone from the file too, once the log has been moved into it.
        database.checkpoint()
    used = {secret for each in trial.requests() for secret in secrets_of(each["target"])}
    logs, outbox = trial.place / "logs", trial.folder.root
    found = [*leaks(logs, trial.secrets | used | owed), *leaks(outbox, trial.secrets | (used - owed))]
    return [Violation("leak", each) for each in found]
