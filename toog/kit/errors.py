"""Errors by what the caller must do: poison (set aside), try again, or stop with a sentence."""

import asyncpg


class StartError(Exception):
    """The program cannot start; its text is one sentence that says what to do. Exit code 2."""


class UnavailableError(Exception):
    """Something we depend on is away: answer 503 with Retry-After, or wait and try again."""

    def __init__(self, what: str, retry_after_s: float = 2.0) -> None:
        super().__init__(f"{what} is not available now")
        self.what = what
        self.retry_after_s = retry_after_s


DATA_ERRORS = (
    ValueError,  # undecodable: msgspec's and pydantic's errors are ValueErrors
    RecursionError,  # nested more deeply than a decoder follows
    asyncpg.DataError,  # SQLSTATE 22xxx; also what asyncpg raises for an argument it cannot encode
    asyncpg.IntegrityConstraintViolationError,  # SQLSTATE 23xxx
)


def is_poison(error: BaseException) -> bool:
    """Whether the data itself is at fault, so that trying again can never help."""
    return isinstance(error, DATA_ERRORS)
