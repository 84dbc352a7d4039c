"""Campaigns from the terminal, on the running installation."""

import csv
import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from tests.integration.cli.commands import Ended, Recado, sentence
from tests.integration.cli.conftest import Office

PEOPLE = 12
TEXT = "Olá {nome|morador}, assembleia do {condominio} amanhã."


def people(first: int = 0) -> str:
    rows = [f"Pessoa {n},(31) 9{first + n:04}-0001,Jardim" for n in range(PEOPLE)]
    return "\n".join(["nome,telefone,condomínio", *rows]) + "\n"


def counts(ended: Ended) -> dict[str, int]:
    """The figures of a line such as ``Campaign 1: completed; total 5, sent 5, …``."""
    line = ended.out.strip().splitlines()[-1]
    return {name: int(count) for name, count in re.findall(r"(\w+) (\d+)(?:,|$)", line)}


@pytest.fixture
def campaign(recado: Recado, office: Office) -> str:
    """The id of a draft to an imported list."""
    imported = recado("contacts", "import", office.file(people()), "--list", "Lista", *office.here)
    assert imported.code == 0, imported
    made = recado(
        "campaign", "create", "--name", "Assembleia", "--text", TEXT, "--channel", office.channel,
        "--list", "lista", *office.here,
    )  # fmt: skip
    assert made.code == 0, made
    return made.out.strip()


def test_one_line_sends_a_file_to_everyone_in_it_once(
    recado: Recado, office: Office, tmp_path: Path
) -> None:
    dirty = people() + "Ruim,123,Jardim\n" + "Repetida,31 9 0000 0001,Jardim\n"
    ended = recado(
        "send", office.file(dirty), "--text", TEXT, "--channel", office.channel.upper(),
        "--preset", "cloud", "--wait", *office.here,
    )  # fmt: skip
    assert ended.code == 0, ended
    assert f"{PEOPLE + 2} lines, {PEOPLE} created" in ended.out
    assert f"{PEOPLE} to write to, until about " in ended.out
    assert "completed" in ended.out
    found = counts(ended)
    assert (found["total"], found["sent"], found["failed"]) == (PEOPLE, PEOPLE, 0)

    [number] = re.findall(r"Campaign (\d+) started", ended.out)
    report = tmp_path / "report.csv"
    assert recado("campaign", "report", number, "--out", report, *office.here).code == 0
    with report.open(encoding="utf-8-sig", newline="") as lines:
        rows = list(csv.DictReader(lines))
    assert len(rows) == PEOPLE
    assert Counter(row["status"] in {"sent", "delivered", "read"} for row in rows) == {True: PEOPLE}
    assert len({row["provider_id"] for row in rows}) == PEOPLE

    again = recado("contacts", "import", office.file(dirty), *office.here)
    assert (again.code, "0 created, 0 updated" in again.out) == (0, True)


def test_a_campaign_is_started_followed_and_reported(
    recado: Recado, office: Office, campaign: str, environment: dict[str, str]
) -> None:
    here = office.here
    assert "draft" in recado("campaign", "progress", campaign, *here).out
    started = recado("campaign", "start", campaign, "--wait", *here)
    assert started.code == 0
    assert counts(started)["sent"] == PEOPLE
    assert "completed" in recado("campaign", "progress", campaign, "--wait", *here).out
    said = sentence(recado("campaign", "start", campaign, *here))
    assert "'start' is not possible while the state is 'completed'" in said
    piped = subprocess.run(
        [sys.executable, "-m", "recado", "campaign", "report", campaign, *here],
        env={**os.environ, **environment}, capture_output=True, check=False,
    )  # fmt: skip
    assert (piped.returncode, piped.stderr) == (0, b"")
    assert len(piped.stdout.decode("utf-8-sig").splitlines()) == PEOPLE + 1


def test_a_campaign_is_paused_resumed_and_cancelled(recado: Recado, office: Office) -> None:
    here = office.here
    recado("contacts", "import", office.file(people()), "--list", "Lista", *here)
    made = recado(
        "campaign", "create", "--name", "Devagar", "--text", TEXT, "--channel", office.channel,
        "--list", "Lista", "--preset", "conservative", *here,
    ).out.strip()  # fmt: skip
    assert "preparing" in recado("campaign", "start", made, *here).out
    assert "paused" in recado("campaign", "pause", made, *here).out
    assert sentence(recado("campaign", "pause", made, *here))
    assert "running" in recado("campaign", "resume", made, *here).out
    assert "cancelled" in recado("campaign", "cancel", made, *here).out
    said = sentence(recado("campaign", "resume", made, *here))
    assert "'resume' is not possible while the state is 'cancelled'" in said


REFUSED: list[tuple[dict[str, str | None], str]] = [
    ({"--text": "Olá {sobrenome}"}, "There is no variable {sobrenome}. The known ones are"),
    ({"--text": "Olá {nome"}, "The brace at character 5 has no partner."),
    ({"--text": " "}, "Some values are not valid."),
    ({"--channel": "nenhum"}, "There is no channel 'nenhum'. The known ones are: 'simulador'."),
    ({"--list": None}, "Some values are not valid."),
    ({"--list": "nenhuma"}, "There is no list 'nenhuma'."),
    ({"--list": None, "--tag": "nenhuma"}, "Some of the lists, tags, contacts or channels"),
    ({"--name": ""}, "Some values are not valid."),
]


def test_a_campaign_that_cannot_be_is_refused_in_one_sentence(
    recado: Recado, office: Office, campaign: str
) -> None:
    right = {"--name": "x", "--text": TEXT, "--channel": office.channel, "--list": "Lista"}
    for changes, said in REFUSED:
        options = {**right, **changes}
        given = [word for option in options.items() if option[1] is not None for word in option]
        refused = sentence(recado("campaign", "create", *given, *office.here))
        assert refused.startswith(said), (changes, refused)
    following = recado("campaign", "progress", int(campaign) + 1, *office.here)
    assert sentence(following).startswith("There is no such campaign")


def test_another_workspace_s_campaign_is_not_there(recado: Recado, campaign: str) -> None:
    other = f"Outra {campaign}"
    recado("workspace", "create", other)
    for command in ("start", "pause", "resume", "cancel", "progress", "report"):
        said = sentence(recado("campaign", command, campaign, "--workspace", other))
        assert said == "There is no such campaign in this workspace. Check the id."


def test_a_report_that_cannot_be_written_is_told_and_an_unknown_one_leaves_no_file(
    recado: Recado, office: Office, campaign: str, tmp_path: Path
) -> None:
    here = office.here
    nowhere = tmp_path / "nowhere" / "report.csv"
    said = sentence(recado("campaign", "report", campaign, "--out", nowhere, *here))
    assert said.startswith(f"The file {nowhere} cannot be used: No such file")
    left = tmp_path / "report.csv"
    assert recado("campaign", "report", "999999", "--out", left, *here).code == 1
    assert not left.exists()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "The file"),
        (b"", "The file"),
        (b"\x00\x01\x02\x03" * 500, "The file"),
        (b"nome,telefone\n", "The file"),
        (b"nome,apartamento\nAna,101\n", "No column holds phone numbers."),
    ],
)
def test_a_file_without_contacts_is_refused_before_anything_is_sent(
    content: bytes | None, said: str, recado: Recado, office: Office
) -> None:
    path = Path("/nowhere/contatos.csv") if content is None else office.file(content)
    here = office.here
    ended = recado("send", path, "--text", TEXT, "--channel", office.channel, *here)
    assert sentence(ended).startswith(said), ended
    assert sentence(recado("contacts", "import", path, *here)).startswith(said)
    assert sentence(recado("campaign", "progress", 1, *here)).startswith(
        "There is no such campaign"
    )


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--text", "Olá {nome"], "The brace at character 5"),
        (["--text", "Olá {sobrenome}"], "There is no variable {sobrenome}."),
        (["--text", "Olá", "--channel", "nenhum"], "There is no channel 'nenhum'."),
    ],
)
def test_what_is_wrong_about_a_message_is_said_before_its_file_is_imported(
    arguments: list[str], said: str, recado: Recado, office: Office
) -> None:
    ended = recado("send", office.file(people()), *arguments, *office.here)
    assert sentence(ended).startswith(said)
    assert "Import" not in ended.out


def test_a_preset_that_there_is_not_is_bad_usage(recado: Recado, office: Office) -> None:
    ended = recado(
        "send", office.file(people()), "--text", "Olá", "--preset", "reckless", *office.here
    )
    assert ended.code == 2
    assert "There is no preset 'reckless'." in ended.err


def test_a_campaign_is_made_with_a_schedule_in_the_workspace_s_time_zone(
    recado: Recado, office: Office, campaign: str
) -> None:
    made = recado(
        "campaign", "create", "--name", "Assembleia", "--text", TEXT, "--channel", office.channel,
        "--list", "lista", "--start-at", "2031-03-03 09:00", "--end-at", "2031-03-07T18:00:00Z",
        "--window", "1-3,5 09:00-18:00", "--skip-holidays", "BR", "--repeat", "day", *office.here,
    )  # fmt: skip
    assert made.code == 0, made
    started = recado("campaign", "start", made.out.strip(), *office.here)
    assert "scheduled" in started.out
    assert recado("campaign", "delete", made.out.strip(), *office.here).code == 1
    assert recado("campaign", "cancel", made.out.strip(), *office.here).code == 0
    assert "deleted" in recado("campaign", "delete", made.out.strip(), *office.here).out
    said = sentence(recado("campaign", "progress", made.out.strip(), *office.here))
    assert "campaign" in said


def test_a_file_is_not_imported_for_a_schedule_that_makes_no_sense(
    recado: Recado, office: Office
) -> None:
    file = office.file(people(500))
    ended = recado(
        "send", file, "--text", TEXT, "--channel", office.channel, "--end-at", "2020-01-01 09:00",
        *office.here,
    )  # fmt: skip
    assert "schedule.end_at" in ended.err
    assert ended.code == 1
    for option, value in (("--window", "9-18"), ("--start-at", "logo"), ("--timezone", "UTC")):
        refused = recado("send", file, "--text", TEXT, option, value, *office.here)
        assert (refused.code, option in refused.err) == (2, True), refused


def test_a_file_is_sent_at_its_time(recado: Recado, office: Office) -> None:
    ended = recado(
        "send", office.file(people(600)), "--text", TEXT, "--channel", office.channel,
        "--start-at", "2031-03-03 09:00", "--window", "09:00-18:00", "--timezone", "contact",
        *office.here,
    )  # fmt: skip
    assert ended.code == 0, ended
    assert "scheduled" in ended.out.splitlines()[-1]


@pytest.mark.parametrize(
    ("locale", "said"),
    [
        (
            "en_US.UTF-8",
            (
                f"to be written to  {PEOPLE}",
                "has the tag DNC  1",
                "slowed most by messageInterval",
                "Ana Lima +5531955550001 has the tag DNC",
                "! Everyone gets the same text",
            ),
        ),
        (
            "pt_BR.UTF-8",
            (f"receberão {PEOPLE}", "tem a etiqueta DNC 1", "! Todos recebem o mesmo texto"),
        ),
    ],
)
def test_a_preflight_says_who_gets_it_and_when_it_ends_in_the_terminals_language(
    locale: str,
    said: tuple[str, ...],
    recado: Recado,
    office: Office,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    listed = ["--list", "Lista", *office.here]
    assert recado("contacts", "import", office.file(people()), *listed).code == 0
    tagged = "nome,telefone,etiquetas\nAna Lima,31 95555-0001,DNC\n"
    assert recado("contacts", "import", office.file(tagged), *listed).code == 0
    made = recado(
        "campaign", "create", "--name", "Assembleia 2027", "--text", "Olá", "--list", "lista",
        "--preset", "conservative", *office.here,
    )  # fmt: skip
    monkeypatch.setenv("LC_ALL", locale)
    by_name = recado("campaign", "preflight", "assembleia 2027", *office.here)
    by_id = recado("campaign", "preflight", made.out.strip(), *office.here)
    assert by_name.code == by_id.code == 0, by_name
    told = re.sub(" +", " ", by_name.out)
    for words in said:
        assert re.sub(" +", " ", words) in told
    assert by_name.out.splitlines()[:3] == by_id.out.splitlines()[:3]
    assert recado("campaign", "preflight", "outra", *office.here).code == 1
