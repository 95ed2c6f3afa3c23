"""Schema versions of the ledger, run by Alembic from inside the installed package."""
