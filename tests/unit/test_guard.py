"""The guard against network in unit tests bites."""

import socket

import pytest


def test_a_unit_test_cannot_connect() -> None:
    with (
        socket.socket() as client,
        pytest.raises(pytest.fail.Exception, match="must not use the network"),
    ):
        client.connect(("127.0.0.1", 9))


async def test_an_event_loop_still_works_here() -> None:
    """The loop's own wake-up is no network."""
