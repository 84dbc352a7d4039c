"""What an installation's owner sets up from the terminal."""

import re
import socket
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import psycopg
import pytest
from tests.integration.cli.commands import Recado, sentence
from tests.support.processes import Installation


def status(installation: Installation, path: str, key: str) -> int:
    request = Request(f"{installation.url}{path}", headers={"Authorization": f"Bearer {key}"})
    try:
        with urlopen(request, timeout=20) as answer:
            return int(answer.status)
    except HTTPError as error:
        return error.code


def test_a_workspace_is_made_and_its_id_printed(
    recado: Recado, superuser: "psycopg.Connection[tuple[object, ...]]"
) -> None:
    ended = recado("workspace", "create", "Vila", "--country", "pt", "--timezone", "Europe/Lisbon")
    assert ended.code == 0
    [made] = superuser.execute(
        "SELECT name, country, timezone FROM workspace WHERE id = %s", (ended.out.strip(),)
    ).fetchall()
    assert made == ("Vila", "PT", "Europe/Lisbon")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["Vila", "--timezone", "Mars/Base"], "'Mars/Base' is not a timezone."),
        (["Vila", "--country", "XX"], "'XX' is not a country."),
        ([" "], "The workspace has no name."),
    ],
)
def test_a_workspace_of_nowhere_is_refused_in_one_sentence(
    arguments: list[str], said: str, recado: Recado
) -> None:
    assert sentence(recado("workspace", "create", *arguments)).startswith(said)


def test_a_member_is_made_with_the_password_from_standard_input(
    recado: Recado, company: str, superuser: "psycopg.Connection[tuple[object, ...]]"
) -> None:
    email = f"{company.replace(' ', '-')}@example.org"
    arguments = ["user", "create", email, "--role", "admin", "--workspace", company]
    ended = recado(*arguments, typed="uma senha de teste\nmais\n")
    assert ended.code == 0
    assert "senha" not in ended.out + ended.err
    [found] = superuser.execute(
        "SELECT role FROM membership m JOIN app_user u ON u.id = m.user_id WHERE u.id = %s",
        (ended.out.strip(),),
    ).fetchall()
    assert found == ("admin",)
    again = sentence(recado(*arguments, typed="uma senha de teste\n"))
    assert again.startswith(f"A user with the e-mail {email} exists already.")
    for typed, said in (("curta\n", "The password needs 10"), ("", "There is no password.")):
        other = ["user", "create", f"x{email}", "--workspace", company]
        assert sentence(recado(*other, typed=typed)).startswith(said)


def test_a_user_joins_another_workspace_or_takes_another_role_there(
    recado: Recado, company: str, superuser: "psycopg.Connection[tuple[object, ...]]"
) -> None:
    email = f"{company.replace(' ', '-')}@example.org"
    made = recado("user", "create", email, "--workspace", company, typed="uma senha de teste\n")
    other = f"Outra {company}"
    recado("workspace", "create", other)
    for role in ("viewer", "admin"):
        joined = recado("user", "join", email, "--role", role, "--workspace", other)
        assert joined.out == made.out
    roles = superuser.execute(
        "SELECT role FROM membership WHERE user_id = %s ORDER BY workspace_id", (made.out.strip(),)
    ).fetchall()
    assert roles == [("operator",), ("admin",)]
    unknown = sentence(recado("user", "join", "x@example.org", "--workspace", other))
    assert unknown.startswith("There is no user with the e-mail x@example.org.")


@pytest.mark.parametrize("email", ["ana", "ana@", "@example.org", "ana@example", "a b@example.org"])
def test_what_is_no_e_mail_is_refused(email: str, recado: Recado, company: str) -> None:
    ended = recado("user", "create", email, "--workspace", company, typed="uma senha de teste\n")
    assert sentence(ended).startswith(f"'{email}' is not an e-mail address.")


def test_a_key_made_here_opens_the_api_as_far_as_its_role(
    recado: Recado, company: str, installation: Installation
) -> None:
    ended = recado("apikey", "create", "painel", "--role", "viewer", "--workspace", company)
    key = ended.out.strip()
    assert ended.code == 0
    assert re.fullmatch(r"rk_\d+_\d+_[\w-]{43}", key)
    assert status(installation, "/api/v1/campaigns", key) == 200
    assert status(installation, "/api/v1/api-keys", key) == 403


def test_of_several_workspaces_one_must_be_named(recado: Recado, company: str) -> None:
    recado("workspace", "create", "outra")
    said = sentence(recado("apikey", "create", "painel"))
    assert said.startswith("There are several workspaces.")
    assert company in said
    said = sentence(recado("apikey", "create", "painel", "--workspace", "nenhuma"))
    assert said.startswith("There is no workspace 'nenhuma'.")


def test_a_migration_repeated_changes_nothing(recado: Recado) -> None:
    ended = recado("migrate")
    assert (ended.code, ended.out.strip()) == (0, "ok")


def test_the_web_server_says_that_a_port_is_taken(
    installation: Installation, recado: Recado
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ended = recado("web", "--port", taken.getsockname()[1])
    assert ended.code != 0
