"""Names of a contact's fields, as people write them in headers of files and in messages."""

import re
import unicodedata
from enum import StrEnum
from functools import lru_cache
from typing import Final


class Field(StrEnum):
    """What a contact has besides its custom fields; the value is its name in a message."""

    NAME = "nome"
    PHONE = "telefone"
    EMAIL = "email"
    CONDOMINIO = "condominio"
    ENDERECO = "endereco"
    CARGO = "cargo"
    TAGS = "tags"
    TIMEZONE = "fuso"


VARIABLES: Final = (
    Field.NAME,
    Field.CONDOMINIO,
    Field.ENDERECO,
    Field.CARGO,
    Field.EMAIL,
    Field.PHONE,
)
"""The fields that a message may name, in the order in which they are shown to people."""

_ALIASES: Final[dict[Field, str]] = {
    Field.NAME: (
        "nome name nome_completo full_name fullname nome_do_contato contact_name nome_do_morador "
        "nome_do_cliente"
    ),
    Field.PHONE: (
        "telefone phone fone tel celular cel mobile whatsapp wpp zap numero_whatsapp "
        "numero_de_whatsapp numero_do_whatsapp whatsapp_number telefone_celular telefone_whatsapp "
        "telefone_com_ddd celular_whatsapp celular_com_ddd numero_de_telefone numero_do_telefone "
        "numero_telefone numero_de_celular numero_do_celular phone_number mobile_phone "
        "mobile_number cell cell_phone cellphone telephone telefone_1 phone_1 celular_1"
    ),
    Field.EMAIL: "email e_mail mail email_address e_mail_address endereco_de_email",
    Field.CONDOMINIO: "condominio condominium condo nome_do_condominio",
    Field.ENDERECO: "endereco address endereco_completo full_address",
    Field.CARGO: "cargo funcao role position job_title",
    Field.TAGS: "tags tag etiquetas etiqueta marcadores marcador labels label",
    Field.TIMEZONE: "fuso timezone time_zone fuso_horario tz",
}

FIELD_BY_ALIAS: Final[dict[str, Field]] = {
    alias: field for field, aliases in _ALIASES.items() for alias in aliases.split()
}


@lru_cache(maxsize=4096)
def normalise(name: str) -> str:
    """A name without case, accents and punctuation: "E-Mail " and "e mail" are both "e_mail".

    Empty where nothing is left.
    """
    decomposed = unicodedata.normalize("NFKD", name.casefold())
    plain = "".join(char for char in decomposed if not unicodedata.combining(char)).casefold()
    return re.sub(r"[\W_]+", "_", plain).strip("_")


@lru_cache(maxsize=4096)
def variable(name: str) -> str:
    """The name under which a field's value is found: its own, or that of the field it means."""
    plain = normalise(name)
    return str(FIELD_BY_ALIAS.get(plain, plain))
