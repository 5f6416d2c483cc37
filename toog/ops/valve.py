"""`toog resume`: the valve of a service, opened by hand, with a row in the audit before."""

from typing import Final

import httpx

from toog.kit.errors import StartError
from toog.kit.postgres import connect
from toog.kit.settings import PostgresSettings
from toog.ops import audited
from toog.ops.audited import Operator

WITHIN_S: Final = 10.0


async def resume(settings: PostgresSettings, who: Operator, address: str) -> list[str]:
    """Opens the closed valves of the service at this internal `host:port`; its partitions that go on.

    The audit row stands before anything is opened; its reason begins with the address. Raises
    StartError where nobody of ours answers there: an address without a service leaves no row.
    """
    async with httpx.AsyncClient(timeout=WITHIN_S, trust_env=False) as http:
        try:
            await http.get(f"http://{address}/livez")
            connection = await connect(settings)
            try:
                told = Operator(who.name, f"{address}: {who.why}")
                await audited.write(connection, told, "resume")
            finally:
                await connection.close()
            answer = (await http.post(f"http://{address}/resume")).raise_for_status().json()
            return [str(place) for place in answer["opened"]]
        except (httpx.HTTPError, httpx.InvalidURL, ValueError, KeyError, TypeError) as error:
            raise StartError(
                f"{address} does not answer as a reader of Toog ({type(error).__name__}): "
                "give the host:port of the internal listener of a router, responder or metrics"
            ) from None
