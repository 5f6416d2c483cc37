"""`toog revive`: an operator brings a record to the desk, as an agent does by the API."""

from services.responder.review import Review
from services.responder.telemetry import ReviewMetrics
from toog.kit.errors import StartError, UnavailableError
from toog.kit.migrate import check_schema
from toog.kit.postgres import open_pool
from toog.kit.revive import Revived, ReviveError
from toog.kit.settings import KafkaSettings, PostgresSettings
from toog.kit.stream.client import wait_for_kafka
from toog.kit.stream.produce import producer
from toog.kit.telemetry import registry
from toog.ops.audited import Operator


class Settings(KafkaSettings, PostgresSettings):
    """Where the record is read, and where the audit row goes."""


async def revived(settings: Settings, who: Operator, record: str) -> tuple[Revived, str]:
    """What was revived, and the case that it joins. Raises StartError with a sentence."""
    await wait_for_kafka(settings)
    pool = await open_pool(settings, size=1)
    try:
        await check_schema(pool, "responder")
        async with producer(settings) as out:
            metrics = ReviewMetrics(registry())
            review = Review(pool, settings, send=out.send, metrics=metrics)
            return await review.revive(who.name, record, who.why)
    except (ReviveError, UnavailableError) as error:
        raise StartError(str(error)) from error
    finally:
        await pool.close()
