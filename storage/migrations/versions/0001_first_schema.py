"""The first schema: entries, signatures, attempts, receipts, control, and counts kept by triggers.

A step never imports from `models.py`: it must do tomorrow what it did on the day it was written.
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

# A trigger cannot be forgotten by a statement: whoever changes a state changes the count in the same transaction.
# The SQL is SQLite's; another database brings its own.
_ADD = """
    INSERT INTO counter (state, reason, n) VALUES (new.state, coalesce(new.reason, ''), 1)
    ON CONFLICT (state, reason) DO UPDATE SET n = n + 1;
"""
_TAKE = """
    UPDATE counter SET n = n - 1 WHERE state = old.state AND reason = coalesce(old.reason, '');
"""

COUNTER_TRIGGERS = (
    f"CREATE TRIGGER counter_insert AFTER INSERT ON entry BEGIN {_ADD} END",
    f"CREATE TRIGGER counter_delete AFTER DELETE ON entry BEGIN {_TAKE} END",
    "CREATE TRIGGER counter_update AFTER UPDATE OF state, reason ON entry "
    "WHEN old.state IS NOT new.state OR old.reason IS NOT new.reason "
    f"BEGIN {_TAKE} {_ADD} END",
)


def upgrade() -> None:
    op.create_table(
        "control",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("key"),
    )
    op.create_table(
        "counter",
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("state", "reason"),
    )
    op.create_table(
        "entry",
        sa.Column(
            "seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False
        ),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("stage", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.Column("creates", sa.Integer(), nullable=False),
        sa.Column("has_signature", sa.Integer(), nullable=False),
        sa.Column("payload_version", sa.Integer(), nullable=False),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.Column("payload_sha256", sa.Text(), nullable=False),
        sa.Column("input_digest", sa.Text(), nullable=False),
        sa.Column("idempotency_key", sa.Text(), nullable=False),
        sa.Column("request_path", sa.Text(), nullable=True),
        sa.Column("request_body", sa.Text(), nullable=True),
        sa.Column("request_digest", sa.Text(), nullable=True),
        sa.Column("start_at", sa.BigInteger(), nullable=True),
        sa.Column("target_id", sa.BigInteger(), nullable=True),
        sa.Column("target_entry", sa.Text(), nullable=True),
        sa.Column("after_entry", sa.Text(), nullable=True),
        sa.Column("chain_key", sa.Text(), nullable=True),
        sa.Column("owner", sa.Text(), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("attempt_n", sa.Integer(), nullable=False),
        sa.Column("first_attempt_at", sa.BigInteger(), nullable=True),
        sa.Column("link_failures", sa.Integer(), nullable=False),
        sa.Column("first_sent_at", sa.BigInteger(), nullable=True),
        sa.Column("last_sent_at", sa.BigInteger(), nullable=True),
        sa.Column("lease_owner", sa.Text(), nullable=True),
        sa.Column("lease_fence", sa.Integer(), nullable=False),
        sa.Column("lease_expires_at", sa.BigInteger(), nullable=True),
        sa.Column("doubt_at", sa.BigInteger(), nullable=True),
        sa.Column("doubt_mono_ms", sa.BigInteger(), nullable=True),
        sa.Column("doubt_boot", sa.Text(), nullable=True),
        sa.Column("certainly_created", sa.Integer(), nullable=False),
        sa.Column("lookups", sa.Integer(), nullable=False),
        sa.Column("clean_misses", sa.Integer(), nullable=False),
        sa.Column("last_miss_mono_ms", sa.BigInteger(), nullable=True),
        sa.Column("server_id", sa.BigInteger(), nullable=True),
        sa.Column("presigned_url", sa.Text(), nullable=True),
        sa.Column("url_expires_at", sa.BigInteger(), nullable=True),
        sa.Column("url_received_at", sa.BigInteger(), nullable=True),
        sa.Column("captured_at", sa.BigInteger(), nullable=False),
        sa.Column("clock_offset_ms", sa.Integer(), nullable=True),
        sa.Column("clock_suspect", sa.Integer(), nullable=False),
        sa.Column("uploaded_at", sa.BigInteger(), nullable=True),
        sa.Column("done_at", sa.BigInteger(), nullable=True),
        sa.Column("person_note", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("seq"),
        sa.UniqueConstraint("id"),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_entry_after",
        "entry",
        ["after_entry"],
        unique=False,
        sqlite_where=sa.text("after_entry IS NOT NULL"),
    )
    op.create_index(
        "ix_entry_chain",
        "entry",
        ["chain_key", "seq"],
        unique=False,
        sqlite_where=sa.text("chain_key IS NOT NULL"),
    )
    op.create_index(
        "ix_entry_leased",
        "entry",
        ["lease_owner", "seq"],
        unique=False,
        sqlite_where=sa.text("lease_owner IS NOT NULL"),
    )
    op.create_index(
        "ix_entry_needs_action",
        "entry",
        ["seq"],
        unique=False,
        sqlite_where=sa.text("state IN ('parked', 'dead')"),
    )
    op.create_index(
        "ix_entry_owed",
        "entry",
        ["due_at", "url_expires_at", "seq"],
        unique=False,
        sqlite_where=sa.text("state = 'accepted'"),
    )
    op.create_index(
        "ix_entry_ready", "entry", ["due_at", "seq"], unique=False, sqlite_where=sa.text("state = 'pending'")
    )
    op.create_index(
        "ix_entry_start", "entry", ["start_at"], unique=False, sqlite_where=sa.text("start_at IS NOT NULL")
    )
    op.create_index("ix_entry_state", "entry", ["state", "seq"], unique=False)
    op.create_index(
        "ix_entry_target",
        "entry",
        ["target_entry"],
        unique=False,
        sqlite_where=sa.text("target_entry IS NOT NULL"),
    )
    op.create_index(
        "ix_entry_trouble",
        "entry",
        ["state", "reason", "captured_at"],
        unique=False,
        sqlite_where=sa.text("state IN ('parked', 'dead', 'in_doubt')"),
    )
    op.create_index(
        "ix_entry_waits_until", "entry", ["due_at"], unique=False, sqlite_where=sa.text("due_at > 0")
    )
    op.create_index(
        "ux_entry_created",
        "entry",
        ["server_id"],
        unique=True,
        sqlite_where=sa.text("creates = 1 AND server_id IS NOT NULL"),
    )
    op.create_table(
        "purged",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("input_digest", sa.Text(), nullable=False),
        sa.Column("purged_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "attempt",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("entry_seq", sa.BigInteger(), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("step", sa.Text(), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=False),
        sa.Column("duration_ms", sa.Integer(), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("detail", sa.Text(), nullable=True),
        sa.Column("request_id", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["entry_seq"], ["entry.seq"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("entry_seq", "n", name="uq_attempt_n"),
    )
    op.create_table(
        "receipt",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("entry_seq", sa.BigInteger(), nullable=False),
        sa.Column("attempt_n", sa.Integer(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("server_id", sa.BigInteger(), nullable=False),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.Column("adopted", sa.Integer(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["entry_seq"], ["entry.seq"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_receipt_entry", "receipt", ["entry_seq"], unique=False)
    op.create_table(
        "signature",
        sa.Column(
            "entry_seq",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=False,
            nullable=False,
        ),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("mime_type", sa.Text(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("md5", sa.Text(), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["entry_seq"], ["entry.seq"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("entry_seq"),
    )
    for trigger in COUNTER_TRIGGERS:
        op.execute(trigger)
