"""Contact files as people have them, from bytes to rows."""

import tracemalloc
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recado.domain.errors import RecadoError
from recado.features.contacts.reading import ContactRow, RowError, open_contacts
from recado.features.contacts.reading.errors import (
    FileEmpty,
    FileHasNoRows,
    FileNotReadable,
    MappedColumnMissing,
    OldWorkbook,
    PhoneColumnMissing,
    TooManyColumns,
)

Read = Callable[..., list[ContactRow | RowError]]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    def read(
        content: bytes | str,
        *,
        mapping: Mapping[str, str] | None = None,
        region: str = "BR",
    ) -> list[ContactRow | RowError]:
        path = tmp_path / "upload"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        file = open_contacts(path, filename="contatos.csv", mapping=mapping, region=region)
        rows = [row for batch in file for row in batch]
        assert file.progress == 1.0
        return rows

    return read


def contacts(rows: list[ContactRow | RowError]) -> list[ContactRow]:
    return [row for row in rows if isinstance(row, ContactRow)]


def errors(rows: list[ContactRow | RowError]) -> list[RowError]:
    return [row for row in rows if isinstance(row, RowError)]


def only(rows: list[ContactRow | RowError]) -> ContactRow:
    (row,) = rows
    assert isinstance(row, ContactRow)
    return row


PEOPLE = "nome;telefone;condomínio\nJoão da Conceição;11912345678;Ipê\nÂngela;11987654321;Sabiá\n"


@pytest.mark.parametrize(
    "encoding",
    [
        "utf-8",
        "utf-8-sig",
        "latin-1",
        "cp1252",
        "cp850",
        "mac_roman",
        "utf-16",
        "utf-16-le",
        "utf-16-be",
        "utf-32",
    ],
)
def test_accents_survive_every_encoding_that_spreadsheets_write(read: Read, encoding: str) -> None:
    rows = contacts(read(PEOPLE.encode(encoding)))
    assert [(row.name, row.condominio) for row in rows] == [
        ("João da Conceição", "Ipê"),
        ("Ângela", "Sabiá"),
    ]


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
@pytest.mark.parametrize("before", range(4))
def test_the_first_accent_may_stand_far_down_the_file_and_across_any_boundary(
    read: Read, encoding: str, before: int
) -> None:
    lines = ["nome;telefone", "x" * before + ";11912345678", *["Ana;11912345678"] * 70_000]
    content = "\n".join([*lines, "Conceição;11912345678"]).encode(encoding)
    assert contacts(read(content))[-1].name == "Conceição"


def test_one_damaged_character_does_not_turn_the_others_into_rubbish(read: Read) -> None:
    content = "nome;telefone\nJoão;11912345678\nÂngela;11912345678\nÉrico;11912345678\n".encode()
    content += "José;11912345678\nÍris;11912345678\n".encode() + b"Ad\xe3o;11912345678\n"
    rows = read(content)
    assert [row.name for row in contacts(rows)][:5] == ["João", "Ângela", "Érico", "José", "Íris"]
    (warning,) = errors(rows)
    assert (warning.line, warning.column, warning.reason) == (7, "nome", "characters_lost")
    assert not warning.rejected


def test_text_in_another_script_is_read_too(read: Read) -> None:
    text = "имя;telefone\n" + "Александр Сергеевич Пушкин;+351912345678\n" * 20
    assert contacts(read(text.encode("cp1251")))[0].custom["имя"].startswith("Александр")


@pytest.mark.parametrize("delimiter", [";", ",", "\t", "|"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_delimiters_and_line_ends_are_found_out(read: Read, delimiter: str, line_end: str) -> None:
    lines = [
        ["Nome", "Celular", "Endereço"],
        ['"Ana, Bia; e ""Cia"" | Filhos"', "11 91234-5678", '"Rua A, 12; fundos"'],
        ["Bia", "11 98765-4321", "Rua B"],
    ]
    rows = contacts(read(line_end.join(delimiter.join(line) for line in lines)))
    assert [(row.line, row.name, row.endereco) for row in rows] == [
        (2, 'Ana, Bia; e "Cia" | Filhos', "Rua A, 12; fundos"),
        (3, "Bia", "Rua B"),
    ]


def test_a_declared_delimiter_is_believed(read: Read) -> None:
    row = only(read('sep=,\nnome,telefone\n"Silva; Ana",11912345678\n'))
    assert (row.line, row.name) == (3, "Silva; Ana")


def test_a_file_of_nothing_but_numbers_needs_no_delimiter(read: Read) -> None:
    rows = contacts(read("telefone\n11912345678\n11987654321\n"))
    assert [row.phone.e164 for row in rows] == ["+5511912345678", "+5511987654321"]
    assert rows[0].name == ""
    assert (rows[0].email, rows[0].tags, rows[0].custom) == (None, [], {})


def test_quoted_line_ends_belong_to_the_cell_and_lines_are_counted_as_in_the_file(
    read: Read,
) -> None:
    rows = contacts(
        read(
            'nome;telefone;obs\n"Ana\nMaria";11912345678;"um\r\ndois\n\ntrês"\n\nBia;11987654321;\n'
        )
    )
    assert [(row.line, row.name) for row in rows] == [(2, "Ana Maria"), (8, "Bia")]
    assert rows[0].custom == {"obs": "um\ndois\n\ntrês"}


def test_a_quote_that_is_never_closed_loses_nobody(read: Read) -> None:
    people = "".join(f"Pessoa {n};119{n:08};x\n" for n in range(300))
    rows = read('nome;telefone;obs\n"Ana;11912345678;x\n' + people)
    assert len(contacts(rows)) == 301
    assert contacts(rows)[0].name == "Ana"
    (warning,) = errors(rows)
    assert (warning.line, warning.reason, warning.rejected) == (2, "quote_not_closed", False)


def test_a_quote_that_the_next_one_closes_loses_nobody(read: Read) -> None:
    rows = read('nome;telefone\n"Ana;11912345678\n"Bia";11987654321\nCia;11998765432\n')
    assert [(row.line, row.name) for row in contacts(rows)] == [(2, "Ana"), (3, "Bia"), (4, "Cia")]


def test_a_quote_left_open_in_the_last_line_loses_nobody(read: Read) -> None:
    rows = read('nome;telefone\nBia;11987654321\n"Ana;11912345678')
    assert [row.name for row in contacts(rows)] == ["Bia", "Ana"]


def test_quotes_within_a_cell_are_its_own(read: Read) -> None:
    row = only(read('nome;telefone;obs\nAna "Nana" Silva;11912345678;2" de chuva\n'))
    assert row.name == 'Ana "Nana" Silva'
    assert row.custom == {"obs": '2" de chuva'}


def test_rows_may_be_shorter_or_longer_than_the_header(read: Read) -> None:
    rows = read("nome;telefone;cargo;obs\nAna;11912345678\nBia;11987654321;Síndica;x;y;z\n")
    assert [(row.name, row.cargo) for row in contacts(rows)] == [("Ana", None), ("Bia", "Síndica")]
    (warning,) = errors(rows)
    assert (warning.line, warning.column, warning.reason) == (3, "", "too_many_cells")


def test_empty_cells_beyond_the_header_are_no_matter(read: Read) -> None:
    only(read("nome;telefone\nAna;11912345678;;;\n;;;\n  ;\t\n"))


def test_control_characters_do_not_reach_a_contact(read: Read) -> None:
    row = only(read("nome;telefone;obs\n\x00An\x07a\x9f\ufeff;1191234\x005678;a\tb\x1b[0m\x85c\n"))
    assert (row.name, row.phone.e164) == ("Ana", "+5511912345678")
    assert row.custom == {"obs": "a b[0m\nc"}


def test_a_cell_of_any_length_is_survived(read: Read) -> None:
    long = "x" * 200_000
    rows = read(f"nome;telefone;obs\nAna;11912345678;{long}\nBia;11987654321;ok\n")
    assert [row.name for row in contacts(rows)] == ["Bia"]
    (error,) = errors(rows)
    assert (error.line, error.column, error.reason) == (2, "obs", "text_too_long")
    assert error.rejected
    assert len(error.value) <= 120


def test_a_file_without_line_ends_is_survived(read: Read) -> None:
    with pytest.raises(TooManyColumns):
        read("telefone;" * 300_000)


def test_titles_above_the_header_are_passed_over(read: Read) -> None:
    row = only(read("Lista de moradores 2026;;\n;;\nNome;WhatsApp;Bloco\nAna;11912345678;B\n"))
    assert (row.line, row.name, row.custom) == (4, "Ana", {"bloco": "B"})


@pytest.mark.parametrize(
    ("header", "attribute"),
    [
        ("Nome Completo", "name"),
        ("FULL NAME", "name"),
        ("Cliente", "name"),
        ("E-mail", "email"),
        ("Endereço", "endereco"),
        ("Logradouro", "endereco"),
        ("Condomínio", "condominio"),
        ("Edifício", "condominio"),
        ("Função", "cargo"),
        ("job title", "cargo"),
        ("Fuso horário", "timezone"),
    ],
)
def test_headers_are_understood_in_both_languages(read: Read, header: str, attribute: str) -> None:
    value = {"email": "ana@example.com", "timezone": "America/Manaus"}.get(attribute, "Ana")
    row = only(read(f"{header};telefone\n{value};11912345678\n"))
    assert getattr(row, attribute) == value
    assert row.custom == {}


@pytest.mark.parametrize(
    "header", ["Telefone", "CELULAR", "WhatsApp", "fone", "Phone", "mobile", "Nº WhatsApp", "cel."]
)
def test_the_phone_column_is_understood(read: Read, header: str) -> None:
    if header.startswith("Nº"):
        header = "Número WhatsApp"
    assert only(read(f"nome;{header}\nAna;11912345678\n")).phone.e164 == "+5511912345678"


def test_a_vague_header_counts_only_where_there_is_no_clear_one(read: Read) -> None:
    row = only(read("nome;rua;número;telefone\nAna;Rua A;12;11912345678\n"))
    assert (row.endereco, row.custom) == ("Rua A", {"numero": "12"})
    row = only(read("nome;contato\nAna;11912345678\n"))
    assert (row.name, row.phone.e164) == ("Ana", "+5511912345678")
    row = only(read("contato;telefone\nAna;11912345678\n"))
    assert row.name == "Ana"


def test_other_columns_fill_custom_fields(read: Read) -> None:
    row = only(read("telefone;Bloco / Torre;;bloco torre;Vazio\n11912345678;B;x;C;\n"))
    assert row.custom == {"bloco_torre": "B", "coluna_3": "x", "bloco_torre_2": "C"}


def test_of_several_phone_columns_the_mobile_is_asked_first_and_then_the_others(read: Read) -> None:
    rows = read(
        "telefone;celular;whatsapp\n"
        "1123456789;11912345678;\n"
        "1123456789;;\n"
        "1123456789;11912345678;11987654321\n"
        "1123456789;abc;\n"
        "def;abc;\n"
        ";;\t;x\n"
    )
    assert [row.phone.e164 for row in contacts(rows)] == [
        "+5511912345678",
        "+551123456789",
        "+5511987654321",
        "+551123456789",
    ]
    assert [(error.column, error.value, error.reason) for error in errors(rows)] == [
        ("celular", "abc", "phone_not_a_number"),
        ("whatsapp", "", "phone_empty"),
    ]


def test_an_explicit_mapping_wins(read: Read) -> None:
    row = only(
        read(
            "Telefone;Zap da portaria;Apelido;Nome;Lixo\n1123456789;11912345678;Nana;Ana;x\n",
            mapping={
                "zap DA portaria": "phone",
                "Apelido": "name",
                "Nome": "Nome no RG",
                "Lixo": "",
            },
        )
    )
    assert (row.phone.e164, row.name) == ("+5511912345678", "Nana")
    assert row.custom == {"nome_no_rg": "Ana", "telefone": "1123456789"}


def test_several_columns_may_be_mapped_to_one_field_in_the_order_of_preference(read: Read) -> None:
    rows = contacts(
        read(
            "a;b\n11912345678;11987654321\n11912345678;\n",
            mapping={"b": "telefone", "a": "telefone"},
        )
    )
    assert [row.phone.e164 for row in rows] == ["+5511987654321", "+5511912345678"]


def test_a_column_that_is_mapped_twice_keeps_what_was_said_first(read: Read) -> None:
    mapping = {"Apelido": "name", "apelido": "bloco"}
    row = only(read("Apelido;telefone\nNana;11912345678\n", mapping=mapping))
    assert (row.name, row.custom) == ("Nana", {})


def test_a_mapping_finds_its_header_below_a_title(read: Read) -> None:
    row = only(read("Lista;2026\nquem;onde\nAna;11912345678\n", mapping={"onde": "telefone"}))
    assert (row.line, row.custom) == (3, {"quem": "Ana"})


def test_a_mapping_of_a_column_that_is_not_there_is_refused(read: Read) -> None:
    with pytest.raises(MappedColumnMissing, match=r"'fone 2'.*nome, telefone"):
        read("nome;telefone\nAna;11912345678\n", mapping={"fone 2": "telefone"})


@pytest.mark.parametrize(
    ("phone", "reason"),
    [
        ("", "phone_empty"),
        ("123", "phone_too_short"),
        ("abc", "phone_not_a_number"),
        ("+55 11 91234-5678 / 8765", "phone_too_long"),
        ("+999123456789", "phone_invalid_country_code"),
        ("20 99999-8888", "phone_invalid"),
        ("16505551234", "phone_invalid"),
        ("5,51191E+12", "phone_rounded"),
        ("5.5119123456E+12", "phone_rounded"),
    ],
)
def test_a_row_without_a_number_to_write_to_is_reported(
    read: Read, phone: str, reason: str
) -> None:
    (error,) = errors(read(f"nome;telefone\nAna;{phone}\n"))
    assert (error.line, error.column, error.value) == (2, "telefone", phone)
    assert (error.reason, error.rejected) == (reason, True)
    assert "{" not in error.message()
    assert error.message(lambda text: "→ " + text) == "→ " + error.message()


@pytest.mark.parametrize(
    "phone", ["5,511912345678E+12", "5.511912345678e12", "1.1912345678E+10", '="11912345678"']
)
def test_a_number_that_a_spreadsheet_disguised_is_recognised(read: Read, phone: str) -> None:
    assert only(read(f"nome;telefone\nAna;{phone}\n")).phone.e164 == "+5511912345678"


@pytest.mark.parametrize("email", ["ana", "ana@", "ana@example", "a b@example.com", "x" * 300])
def test_a_wrong_email_costs_nobody_the_message(read: Read, email: str) -> None:
    row, warning = read(f"nome;telefone;email\nAna;11912345678;{email}\n")
    assert isinstance(row, ContactRow)
    assert row.email is None
    assert isinstance(warning, RowError)
    assert (warning.column, warning.reason, warning.rejected) == ("email", "email_invalid", False)


def test_an_unknown_time_zone_is_left_out_with_a_warning(read: Read) -> None:
    rows = read("telefone;fuso\n11912345678;america/sao_paulo\n11987654321;Marte\n")
    assert [row.timezone for row in contacts(rows)] == ["America/Sao_Paulo", None]
    assert [error.reason for error in errors(rows)] == ["timezone_unknown"]


def test_tags_are_split_and_each_kept_once(read: Read) -> None:
    content = 'telefone;etiquetas\n11912345678;"VIP, bloco b;vip | Síndica,"\n11987654321;'
    rows = read(content + "x" * 101 + ",y\n")
    assert [row.tags for row in contacts(rows)] == [["VIP", "bloco b", "Síndica"], ["y"]]
    assert [error.reason for error in errors(rows)] == ["tag_too_long"]


def test_a_name_that_cannot_be_one_is_reported(read: Read) -> None:
    (error,) = errors(read(f"nome;telefone;cargo\n{'x' * 201};11912345678;\n"))
    assert (error.column, error.reason, error.params) == ("nome", "name_too_long", {"limit": 200})
    (error,) = errors(read(f"nome;telefone;cargo\nAna;11912345678;{'x' * 1001}\n"))
    assert (error.column, error.reason) == ("cargo", "text_too_long")


def test_a_formula_is_plain_text_here(read: Read) -> None:
    row = only(read('nome;telefone;obs\n=HYPERLINK(1);+5511912345678;"@SUM(1,2)"\n'))
    assert (row.name, row.custom) == ("=HYPERLINK(1)", {"obs": "@SUM(1,2)"})


def test_numbers_without_country_code_are_those_of_the_region(read: Read) -> None:
    row = only(read("name,phone\nAna,912 345 678\n", region="PT"))
    assert row.phone.e164 == "+351912345678"


def test_a_table_may_begin_far_below_the_top_of_the_file(read: Read) -> None:
    row = only(read("\n" * 70_000 + "nome;telefone\nAna;11912345678\n"))
    assert row.line == 70_002


@pytest.mark.parametrize(
    "content", [b"", b"\n\n", b"\n" * 70_000, b"  \r\n", b"\xef\xbb\xbf", b"\xff\xfe"]
)
def test_an_empty_file_is_refused(read: Read, content: bytes) -> None:
    with pytest.raises(FileEmpty, match=r"contatos\.csv"):
        read(content)


@pytest.mark.parametrize("content", ["nome;telefone\n", "nome;telefone\n\n;\n", "x;y\nnome;fone"])
def test_a_file_of_headers_is_refused(read: Read, content: str) -> None:
    with pytest.raises(FileHasNoRows):
        read(content)


@pytest.mark.parametrize(
    "content",
    [
        b"%PDF-1.7 nome;telefone",
        b"\x89PNG\r\n\x1a\n" + bytes(100),
        bytes(range(256)) * 300,
        bytes(5_000),
        b"PK\x05\x06" + bytes(18),
        b"PK\x03\x04 and nothing of an archive",
    ],
)
def test_what_is_no_text_is_refused(read: Read, content: bytes) -> None:
    with pytest.raises(FileNotReadable, match="neither CSV nor XLSX"):
        read(content)


def test_an_old_or_locked_workbook_is_refused_with_the_way_out(read: Read) -> None:
    with pytest.raises(OldWorkbook, match="password"):
        read(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600))


def test_a_missing_phone_column_is_refused_with_the_columns_found(read: Read) -> None:
    with pytest.raises(PhoneColumnMissing, match="nome, e-mail, bloco") as caught:
        read("nome;e-mail;bloco\nAna;a@example.com;B\n")
    assert caught.value.found == ("nome", "e-mail", "bloco")
    assert caught.value.code == "phone_column_missing"


def test_a_file_without_headers_is_refused_with_how_to_mend_it(read: Read) -> None:
    with pytest.raises(PhoneColumnMissing, match="must name the columns"):
        read("Ana;11912345678\nBia;11987654321\n")


def test_every_refusal_of_a_file_has_a_code_of_its_own() -> None:
    kinds: list[type[RecadoError]] = [
        FileEmpty,
        FileHasNoRows,
        FileNotReadable,
        MappedColumnMissing,
        PhoneColumnMissing,
        TooManyColumns,
    ]
    assert len({kind.code for kind in kinds}) == len(kinds)


def test_rows_come_in_batches_and_as_often_as_asked(tmp_path: Path) -> None:
    path = tmp_path / "contatos.csv"
    path.write_text("telefone\n" + "".join(f"119{n:08}\n" for n in range(25)))
    file = open_contacts(path, filename="contatos.csv", batch_rows=10)
    for _ in range(2):
        assert [len(batch) for batch in file] == [10, 10, 5]


def test_the_columns_found_can_be_shown(tmp_path: Path) -> None:
    path = tmp_path / "contatos.csv"
    path.write_text("Nome;Celular;Bloco;\nAna;11912345678;B;\n")
    columns = open_contacts(path, filename="contatos.csv").columns
    assert columns.describe() == {
        "Nome": "nome",
        "Celular": "telefone",
        "Bloco": "bloco",
        "#4": "coluna_4",
    }


def test_progress_rises_with_the_lines_read(tmp_path: Path) -> None:
    path = tmp_path / "contatos.csv"
    path.write_text("telefone\n" + "11912345678\n" * 50_000)
    file = open_contacts(path, filename="contatos.csv", batch_rows=10_000)
    seen = [file.progress for _ in file]
    assert seen == sorted(seen)
    assert 0 < seen[0] < 0.5
    assert file.progress == 1.0


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    def peak(rows: int) -> int:
        path = tmp_path / f"{rows}.csv"
        path.write_text("nome;telefone;obs\n" + f"Ana;11912345678;{'x' * 400}\n" * rows)
        tracemalloc.start()
        for _ in open_contacts(path, filename="contatos.csv", batch_rows=1_000):
            pass
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    assert peak(20_000) < peak(5_000) + 500_000


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200)
@given(st.binary(max_size=400) | st.text(max_size=200).map(lambda text: "telefone;nome\n" + text))
def test_no_file_breaks_the_reader(read: Read, content: bytes | str) -> None:
    try:
        if isinstance(content, str):
            content = content.encode("utf-8", "replace")
        rows = read(content)
    except RecadoError as error:
        assert error.message()  # noqa: PT017 - either outcome is right
    else:
        assert all(row.line > 1 for row in rows)
