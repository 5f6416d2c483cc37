"""The desk: what is addressed to us becomes cases; what the desk answers leaves, at most once."""
