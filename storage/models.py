"""The tables of the outbox, as SQLModel classes; `migrations/` creates them, a test keeps both in step.

Instants are integers: milliseconds since 1970 UTC by the device clock, because they are compared on every claim.
Signature bytes live in a table of their own: a blob in the row would make each change of state 5 to 10 times dearer.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Text,
    UniqueConstraint,
    text,
)
from sqlmodel import Field, SQLModel

# SQLite only counts rows by itself for an INTEGER primary key; PostgreSQL wants the wide type.
_Sequence = BigInteger().with_variant(Integer, "sqlite")

NEEDS_ACTION_SQL = "state IN ('parked', 'dead')"
TROUBLE_SQL = "state IN ('parked', 'dead', 'in_doubt')"


class Entry(SQLModel, table=True):
    """One queued operation with its payload, identity and state."""

    # A claim looks for literal conditions (`state = 'pending' AND due_at = 0`): SQLite uses a partial index only
    # where the statement repeats its condition word for word.
    __table_args__ = (
        Index("ix_entry_state", "state", "seq"),
        Index("ix_entry_ready", "due_at", "yields", "seq", sqlite_where=text("state = 'pending'")),
        Index("ix_entry_owed", "due_at", "url_expires_at", "seq", sqlite_where=text("state = 'accepted'")),
        # Held entries whose signature is owed: `status` counts them.
        Index("ix_entry_unsigned", "seq", sqlite_where=text("stage = 'accepted'")),
        Index("ix_entry_waits_until", "due_at", sqlite_where=text("due_at > 0")),
        Index("ix_entry_needs_action", "seq", sqlite_where=text(NEEDS_ACTION_SQL)),
        Index("ix_entry_trouble", "state", "reason", "captured_at", sqlite_where=text(TROUBLE_SQL)),
        Index("ix_entry_look", "lookup_due_mono_ms", "seq", sqlite_where=text("state = 'in_doubt'")),
        Index("ix_entry_leased", "lease_owner", "seq", sqlite_where=text("lease_owner IS NOT NULL")),
        Index("ix_entry_chain", "chain_key", "seq", sqlite_where=text("chain_key IS NOT NULL")),
        Index("ix_entry_after", "after_entry", sqlite_where=text("after_entry IS NOT NULL")),
        Index("ix_entry_target", "target_entry", sqlite_where=text("target_entry IS NOT NULL")),
        # A technician sees their own; on a device of one person nothing has an owner, and nothing is written for it.
        Index("ix_entry_owner", "owner", "seq", sqlite_where=text("owner IS NOT NULL")),
        Index("ix_entry_start", "start_at", sqlite_where=text("start_at IS NOT NULL")),
        # One record on the server belongs to one capture: two captures never claim the same one.
        Index(
            "ux_entry_created",
            "server_id",
            unique=True,
            sqlite_where=text("creates = 1 AND server_id IS NOT NULL"),
        ),
        {"sqlite_autoincrement": True},
    )

    seq: int | None = Field(default=None, sa_column=Column(_Sequence, primary_key=True, autoincrement=True))
    id: str = Field(sa_column=Column(Text, nullable=False, unique=True))
    kind: str = Field(sa_column=Column(Text, nullable=False))
    state: str = Field(sa_column=Column(Text, nullable=False))
    stage: str | None = Field(default=None, sa_column=Column(Text))
    reason: str | None = Field(default=None, sa_column=Column(Text))
    due_at: int = Field(default=0, sa_column=Column(BigInteger, nullable=False))  # 0: due now

    # What is to be sent. `request_*` are fixed at the first send and repeated byte for byte.
    creates: int = Field(sa_column=Column(Integer, nullable=False))
    has_signature: int = Field(sa_column=Column(Integer, nullable=False))
    payload_version: int = Field(default=1, sa_column=Column(Integer, nullable=False))
    payload: str = Field(sa_column=Column(Text, nullable=False))
    payload_sha256: str = Field(sa_column=Column(Text, nullable=False))
    input_digest: str = Field(sa_column=Column(Text, nullable=False))
    idempotency_key: str = Field(sa_column=Column(Text, nullable=False))
    request_path: str | None = Field(default=None, sa_column=Column(Text))
    request_body: str | None = Field(default=None, sa_column=Column(Text))
    request_digest: str | None = Field(default=None, sa_column=Column(Text))
    start_at: int | None = Field(default=None, sa_column=Column(BigInteger))

    # What it depends on.
    target_id: int | None = Field(default=None, sa_column=Column(BigInteger))
    target_entry: str | None = Field(default=None, sa_column=Column(Text))
    after_entry: str | None = Field(default=None, sa_column=Column(Text))
    chain_key: str | None = Field(default=None, sa_column=Column(Text))
    owner: str | None = Field(default=None, sa_column=Column(Text))

    # Tries. `attempts` counts those of the present step and budget; `attempt_n` numbers all that were made.
    attempts: int = Field(default=0, sa_column=Column(Integer, nullable=False))
    attempt_n: int = Field(default=0, sa_column=Column(Integer, nullable=False))
    first_attempt_at: int | None = Field(default=None, sa_column=Column(BigInteger))
    link_failures: int = Field(default=0, sa_column=Column(Integer, nullable=False))
    # How far it stands back for others: who was set back is not the next canary, in capture order or not.
    yields: int = Field(default=0, sa_column=Column(Integer, nullable=False, server_default="0"))
    first_sent_at: int | None = Field(default=None, sa_column=Column(BigInteger))
    last_sent_at: int | None = Field(default=None, sa_column=Column(BigInteger))

    # Who holds it.
    lease_owner: str | None = Field(default=None, sa_column=Column(Text))
    lease_fence: int = Field(default=0, sa_column=Column(Integer, nullable=False))
    lease_expires_at: int | None = Field(default=None, sa_column=Column(BigInteger))

    # Doubt: the settling clock is monotonic and counts within one boot only.
    doubt_at: int | None = Field(default=None, sa_column=Column(BigInteger))
    doubt_mono_ms: int | None = Field(default=None, sa_column=Column(BigInteger))
    doubt_boot: str | None = Field(default=None, sa_column=Column(Text))
    certainly_created: int = Field(default=0, sa_column=Column(Integer, nullable=False))
    # Look-ups at the server. `doubt_waited_ms` adds up over boots how long the entry has been in doubt.
    lookups: int = Field(default=0, sa_column=Column(Integer, nullable=False))
    clean_misses: int = Field(default=0, sa_column=Column(Integer, nullable=False))
    last_miss_mono_ms: int | None = Field(default=None, sa_column=Column(BigInteger))
    first_sent_server_at: int | None = Field(default=None, sa_column=Column(BigInteger))
    last_sent_server_at: int | None = Field(default=None, sa_column=Column(BigInteger))
    lookup_due_mono_ms: int | None = Field(default=None, sa_column=Column(BigInteger))
    looked_mono_ms: int | None = Field(default=None, sa_column=Column(BigInteger))
    doubt_waited_ms: int = Field(default=0, sa_column=Column(BigInteger, nullable=False, server_default="0"))

    # What the server answered. The URL is a secret: erased when it was used.
    server_id: int | None = Field(default=None, sa_column=Column(BigInteger))
    presigned_url: str | None = Field(default=None, sa_column=Column(Text))
    url_expires_at: int | None = Field(default=None, sa_column=Column(BigInteger))
    url_received_at: int | None = Field(default=None, sa_column=Column(BigInteger))
    # The way out of a spent, lost or refused URL: why it cannot be used, what is tried instead (reissue | ambient),
    # and how many were asked for anew.
    url_trouble: str | None = Field(default=None, sa_column=Column(Text))
    upload_way: str | None = Field(default=None, sa_column=Column(Text))
    url_reissues: int = Field(default=0, sa_column=Column(Integer, nullable=False, server_default="0"))

    captured_at: int = Field(sa_column=Column(BigInteger, nullable=False))
    clock_offset_ms: int | None = Field(default=None, sa_column=Column(Integer))
    clock_suspect: int = Field(default=0, sa_column=Column(Integer, nullable=False))
    uploaded_at: int | None = Field(default=None, sa_column=Column(BigInteger))
    done_at: int | None = Field(default=None, sa_column=Column(BigInteger))
    person_note: str | None = Field(default=None, sa_column=Column(Text))
    captured_mono_ms: int | None = Field(default=None, sa_column=Column(BigInteger))
    captured_boot: str | None = Field(default=None, sa_column=Column(Text))
    # Over what was fixed at capture, so that a bit that flipped on the disk is noticed.
    row_digest: str | None = Field(default=None, sa_column=Column(Text))
    # Before an update: when the intervention was last read, whether a person said to send all the same, and what the
    # server showed where it had changed there (JSON).
    checked_at: int | None = Field(default=None, sa_column=Column(BigInteger))
    check_waived: int = Field(default=0, sa_column=Column(Integer, nullable=False, server_default="0"))
    server_version: str | None = Field(default=None, sa_column=Column(Text))
    etag: str | None = Field(
        default=None, sa_column=Column(Text)
    )  # what the storage called the image it took
    bundle: str | None = Field(
        default=None, sa_column=Column(Text)
    )  # that it was handed over in, or came from


class Signature(SQLModel, table=True):
    """The image of one entry, frozen at capture. Written once; the blob stands last, facts are read without it."""

    entry_seq: int = Field(
        sa_column=Column(
            _Sequence, ForeignKey("entry.seq", ondelete="CASCADE"), primary_key=True, autoincrement=False
        )
    )
    name: str = Field(sa_column=Column(Text, nullable=False))
    mime_type: str = Field(sa_column=Column(Text, nullable=False))
    size: int = Field(sa_column=Column(Integer, nullable=False))
    sha256: str = Field(sa_column=Column(Text, nullable=False))
    md5: str = Field(sa_column=Column(Text, nullable=False))
    data: bytes = Field(sa_column=Column(LargeBinary, nullable=False))


class Attempt(SQLModel, table=True):
    """One recorded try. The row of a send is written before its first byte, so `outcome` may be empty."""

    __table_args__ = (UniqueConstraint("entry_seq", "n", name="uq_attempt_n"),)

    id: int | None = Field(default=None, sa_column=Column(_Sequence, primary_key=True))
    entry_seq: int = Field(
        sa_column=Column(BigInteger, ForeignKey("entry.seq", ondelete="CASCADE"), nullable=False)
    )
    n: int = Field(sa_column=Column(Integer, nullable=False))
    step: str = Field(sa_column=Column(Text, nullable=False))  # send | upload | lookup | person
    started_at: int = Field(sa_column=Column(BigInteger, nullable=False))
    duration_ms: int | None = Field(default=None, sa_column=Column(Integer))
    outcome: str | None = Field(default=None, sa_column=Column(Text))
    status: int | None = Field(default=None, sa_column=Column(Integer))
    reason: str | None = Field(default=None, sa_column=Column(Text))
    detail: str | None = Field(default=None, sa_column=Column(Text))
    request_id: str | None = Field(default=None, sa_column=Column(Text))
    sent_as: str | None = Field(default=None, sa_column=Column(Text))  # the owner whose tokens were used


class Receipt(SQLModel, table=True):
    """What the API answered on success, kept whole but for the presigned URL. Several: a late answer came too."""

    __table_args__ = (Index("ix_receipt_entry", "entry_seq"), Index("ix_receipt_server", "server_id"))

    id: int | None = Field(default=None, sa_column=Column(_Sequence, primary_key=True))
    entry_seq: int = Field(
        sa_column=Column(BigInteger, ForeignKey("entry.seq", ondelete="CASCADE"), nullable=False)
    )
    attempt_n: int = Field(sa_column=Column(Integer, nullable=False))
    status: int = Field(sa_column=Column(Integer, nullable=False))
    server_id: int = Field(sa_column=Column(BigInteger, nullable=False))
    answer: str = Field(sa_column=Column(Text, nullable=False))
    adopted: int = Field(sa_column=Column(Integer, nullable=False))
    at: int = Field(sa_column=Column(BigInteger, nullable=False))


class Reference(SQLModel, table=True):
    """The server id of `parent`, an entry, is written into the body of this one when it is sent."""

    __table_args__ = (Index("ix_reference_parent", "parent"),)

    entry_seq: int = Field(
        sa_column=Column(
            BigInteger, ForeignKey("entry.seq", ondelete="CASCADE"), primary_key=True, autoincrement=False
        )
    )
    parent: str = Field(sa_column=Column(Text, primary_key=True))


class Revision(SQLModel, table=True):
    """What an entry said before a person edited it; `n` is the line of the history that tells of the edit."""

    __table_args__ = (Index("ix_revision_entry", "entry_seq"),)

    id: int | None = Field(default=None, sa_column=Column(_Sequence, primary_key=True))
    entry_seq: int = Field(
        sa_column=Column(BigInteger, ForeignKey("entry.seq", ondelete="CASCADE"), nullable=False)
    )
    n: int = Field(sa_column=Column(Integer, nullable=False))
    at: int = Field(sa_column=Column(BigInteger, nullable=False))
    payload: str = Field(sa_column=Column(Text, nullable=False))
    payload_sha256: str = Field(sa_column=Column(Text, nullable=False))
    idempotency_key: str = Field(sa_column=Column(Text, nullable=False))


class Purged(SQLModel, table=True):
    """What is left of an entry that was removed: enough to answer a repeated capture, and whether it was sent."""

    id: str = Field(sa_column=Column(Text, primary_key=True))
    kind: str = Field(sa_column=Column(Text, nullable=False))
    state: str = Field(sa_column=Column(Text, nullable=False))
    input_digest: str = Field(sa_column=Column(Text, nullable=False))
    purged_at: int = Field(sa_column=Column(BigInteger, nullable=False))
    captured_at: int | None = Field(default=None, sa_column=Column(BigInteger))
    accepted_at: int | None = Field(default=None, sa_column=Column(BigInteger))
    uploaded_at: int | None = Field(default=None, sa_column=Column(BigInteger))
    done_at: int | None = Field(default=None, sa_column=Column(BigInteger))
    server_id: int | None = Field(default=None, sa_column=Column(BigInteger))
    request_digest: str | None = Field(default=None, sa_column=Column(Text))
    image_sha256: str | None = Field(default=None, sa_column=Column(Text))
    etag: str | None = Field(default=None, sa_column=Column(Text))


class Control(SQLModel, table=True):
    """Facts about the queue as a whole: pauses, gates, wake flag, worker heartbeat, clock offset. Values are JSON."""

    key: str = Field(sa_column=Column(Text, primary_key=True))
    value: str = Field(sa_column=Column(Text, nullable=False))
    at: int = Field(sa_column=Column(BigInteger, nullable=False))


class Counter(SQLModel, table=True):
    """How many entries are in each state, for each reason. Kept by triggers, so that `status` never counts rows."""

    state: str = Field(sa_column=Column(Text, primary_key=True))
    reason: str = Field(sa_column=Column(Text, primary_key=True))
    n: int = Field(sa_column=Column(Integer, nullable=False))


class Change(SQLModel, table=True):
    """An entry came into a state, or its reason or owner changed. Written by triggers; the newest are kept."""

    __table_args__ = ({"sqlite_autoincrement": True},)

    seq: int | None = Field(default=None, sa_column=Column(_Sequence, primary_key=True, autoincrement=True))
    entry_id: str = Field(sa_column=Column(Text, nullable=False))
    kind: str = Field(sa_column=Column(Text, nullable=False))
    owner: str | None = Field(default=None, sa_column=Column(Text))
    state: str = Field(sa_column=Column(Text, nullable=False))
    reason: str | None = Field(default=None, sa_column=Column(Text))
    at: int = Field(sa_column=Column(BigInteger, nullable=False))


class Sample(SQLModel, table=True):
    """How many waited, needed a person and were delivered at a moment (milliseconds): what charts are drawn from."""

    at: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    waiting: int = Field(sa_column=Column(Integer, nullable=False))
    needs_action: int = Field(sa_column=Column(Integer, nullable=False))
    delivered: int = Field(sa_column=Column(Integer, nullable=False))


class Listed(SQLModel, table=True):
    """One line of the reference list: what a company, site or rule is called. For forms, not for checks."""

    type: str = Field(sa_column=Column(Text, primary_key=True))  # company | site | rule
    id: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    name: str = Field(sa_column=Column(Text, nullable=False))
    company_id: int | None = Field(default=None, sa_column=Column(BigInteger))
