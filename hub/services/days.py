"""Which business day is asked for."""

from datetime import date

from hub.ledger import catalogue
from hub.ledger.reads import Connection
from hub.model import Store
from hub.projections.business_day import Span, business_date, business_day


def day_of(connection: Connection, store: str, day: date | None, now: int) -> tuple[Store, date, Span]:
    """Return the store, the business date asked for (today's without one) and its span. Raises NotFoundError."""
    found = catalogue.store(connection, store)
    chosen = day or business_date(found, now)
    return found, chosen, business_day(found, chosen)
