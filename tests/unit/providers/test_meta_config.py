"""What a channel on the Cloud API must be given."""

import pytest

from recado.providers.config import InvalidConfig
from recado.providers.meta.adapter import MetaAdapter

FULL = {
    "phone_number_id": "106540352242922",
    "waba_id": "102290129340398",
    "access_token": "EAAG-token_1.2|x",
    "app_secret": "um segredo",
    "verify_token": "verificar",
}


def test_a_full_config_is_taken_with_metas_own_address() -> None:
    config = MetaAdapter().configure(FULL)
    assert config["base_url"] == "https://graph.facebook.com"
    assert config["access_token"] == FULL["access_token"]


def test_spaces_around_what_was_pasted_are_forgiven() -> None:
    config = MetaAdapter().configure({**FULL, "access_token": f" {FULL['access_token']}\n"})
    assert config["access_token"] == FULL["access_token"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("phone_number_id", "+55 31"),
        ("phone_number_id", "١٢٣٤٥٦"),
        ("phone_number_id", "12345\n/../6"),
        ("waba_id", ""),
        ("access_token", ""),
        # In a header these would make every request impossible to write.
        ("access_token", "two\nlines"),
        ("access_token", "com espaço"),
        ("access_token", "chave🔑"),
        ("app_secret", ""),
        ("base_url", "ftp://example.org"),
        ("base_url", "https://"),
        ("api_version", "25"),
        ("unknown", "x"),
    ],
)
def test_a_wrong_field_is_named(field: str, value: str) -> None:
    with pytest.raises(InvalidConfig) as found:
        MetaAdapter().configure({**FULL, field: value})
    assert list(found.value.fields) == [f"config.{field}"]
