"""What providers called back with, from the terminal."""

import json

import psycopg
from tests.integration.cli.commands import Recado, sentence


def test_callbacks_are_listed_shown_and_applied_again(
    recado: Recado, superuser: "psycopg.Connection[tuple[object, ...]]"
) -> None:
    workspace = recado("workspace", "create", "Retornos").out.strip()
    superuser.execute(
        "INSERT INTO channel (workspace_id, name, provider, key, secrets)"
        " VALUES (%s, 'loja', 'meta', 'retornos', '')",
        (workspace,),
    )
    superuser.execute(
        "INSERT INTO callback (workspace_id, channel_id, body, processed_at, error)"
        " SELECT workspace_id, id, unnest(ARRAY[%s, %s])::bytea, now(), unnest(ARRAY[NULL, 'x y'])"
        " FROM channel WHERE workspace_id = %s",
        (
            b'{"entry": [{"id": "1", "changes": [{"field": "flows", "value": {}}]}]}',
            b"{",
            workspace,
        ),
    )
    superuser.commit()
    here = ("--workspace", "Retornos")
    lines = recado("callbacks", "list", *here).out.splitlines()
    assert [line.split("\t")[1] for line in lines] == ["loja", "loja"]
    [wrong] = recado("callbacks", "list", "--errors", *here).out.splitlines()
    assert wrong.endswith("\t1\tx y")
    number = wrong.split("\t")[0]
    shown = [
        json.loads(line)
        for line in recado("callbacks", "replay", "--dry-run", *here).out.splitlines()
    ]
    assert [one.get("event") for one in shown] == ["OtherEvent", None]
    assert recado("callbacks", "replay", "--id", number, *here).code == 0
    [still] = recado("callbacks", "list", "--errors", "--channel", "loja", *here).out.splitlines()
    assert not still.endswith("x y")
    nothing = recado("callbacks", "list", "--until", "2020-01-01 00:00", *here)
    assert (nothing.code, nothing.out) == (0, "")
    assert "callbacks" in sentence(recado("callbacks", "replay", *here))
