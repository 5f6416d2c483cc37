"""Kafka with SASL and TLS, PostgreSQL with TLS: settings like any other."""

import ssl

import pytest
from pydantic import SecretStr

from toog.kit.errors import StartError
from toog.kit.postgres import tls
from toog.kit.settings import KafkaSettings
from toog.kit.stream.client import connection, security


def test_plain_is_the_default() -> None:
    given = connection(KafkaSettings())

    assert (given["security_protocol"], given["ssl_context"]) == ("PLAINTEXT", None)
    assert security(KafkaSettings()) is None


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"])
def test_sasl_reaches_both_clients(mechanism: str) -> None:
    settings = KafkaSettings(
        kafka_security="SASL_SSL",
        kafka_sasl_mechanism=mechanism,
        kafka_user="toog",
        kafka_password=SecretStr("geheim"),
    )
    given, wrapped = connection(settings), security(settings)

    assert given["sasl_mechanism"] == mechanism
    assert (given["sasl_plain_username"], given["sasl_plain_password"]) == ("toog", "geheim")
    assert isinstance(given["ssl_context"], ssl.SSLContext)
    assert wrapped is not None
    assert wrapped.username == "toog"
    assert wrapped.use_ssl


def test_sasl_without_a_user_is_a_sentence() -> None:
    with pytest.raises(StartError, match="TOOG_KAFKA_USER"):
        security(KafkaSettings(kafka_security="SASL_PLAINTEXT"))


def test_tls_of_the_database_asks_as_much_as_it_says() -> None:
    require, verify = tls("require", None), tls("verify-full", None)

    assert tls("disable", None) is False
    assert (require.verify_mode, require.check_hostname) == (ssl.CERT_NONE, False)
    assert (verify.verify_mode, verify.check_hostname) == (ssl.CERT_REQUIRED, True)
