"""What the local API and the page need: every change of a state in its order, samples for charts, the reference list."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

# By triggers, as the counts: whoever changes a state cannot forget to tell. The moment is the device's own clock, for
# people to read; the order is the sequence's.
_TELL = """
    INSERT INTO change (entry_id, kind, owner, state, reason, at)
    VALUES (new.id, new.kind, new.owner, new.state, new.reason, CAST(unixepoch('subsec') * 1000 AS INTEGER));
"""
CHANGE_TRIGGERS = (
    f"CREATE TRIGGER change_insert AFTER INSERT ON entry BEGIN {_TELL} END",
    "CREATE TRIGGER change_update AFTER UPDATE OF state, reason, owner ON entry "
    "WHEN old.state IS NOT new.state OR old.reason IS NOT new.reason OR old.owner IS NOT new.owner "
    f"BEGIN {_TELL} END",
)


def upgrade() -> None:
    op.create_table(
        "change",
        sa.Column(
            "seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False
        ),
        sa.Column("entry_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("seq"),
        # A number is never given twice, also when old rows were removed: listeners go on from the last they saw.
        sqlite_autoincrement=True,
    )
    op.create_table(
        "sample",
        sa.Column("at", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("waiting", sa.Integer(), nullable=False),
        sa.Column("needs_action", sa.Integer(), nullable=False),
        sa.Column("delivered", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("at"),
    )
    op.create_table(
        "listed",
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("company_id", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("type", "id"),
    )
    op.create_index(
        "ix_entry_owner", "entry", ["owner", "seq"], sqlite_where=sa.text("owner IS NOT NULL")
    )
    for trigger in CHANGE_TRIGGERS:
        op.execute(trigger)
