"""What looking entries up, telling time without trusting the device, and noticing silent damage need to remember."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    for column in (
        # Server time of the first and last send, by the offset known then: a clock that jumps later changes neither.
        sa.Column("first_sent_server_at", sa.BigInteger(), nullable=True),
        sa.Column("last_sent_server_at", sa.BigInteger(), nullable=True),
        # In the monotonic time of `doubt_boot`, like the settling clock.
        sa.Column("lookup_due_mono_ms", sa.BigInteger(), nullable=True),
        sa.Column("looked_mono_ms", sa.BigInteger(), nullable=True),
        sa.Column("doubt_waited_ms", sa.BigInteger(), nullable=False, server_default="0"),
        sa.Column("captured_mono_ms", sa.BigInteger(), nullable=True),
        sa.Column("captured_boot", sa.Text(), nullable=True),
        sa.Column("row_digest", sa.Text(), nullable=True),
        # How far it stands back for others after a setback that was not its own fault.
        sa.Column("yields", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("url_trouble", sa.Text(), nullable=True),
        sa.Column("upload_way", sa.Text(), nullable=True),
        sa.Column("url_reissues", sa.Integer(), nullable=False, server_default="0"),
    ):
        op.add_column("entry", column)
    op.create_index(
        "ix_entry_unsigned", "entry", ["seq"], unique=False, sqlite_where=sa.text("stage = 'accepted'")
    )
    op.create_index(
        "ix_entry_look",
        "entry",
        ["lookup_due_mono_ms", "seq"],
        unique=False,
        sqlite_where=sa.text("state = 'in_doubt'"),
    )
    # Whose record is this? Asked for every intervention that a look-up lists.
    op.create_index("ix_receipt_server", "receipt", ["server_id"], unique=False)
    # Among those that are ready, who was set back comes after who was not.
    op.drop_index("ix_entry_ready", "entry")
    op.create_index(
        "ix_entry_ready",
        "entry",
        ["due_at", "yields", "seq"],
        unique=False,
        sqlite_where=sa.text("state = 'pending'"),
    )
    op.add_column("attempt", sa.Column("sent_as", sa.Text(), nullable=True))
    # Only what was captured up to here may be without a digest: none must be able to go missing unnoticed.
    op.execute(
        "INSERT INTO control (key, value, at) "
        "SELECT 'undigested_upto', CAST(coalesce(max(seq), 0) AS TEXT), 0 FROM entry"
    )
