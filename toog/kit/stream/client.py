"""How the brokers are reached: names with their prefix, security, and waiting for an absent broker."""

import asyncio
import random
import ssl
import time
from typing import Any

import structlog
from aiokafka import AIOKafkaClient
from aiokafka.errors import KafkaError
from faststream.security import (
    BaseSecurity,
    SASLPlaintext,
    SASLScram256,
    SASLScram512,
)

from toog.contracts.topics import Topic
from toog.kit.errors import StartError
from toog.kit.postgres import tls
from toog.kit.settings import KafkaSettings

log = structlog.get_logger(__name__)


def topic_name(settings: KafkaSettings, topic: Topic) -> str:
    """The topic's name at this cluster."""
    return settings.kafka_prefix + topic.name


def group_name(settings: KafkaSettings, group: str) -> str:
    """The consumer group's name at this cluster."""
    return settings.kafka_prefix + group


def _context(settings: KafkaSettings) -> ssl.SSLContext | None:
    if "SSL" not in settings.kafka_security:
        return None
    context = tls("verify-full", settings.kafka_ca)
    assert isinstance(context, ssl.SSLContext)  # noqa: S101 - only "disable" gives no context
    return context


def connection(settings: KafkaSettings) -> dict[str, Any]:
    """What every aiokafka client takes to reach the brokers."""
    secret = settings.kafka_password
    return {
        "bootstrap_servers": settings.kafka.split(","),
        "client_id": f"toog-{settings.instance}",
        "security_protocol": settings.kafka_security,
        "ssl_context": _context(settings),
        "sasl_mechanism": settings.kafka_sasl_mechanism
        if settings.kafka_security.startswith("SASL")
        else "PLAIN",
        "sasl_plain_username": settings.kafka_user,
        "sasl_plain_password": secret.get_secret_value() if secret else None,
    }


def security(settings: KafkaSettings) -> BaseSecurity | None:
    """The same for a FastStream broker, in its own words."""
    context = _context(settings)
    if not settings.kafka_security.startswith("SASL"):
        return BaseSecurity(ssl_context=context) if context else None
    if settings.kafka_user is None or settings.kafka_password is None:
        raise StartError("TOOG_KAFKA_SECURITY asks for SASL: set TOOG_KAFKA_USER and _PASSWORD")
    kinds = {
        "PLAIN": SASLPlaintext,
        "SCRAM-SHA-256": SASLScram256,
        "SCRAM-SHA-512": SASLScram512,
    }
    return kinds[settings.kafka_sasl_mechanism](
        username=settings.kafka_user,
        password=settings.kafka_password.get_secret_value(),
        ssl_context=context,
        use_ssl=context is not None,
    )


async def wait_for_kafka(settings: KafkaSettings) -> None:
    """Returns once a broker answers. Raises StartError after `dependency_wait_s`."""
    deadline = time.monotonic() + settings.dependency_wait_s
    delay = 0.1
    while True:
        client = AIOKafkaClient(**connection(settings))
        try:
            await client.bootstrap()
        except (KafkaError, OSError) as error:
            if time.monotonic() > deadline:
                raise StartError(
                    f"Kafka does not answer at {settings.kafka} ({type(error).__name__}): "
                    "check that it runs and that TOOG_KAFKA and its credentials are right"
                ) from None
            log.info("waiting for Kafka", error=type(error).__name__)
            await asyncio.sleep(delay * random.uniform(0.5, 1.5))  # noqa: S311 - jitter, no secret
            delay = min(delay * 2, 3.0)
        else:
            return
        finally:
            await client.close()
