"""Language: what is short or unclear has none; the rest is mostly right, also Flemish."""

import logging
import subprocess
import sys
import time
from pathlib import Path

import pytest

from services.router.language import LOOKED_AT, language_of

SAMPLES = Path(__file__).parents[2] / "samples" / "language" / "ours.tsv"
NONE = "und"


def rows() -> list[tuple[str, str]]:
    lines = SAMPLES.read_text().splitlines()[1:]
    return [(language, text) for language, text in (line.split("\t") for line in lines)]


def test_short_messages_in_seven_languages() -> None:
    judged = [(true, language_of(text)) for true, text in rows() if true != NONE]
    answered = [pair for pair in judged if pair[1] is not None]
    right = sum(true == told for true, told in answered) / len(answered)
    print(f"language: answered {len(answered) / len(judged):.3f}, of these right {right:.3f}")  # noqa: T201 - the figures are to be read

    assert len(judged) >= 190
    assert {true for true, _ in judged} == {"nl", "fr", "en", "de", "tr", "ar", "pl"}
    assert len(answered) / len(judged) >= 0.9
    assert right >= 0.97


@pytest.mark.parametrize("text", [text for true, text in rows() if true == NONE])
def test_what_has_no_words_has_no_language(text: str) -> None:
    assert language_of(text) is None


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("nl", "@StadPolDem kheb da gisteren ook gezien #politie247 https://example.org/the/show"),
        ("nl", "WAAR BLIJFT DE POLITIE NU"),
        ("fr", "J’AI RIEN COMPRIS\nDU TOUT"),
        ("en", "the neighbours 😂😂 are at it again"),
        ("nl", "wij kijken hier elke week naar " * 1000),
    ],
)
def test_handles_capitals_lines_and_length_change_nothing(language: str, text: str) -> None:
    assert language_of(text) == language


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("nl", "dat is van het weer"),
        ("fr", "votre vélo est où"),
        ("en", "the boss of all that 😂"),
    ],
)
def test_two_small_words_of_one_language_need_no_model(
    language: str, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.router.language._model", None)

    assert language_of(text) == language


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("es", "¿Cuándo van a abrir la calle? Mi vecino me ha dicho que no se sabe nada"),
        ("it", "Ma quando riaprite la strada? Non si capisce niente qui"),
        ("pt", "Mais uma vez ninguém atende o telefone, que vergonha"),
        ("pt", "Se for do jeito que está, não vai dar certo, mas obrigado por tudo"),
        ("ro", "Cine are cheile de la poarta, am pierdut tot ce aveam la mine"),
        ("pl", "Co by się stało, gdyby nie wy, dziękuję do końca życia"),
        ("tr", "Her gün at arabası ve it sesi, son iki gün et bile yok"),
        ("de", "Die Polizei war in Not und hat sehr gut reagiert, danke dafür"),
        ("de", "Die fahren hier so schnell, was soll das"),
    ],
)
def test_small_words_that_others_write_too_settle_nothing(language: str, text: str) -> None:
    assert language_of(text) in {language, None}


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("tr", "Dün akşam 'This Is Your Life' programını izledik ve çok beğendik teşekkürler"),
        ("tr", "Annem 'Waar Is Mijn Kind' programını çok seviyor her hafta izliyoruz"),
        (
            "uk",
            "Вчора ввечері ми дивилися програму «This Is Your Life» і вона нам дуже подобається",
        ),
        ("ar", "شاهدنا أمس برنامج This Is Your Life وكان رائعا جدا شكرا لكم جميعا"),
        (
            "de",
            "Gestern haben wir 'What Is Your Name' geschaut, sehr spannende Sendung, danke schön",
        ),
        (None, "Anoche vimos 'Where Is Your Mind' con toda la familia y nos gustó mucho, gracias"),
    ],
)
def test_a_title_in_another_language_settles_nothing(language: str | None, text: str) -> None:
    assert language_of(text) == language


@pytest.mark.parametrize(
    "piece", ["a", "a ", "é\u0301", "\ud800", "\x00", "@a", "https://", "لا", "h"]
)
def test_large_and_hostile_text_costs_no_more(piece: str) -> None:
    language_of("het model is nu geladen")
    text = piece * (8 * 2**20 // len(piece.encode(errors="surrogatepass")))
    started = time.process_time()
    language_of(text)

    assert time.process_time() - started < 0.05


def test_only_the_beginning_is_looked_at() -> None:
    assert language_of("? " * LOOKED_AT + "waar blijft de politie nu") is None


def test_nothing_of_the_text_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        for _, text in rows():
            language_of(text + "\n" + text * 20)

    assert not caplog.records


LOADING = """
import resource, socket, sys, time
def refuse(*_):
    raise SystemExit("the network was asked for")
socket.socket.connect = refuse
from services.router.language import language_of
assert "fasttext" not in sys.modules, "the model is loaded before it is needed"
before, started = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
assert language_of("waar blijft de politie nu") == "nl"
spent = time.process_time() - started
assert "requests" not in sys.modules, "an HTTP client is loaded"
print(spent, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)
"""


def test_the_model_comes_when_first_asked_for_small_quick_and_without_network() -> None:
    done = subprocess.run(
        [sys.executable, "-c", LOADING], capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr
    seconds, megabytes = map(float, done.stdout.split())
    assert seconds < 1.0
    assert megabytes < 25
