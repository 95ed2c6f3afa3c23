"""The way in: a source yields deliveries, the recorder commits them, receipts go out."""
