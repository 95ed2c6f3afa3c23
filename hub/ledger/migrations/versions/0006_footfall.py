"""Beside the raw counts of a line: estimates, who turned round, staff."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    for name in ("entered_milli", "left_milli", "turned", "staff_entered", "staff_left"):
        op.add_column("footfall", sa.Column(name, sa.BigInteger(), nullable=False, server_default="0"))
    # What was counted before has no estimate of its own: it stands for itself, as a rebuild says too.
    op.execute("UPDATE footfall SET entered_milli = 1000 * entered, left_milli = 1000 * left_")
