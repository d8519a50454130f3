"""The account at the root of a token."""

from __future__ import annotations

from pathlib import Path

from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Run the SQL file of the same name."""
    text = Path(__file__).with_suffix(".sql").read_text("utf-8")
    # Without parameters psycopg sends the file as it is: several statements, percent signs and all.
    op.get_bind().exec_driver_sql(text, execution_options={"no_parameters": True})
