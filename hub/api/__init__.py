"""HTTP: routers, and errors to status in one table."""
