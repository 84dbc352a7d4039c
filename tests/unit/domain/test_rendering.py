"""What a message template says, and to whom."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recado.domain.errors import InvalidInput
from recado.domain.fields import FIELD_BY_ALIAS, normalise, variable
from recado.domain.rendering import (
    EmptyName,
    TemplateError,
    UnbalancedBrace,
    UnknownVariable,
    check,
    escape,
    parse,
    render,
    values_of,
)


def rendered(text: str, **values: str | None) -> str:
    return render(parse(text), values)


@pytest.mark.parametrize(
    ("text", "values", "message"),
    [
        ("Olá {nome}!", {"nome": "Ana"}, "Olá Ana!"),
        ("Olá {nome|amigo}!", {"nome": "Ana"}, "Olá Ana!"),
        ("Olá {nome|amigo}!", {"nome": None}, "Olá amigo!"),
        ("Olá {nome|amigo}!", {"nome": ""}, "Olá amigo!"),
        ("Olá {nome|amigo}!", {"nome": " \n"}, "Olá amigo!"),
        ("Olá {nome|amigo}!", {}, "Olá amigo!"),
        ("Olá {nome}!", {}, "Olá !"),
        ("Olá {nome|}!", {}, "Olá !"),
        ("Olá {nome|a|b}!", {}, "Olá a|b!"),
        ("Olá {nome| vizinho }!", {}, "Olá  vizinho !"),
        ("{nome}{nome}", {"nome": "Ana"}, "AnaAna"),
        ("{ Nome }", {"nome": "Ana"}, "Ana"),
        ("{NOME}", {"nome": "Ana"}, "Ana"),
        ("{Condomínio}", {"condominio": "Ipê"}, "Ipê"),
        ("{E-mail}", {"email": "a@example.com"}, "a@example.com"),
        ("{name} {phone} {address} {role}", {"nome": "A", "cargo": "D"}, "A   D"),
        ("{função}", {"cargo": "Síndica"}, "Síndica"),
        ("{Bloco / Torre}", {"bloco_torre": "B"}, "B"),
        ("{{nome}}", {"nome": "Ana"}, "{nome}"),
        ("{{{nome}}}", {"nome": "Ana"}, "{Ana}"),
        ("100 % {{ }}", {}, "100 % { }"),
        ("", {}, ""),
        ("sem variáveis", {"nome": "Ana"}, "sem variáveis"),
        ("linha\n{nome}\r\nfim", {"nome": "Ana"}, "linha\nAna\r\nfim"),
    ],
)
def test_a_message_says_what_its_template_asks_for(
    text: str, values: dict[str, str | None], message: str
) -> None:
    assert render(parse(text), values) == message


def test_a_value_is_inserted_verbatim() -> None:
    assert rendered("Olá {nome}!", nome="{email} {{ \\1 %s") == "Olá {email} {{ \\1 %s!"


@pytest.mark.parametrize(
    ("text", "position"),
    [("{nome", 1), ("Olá {nome", 5), ("a}", 2), ("{a}}", 4), ("{a{b}", 1), ("{{a}", 4), ("}{", 1)],
)
def test_a_brace_without_partner_is_refused_with_its_position(text: str, position: int) -> None:
    with pytest.raises(UnbalancedBrace) as caught:
        parse(text)
    assert caught.value.position == position
    assert str(position) in caught.value.message()


@pytest.mark.parametrize(("text", "position"), [("{}", 1), ("a { }", 3), ("{|x}", 1), ("{--}", 1)])
def test_braces_that_name_nothing_are_refused_with_their_position(text: str, position: int) -> None:
    with pytest.raises(EmptyName) as caught:
        parse(text)
    assert caught.value.position == position
    assert isinstance(caught.value, InvalidInput)


def test_a_template_knows_its_variables_each_once_in_order() -> None:
    template = parse("{Bloco} {nome} {name|x} {bloco}")
    assert template.variables == ("bloco", "nome")
    assert template == parse("{Bloco} {nome} {name|x} {bloco}")


def test_the_fields_of_every_contact_are_always_known() -> None:
    check(parse("{nome}{condominio}{endereco}{cargo}{email}{telefone}{Função}"), ())


def test_custom_fields_are_known_by_any_spelling() -> None:
    check(parse("{BLOCO} {n.º do apto|?}"), ["bloco", "Nº do apto", "N o do apto"])


def test_an_unknown_variable_is_refused_with_the_list_of_known_ones() -> None:
    with pytest.raises(UnknownVariable) as caught:
        check(parse("{nome} {Condomínoi} {bloco} {xyz|a} {xyz}"), ["Bloco"])
    error = caught.value
    assert error.code == "unknown_variable"
    assert error.unknown == ("Condomínoi", "xyz")
    assert error.known == (
        "nome",
        "condominio",
        "endereco",
        "cargo",
        "email",
        "telefone",
        "bloco",
    )
    assert error.message() == (
        "There is no variable {Condomínoi}, {xyz}. The known ones are {nome}, {condominio}, "
        "{endereco}, {cargo}, {email}, {telefone}, {bloco}."
    )


def test_tags_and_time_zone_are_no_variables() -> None:
    with pytest.raises(UnknownVariable):
        check(parse("{tags} {fuso}"), ())


def test_the_values_of_a_contact_stand_under_the_names_that_templates_use() -> None:
    values = values_of(
        name="Ana",
        phone="+5511912345678",
        email=None,
        custom={"Bloco": "B", "andar": 3, "vazio": None, "Name": "somebody else"},
    )
    template = parse("{nome} {telefone} {email|-} {cargo|-} {bloco} {andar} {vazio|-}")
    assert render(template, values) == "Ana +5511912345678 - - B 3 -"


def test_a_contact_without_custom_fields_has_values_too() -> None:
    assert render(parse("{nome|amigo}"), values_of()) == "amigo"


@given(st.text())
def test_any_text_can_be_said_literally(text: str) -> None:
    template = parse(escape(text))
    assert render(template, {}) == text
    assert template.variables == ()


@given(
    st.text(alphabet="{}|an é\n"),
    st.dictionaries(st.sampled_from(["a", "n", "an", "e"]), st.none() | st.text(max_size=5)),
)
def test_what_is_a_template_can_be_rendered(text: str, values: dict[str, str | None]) -> None:
    try:
        template = parse(text)
    except TemplateError as error:
        assert text[error.position - 1] in "{}"  # noqa: PT017 - either outcome is right
        return
    message = render(template, values)
    assert message == render(parse(text), values)
    if not template.variables:
        assert escape(message).replace("{{", "{").replace("}}", "}") == message


@given(st.text())
def test_a_normalised_name_is_normal(name: str) -> None:
    assert normalise(normalise(name)) == normalise(name)
    assert variable(variable(name)) == variable(name)


def test_every_alias_is_written_as_it_is_looked_up() -> None:
    for alias, field in FIELD_BY_ALIAS.items():
        assert normalise(alias) == alias
        assert variable(alias) == field.value
