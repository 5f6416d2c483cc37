"""Kind: the message is told apart as a reader would, and never who wrote it."""

import logging
import time
from functools import cache

import pytest
from support.kinds import COUNTED, counted, features, read_silent, rows

from services.router.kind import LOOKED_AT, form, kind_of, words
from toog.contracts.verdicts import MESSAGE_KINDS, MessageKind


def test_our_lines_are_many_and_varied() -> None:
    ours, held = rows("ours.tsv"), rows("heldout.tsv")

    assert len(ours) >= 2_000
    assert len(held) >= 100
    assert not {text for *_, text in ours} & {text for *_, text in held}
    for lines in (ours, held):
        assert {label for label, *_ in lines} == set(MESSAGE_KINDS)
        assert {language for _, language, _ in lines} == {"nl", "fr", "en"}


@pytest.mark.parametrize(
    ("name", "right", "recall"),
    [("ours.tsv", 0.98, 0.95), ("heldout.tsv", 0.84, 0.7), ("independent.tsv", 0.88, 0.8)],
)
def test_it_agrees_with_a_reader(name: str, right: float, recall: float) -> None:
    judged = [(label, kind_of(text)) for label, _, text in rows(name)]
    found = sum(label == kind for label, kind in judged) / len(judged)
    recalls = {
        kind: sum(pair == (kind, kind) for pair in judged) / sum(x == kind for x, _ in judged)
        for kind in MESSAGE_KINDS
    }
    print(f"kind, {name}: {found:.3f} right; found of each {recalls}")  # noqa: T201 - the figures are to be read

    assert found >= right
    assert min(recalls.values()) >= recall


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("question", "Wanneer begint het?"),
        ("question", "wanneer begint het"),
        ("question", "Zie https://example.org/?x hoe laat is het daar"),
        ("other", "https://example.org/?x"),
        ("other", "wat een weer"),
        ("other", ""),
        ("other", "привет"),
        ("compliment", "👏👏"),
        ("other", "😂😂"),
        ("other", "???"),
        ("incident", "MIJN FIETS IS GESTOLEN!!!"),
        ("incident", "mijn fiets is gestolen?????"),
        ("compliment", "Bravo ???????"),
        ("incident", "kheb ne vent gezien in de straat met mijne gsm, gestolen"),
        ("question", "is die auto gestolen?"),
        ("compliment", "Bedankt om mijn gestolen fiets terug te vinden"),
        ("criticism", "Vous n'avez rien de mieux à faire ?"),
        ("complaint", "Ik wacht al weken op antwoord"),
    ],
)
def test_what_stands_beside_each_other(kind: MessageKind, text: str) -> None:
    assert kind_of(text) == kind


@pytest.mark.cpu(3)
@pytest.mark.parametrize(
    "piece",
    [
        "a",
        "x ",
        "? ",
        "?",
        "ik wacht ",
        "klacht van een ",
        "mijn fiets en ",
        "geen antwoord niemand neemt ",
        "hoe ",
        ". , ",
        "\u0301é😂",
        "@a.",
        "https://",
        "\ud800",
    ],
)
def test_large_and_hostile_text_has_its_time(piece: str) -> None:
    text = piece * (8 * 2**20 // len(piece.encode(errors="surrogatepass")) + 1)
    started = time.process_time()
    kind_of(text)

    assert time.process_time() - started < 1.5


def test_only_the_beginning_is_looked_at() -> None:
    assert kind_of("qwx " * LOOKED_AT + "mijn fiets is gestolen") == "other"


def test_the_counts_are_those_of_our_lines() -> None:
    assert counted(rows("ours.tsv"), read_silent()) == COUNTED.read_text(encoding="utf-8")
    assert COUNTED.stat().st_size < 500_000


GROUPS = """
moslim moslims islamitisch islamitische islam jood joden joodse christelijk christenen katholiek katholieken atheïst
arabisch arabier turk turken turks turkse marokkaan marokkanen marokkaanse pool poolse roemeen roma zigeuner
allochtoon allochtone buitenlander buitenlanders zwart zwarte blank blanke wit witte vluchteling vluchtelingen
asielzoeker migrant migranten afrikaan chinees russisch vlaming waal waalse nederlander accent hoofddoek moskee kerk
links rechts linkse rechtse socialist liberaal nationalist communist politiek politieke conservatief burgemeester
minister verkiezingen betoger betogers actievoerder staking
ziek zieke depressief dement dementie gehandicapt verslaafd blind doof autist autisme psychose psychotisch verward
zwanger gezond dik dronken zat homo homoseksueel lesbisch hetero transgender arm rijk werkloos dakloze crimineel
criminelen schuldig verdachte boef
musulman musulmane juif juive chrétien catholique arabe turc marocain noir noire blanc étranger étrangère réfugié
africain flamand wallon voile mosquée église gauche droite socialiste libéral politique manifestant grève
malade dépressif handicapé drogué aveugle sourd enceinte gros ivre alcoolique gay homosexuel lesbienne pauvre riche
chômeur criminel criminels coupable suspect
muslim jewish christian catholic arab turkish moroccan polish romanian black white foreigner foreigners refugee
immigrant african mosque church leftist conservative liberal politics political protesters
sick depressed disabled addicted blind deaf autistic pregnant fat drunk gay lesbian straight rich poor homeless
unemployed criminal criminals guilty psychotic dementia
man vrouw jongen jongeren homme femme jeunes woman lads kids bejaarde tiener
jan piet tom mohamed mohammed ahmed fatima aicha youssef mehmet john mary sarah sophie marie pierre lotte emma
🇹🇷 🇲🇦 🇧🇪 🇵🇱 🏳️‍🌈 ✝️ ☪️ ✡️ 👍🏿 🏿 🏻 ♿
"""


@cache
def known() -> frozenset[str]:
    lines = COUNTED.read_text(encoding="utf-8").splitlines()
    return frozenset(line.partition("\t")[0] for line in lines if not line.startswith("# "))


def spoken(feature: str) -> list[str]:
    return feature.removeprefix("^").split()


@pytest.mark.parametrize("group", GROUPS.split())
def test_naming_who_somebody_is_tells_nothing(group: str) -> None:
    hand = features("👍")
    said = words(group)

    assert {f for f in features(group) & known() if not form(f)} <= hand
    assert {f for f in known() for word in said if word != "👍" and word in spoken(f)} == set()


def test_names_are_not_counted() -> None:
    lines = [
        ("incident", "nl", f"gezien bij Vandermolen aan de Lindelaan, nummer {n}") for n in "123"
    ]
    told = counted(lines, read_silent())

    assert "\ngezien\t3 0 0 0 0 0\n" in told
    assert "\naan de\t3 0 0 0 0 0\n" in told
    assert not [line for line in told.splitlines()[2:] if "vand" in line or "lind" in line]


def test_flags_and_shades_are_not_counted_beside_other_words() -> None:
    told = counted([("compliment", "nl", "mooi 🌈 👏 🏿 top 👏, 🏳")] * 3, read_silent())

    assert "\ntop 👏\t0 0 0 0 3 0\n" in told
    assert not {"🌈", "🏿", "🏳"} & set(told)


def test_nothing_of_the_text_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        for *_, text in rows("ours.tsv"):
            kind_of(text)

    assert not caplog.records
