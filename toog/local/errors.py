"""What the local system says when it cannot go on."""


class LocalError(Exception):
    """One sentence for the person at the terminal: what is in the way and what to do about it."""
