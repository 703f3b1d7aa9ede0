"""What updates, chains, repairs, bundles and receipts that outlive their payload need to remember."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    for column in (
        # Before an update: when the intervention was last read, whether a person said to send all the same, and what
        # the server showed where it had changed there.
        sa.Column("checked_at", sa.BigInteger(), nullable=True),
        sa.Column("check_waived", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("server_version", sa.Text(), nullable=True),
        sa.Column("etag", sa.Text(), nullable=True),
        # The bundle that it was handed over in, or came from.
        sa.Column("bundle", sa.Text(), nullable=True),
    ):
        op.add_column("entry", column)
    for column in (
        sa.Column("captured_at", sa.BigInteger(), nullable=True),
        sa.Column("accepted_at", sa.BigInteger(), nullable=True),
        sa.Column("uploaded_at", sa.BigInteger(), nullable=True),
        sa.Column("done_at", sa.BigInteger(), nullable=True),
        sa.Column("server_id", sa.BigInteger(), nullable=True),
        sa.Column("request_digest", sa.Text(), nullable=True),
        sa.Column("image_sha256", sa.Text(), nullable=True),
        sa.Column("etag", sa.Text(), nullable=True),
    ):
        op.add_column("purged", column)
    op.create_table(
        "reference",
        sa.Column("entry_seq", sa.BigInteger(), nullable=False),
        sa.Column("parent", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["entry_seq"], ["entry.seq"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("entry_seq", "parent"),
    )
    op.create_index("ix_reference_parent", "reference", ["parent"], unique=False)
    op.create_table(
        "revision",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("entry_seq", sa.BigInteger(), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.Column("payload_sha256", sa.Text(), nullable=False),
        sa.Column("idempotency_key", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["entry_seq"], ["entry.seq"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_revision_entry", "revision", ["entry_seq"], unique=False)
