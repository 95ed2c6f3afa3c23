"""Pure planning maths: what to order, and why."""
