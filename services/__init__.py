"""The four programs, and only those."""
