"""Open the line and hand its bytes over; know nothing of what they mean."""
