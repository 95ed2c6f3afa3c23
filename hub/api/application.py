"""The FastAPI application: every router under one error shape."""

from fastapi import FastAPI

from hub.api import (
    bindings,
    commands,
    commerce,
    disagreements,
    errors,
    events,
    gates,
    health,
    labels,
    orders,
    overview,
    pos,
    stock,
    stock_takes,
    try_ons,
    visits,
)
from hub.api.context import HubContext

VERSION = "0.1.0"


def create_application(context: HubContext) -> FastAPI:
    """Return the application around a hub."""
    app = FastAPI(
        title="Shelfwise hub",
        version=VERSION,
        summary="On-hand, try-ons, footfall and explained orders of smart-shelf stores.",
    )
    app.state.context = context
    errors.install(app)
    for module in (
        stock,
        stock_takes,
        visits,
        try_ons,
        commerce,
        pos,
        orders,
        commands,
        bindings,
        labels,
        gates,
        disagreements,
        overview,
        events,
        health,
    ):
        app.include_router(module.router)
    return app
