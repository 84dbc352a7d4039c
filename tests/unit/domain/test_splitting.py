"""A long text as the few bubbles that a person would send."""

import re
from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recado.domain.splitting import LONGEST, pause_between, split

# Places ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["Olá! Tudo bem?", "  Olá \n\n Tchau ", "", " \n "])
@pytest.mark.parametrize("most", [1, 0])
def test_one_part_is_the_text_as_it_is(text: str, most: int) -> None:
    assert split(text, most) == (text,)


@pytest.mark.parametrize("text", ["", "   ", "\n\n"])
def test_a_blank_text_is_left_alone(text: str) -> None:
    assert split(text, 3) == (text,)


def test_a_single_sentence_is_one_part() -> None:
    assert split(" O boleto vence amanhã. ", 3) == ("O boleto vence amanhã.",)


def test_a_text_is_cut_between_its_paragraphs_first() -> None:
    text = (
        "Olá, João. Tudo bem?\n\nA assembleia será dia 10. Às 19h.\n \nContamos com você. Até lá!"
    )
    assert split(text, 3) == (
        "Olá, João. Tudo bem?",
        "A assembleia será dia 10. Às 19h.",
        "Contamos com você. Até lá!",
    )


def test_paragraphs_are_put_together_evenly() -> None:
    paragraphs = ["a" * 30, "b" * 30, "c" * 60, "d" * 20, "e" * 40]
    assert [len(part) for part in split("\n\n".join(paragraphs), 3)] == [62, 60, 62]


def test_between_paragraphs_of_like_length_no_sentence_is_cut_off() -> None:
    paragraph = "Uma frase comum aqui. Outra frase comum ali. "
    assert len(split(f"{paragraph}\n\n{paragraph}", 3)) == 2


def test_a_long_paragraph_beside_a_short_one_is_cut_between_sentences() -> None:
    text = "Olá!\n\n" + "Esta é uma frase de tamanho médio. " * 10
    parts = split(text, 3)
    assert len(parts) == 3
    assert parts[0] == "Olá!"
    assert all(part.endswith(".") for part in parts[1:])
    assert split(text, 2)[0] == "Olá!"


def test_a_line_is_a_better_place_than_a_sentence() -> None:
    text = "Prezada Maria. Bom dia,\nO boleto vence. Amanhã."
    assert split(text, 2) == ("Prezada Maria. Bom dia,", "O boleto vence. Amanhã.")


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("Chegamos agora! venham todos aqui", "Chegamos agora!"),
        ("Vocês já viram? Está muito bonito", "Vocês já viram?"),
        ("Ficou bom demais… Venham ver logo", "Ficou bom demais…"),
        ("Ficou bom demais... Venham ver logo", "Ficou bom demais..."),
        ('Ele disse "até logo." Depois saiu', 'Ele disse "até logo."'),
        ("Ele disse (até logo.) Depois saiu", "Ele disse (até logo.)"),
        ("É *muito importante!* Leia até o fim", "É *muito importante!*"),
        ("Hoje tem festa!🎉 Venham com todos", "Hoje tem festa!🎉"),
        ("Hoje tem festa!👩🏽‍🦰❤️ Venham com todos", "Hoje tem festa!👩🏽‍🦰❤️"),
        ("O valor é R$ 1.500,00. Vence amanhã", "O valor é R$ 1.500,00."),
        ("A reunião é dia 10. 15 pessoas virão", "A reunião é dia 10."),
        ("Eu já disse que não. E repito agora", "Eu já disse que não."),
        ("Foi o que eu pus no. “Repito agora”", "Foi o que eu pus no."),
        ("Veja em https://a.com/b. Obrigado a todos", "Veja em https://a.com/b."),
        ("Tem vaga?! Tem, sim, para mais um", "Tem vaga?!"),
    ],
)
def test_a_sentence_ends_with_its_mark_and_what_closes_it(text: str, first: str) -> None:
    parts = split(text, 2)
    assert len(parts) == 2
    assert parts[0] == first


@pytest.mark.parametrize(
    "text",
    [
        "Falei ontem com o Sr. João da Silva",
        "Falei ontem com a (Dra. Ana da Silva)",
        "Fica na Av. Brasil ou na R. Quinze",
        "Moro no nº. 10 e você no no. 12 agora",
        "O preço dele é R$ 1.500,00 à vista",
        "Começa às 15.30h e vai até às 18.00h",
        "Leia www.exemplo.com.br/a.b?c=1.5 hoje",
        "Escreva para maria.silva@exemplo.com hoje",
        "São 3.5 kg ou 1.000.000 de gramas só",
        "Foi J. K. Souza quem veio aqui ontem",
        "A empresa S.A. Silva não veio hoje",
        "Pois é... então ficou assim mesmo",
        "Pois é… então ficou assim mesmo",
        "Temos aprox. dez vagas e etc. ainda",
        "Uma vírgula, um ponto; e dois: aqui",
        "Um ponto . perdido no meio da frase",
    ],
)
def test_an_abbreviation_a_number_or_an_address_ends_no_sentence(text: str) -> None:
    assert split(text, 3) == (text,)


def test_a_list_stays_together_with_the_line_that_introduces_it() -> None:
    text = (
        "Bom dia a todos os moradores. Sejam bem-vindos.\n"
        "Tragam por favor:\n- RG. Original.\n- CPF. Cópia.\n- Procuração. Assinada.\n"
        "Obrigado pela atenção de todos vocês."
    )
    assert split(text, 6) == (
        "Bom dia a todos os moradores.",
        "Sejam bem-vindos.",
        "Tragam por favor:\n- RG. Original.\n- CPF. Cópia.\n- Procuração. Assinada.",
        "Obrigado pela atenção de todos vocês.",
    )


@pytest.mark.parametrize(
    "text",
    [
        "1. Abra o aplicativo.\n2. Toque em pagar.\n3. Confirme.",
        "a) Abra o aplicativo.\nb) Toque em pagar.\nc) Confirme.",
        "1️⃣ Abra o aplicativo.\n2️⃣ Toque em pagar.\n3️⃣ Confirme.",
        "📅 Data: 10/10. Sexta.\n🕐 Hora: 19h. Em ponto.\n📍 Local: salão.",
        "• Abra o aplicativo.\n  Aguarde um pouco. Pronto.\n• Toque em pagar.",
        "*Documentos:*\n\n- RG. Original.\n- CPF. Cópia.",
    ],
)
def test_items_stay_together_whatever_marks_them(text: str) -> None:
    assert split(text, 5) == (text,)


def test_a_list_is_cut_between_items_where_it_is_too_long_to_be_sent() -> None:
    items = [f"- item número {number} da lista" for number in range(30)]
    parts = split("\n".join(items), 5, longest=300)
    assert all(len(part) <= 300 for part in parts)
    assert "\n".join(parts) == "\n".join(items)


# Lengths ---------------------------------------------------------------------------------------


def test_sentences_are_spread_evenly() -> None:
    text = " ".join(f"Esta é a frase de número {number:02}." for number in range(12))
    assert [part.count(".") for part in split(text, 4)] == [3, 3, 3, 3]


def test_a_greeting_before_a_long_sentence_is_no_part_of_its_own() -> None:
    text = "Olá! " + "Esta é uma frase bem mais comprida do que a saudação " * 3
    assert len(split(text, 2)) == 1


def test_a_text_of_more_sentences_than_can_be_weighed_is_still_cut_at_sentences() -> None:
    text = "Uma frase bem curta aqui. " * 300
    parts = split(text, 4)
    assert len(parts) == 4
    assert all(part.endswith(".") for part in parts)
    assert max(map(len, parts)) < 1.2 * min(map(len, parts))


def test_a_long_text_without_sentences_is_cut_between_words_and_evenly() -> None:
    parts = split("palavra " * 1000, 5)
    assert [len(part) for part in parts] == [3999, 3999]


def test_a_word_too_long_to_be_sent_is_cut() -> None:
    assert split("é " + "x" * 25, 5, longest=10) == ("é", "x" * 10, "x" * 10, "x" * 5)


def test_a_word_that_can_be_sent_is_not_cut_to_make_parts_even() -> None:
    parts = split("a b c " + "x" * 10 + " d e f " + "y" * 9, 9, longest=10)
    assert "x" * 10 in parts
    assert "y" * 9 in parts


def test_a_text_too_long_for_so_many_parts_has_a_last_one_that_takes_the_rest() -> None:
    parts = split("palavra " * 100, 2, longest=100)
    assert len(parts) == 2
    assert len(parts[0]) <= 100


@pytest.mark.parametrize("character", ["👨‍👩‍👧‍👦", "🇧🇷", "👍🏽", "ã", "❤️", "1️⃣", "🏴󠁧󠁢󠁳󠁣󠁴󠁿", "각"])
def test_no_character_made_of_several_is_ever_cut(character: str) -> None:
    parts = split(character * 40, 100, longest=9)
    assert "".join(parts) == character * 40
    assert all(len(part) % len(character) == 0 for part in parts)


def test_a_character_longer_than_a_message_is_kept_whole() -> None:
    tall = "e" + "\u0301" * 30
    assert split(tall + "abcdefghijkl", 9, longest=10)[0] == tall
    assert split(tall, 9, longest=10) == (tall,)


def test_a_mark_upon_a_space_stays_with_it() -> None:
    text = "Pronto! \u0301Depois disso"
    assert split(text, 2) == (text,)
    assert split(text, 3, longest=10) == ("Pronto! \u0301D", "epois", "disso")


# Pauses ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("length", "chance", "seconds"),
    [(0, 0.5, 1), (10, 0.5, 1), (60, 0.5, 4), (60, 0, 3.2), (60, 1, 4.8), (4096, 0, 8)],
)
def test_the_pause_before_a_part_is_the_time_to_type_it(
    length: int, chance: float, seconds: float
) -> None:
    assert pause_between("x" * length, chance) == pytest.approx(seconds)


# Always ----------------------------------------------------------------------------------------

words = st.sampled_from(
    [
        "Olá",
        "Sr.",
        "fim.",
        "R$",
        "1.500,00",
        "não!",
        "é?",
        "e…",
        "- ",
        "1.",
        "nº",
        "x" * 50,
        "👨‍👩‍👧",
        "\u0301",
    ]
) | st.text(min_size=1, max_size=8)
gaps = st.sampled_from([" ", " ", " ", "\n", "\n\n", "\t", "\r\n", "\u00a0", "\n- ", ""])
texts = st.lists(st.tuples(words, gaps), max_size=60).map(
    lambda pairs: "".join(word + gap for word, gap in pairs)
)


def without_space(text: str) -> str:
    return re.sub(r"\s+", "", text)


@given(texts, st.integers(1, 8), st.integers(5, 120))
def test_nothing_is_lost_but_white_space(text: str, most: int, longest: int) -> None:
    parts = split(text, most, longest=longest)
    assert 1 <= len(parts) <= most
    assert without_space("".join(parts)) == without_space(text)
    # What is inside a part stays as it was written.
    assert all(part in text for part in parts)
    if len(parts) > 1:
        assert all(part and part == part.strip() for part in parts)


@given(texts, st.integers(2, 8))
def test_no_word_is_cut_in_a_text_that_can_be_sent(text: str, most: int) -> None:
    parts = split(text, most)
    assert [word for part in parts for word in part.split()] == text.split()


@given(
    st.lists(st.text("abcdé", min_size=1, max_size=12), min_size=1, max_size=60),
    st.integers(2, 12),
    st.integers(12, 80),
)
def test_every_part_can_be_sent_where_so_many_parts_hold_the_text(
    plain: list[str], most: int, longest: int
) -> None:
    parts = split(" ".join(plain), most, longest=longest)
    # As full as they may be: nobody needs fewer parts.
    lengths = [0]
    for word in plain:
        if lengths[-1] + len(word) > longest:
            lengths.append(0)
        lengths[-1] += len(word) + 1
    if len(lengths) <= most:
        assert max(map(len, parts)) <= longest
        assert [word for part in parts for word in part.split()] == plain


GRAPHEMES = [
    "a",
    "ç",
    "e\u0301",
    "👍",
    "👍🏽",
    "👨‍👩‍👧‍👦",
    "🇧🇷",
    "🇵🇹",
    "❤️",
    "1️⃣",
    "🏳️‍🌈",
    " ",
    ".",
    "! ",
]


@given(
    st.lists(st.sampled_from(GRAPHEMES), min_size=1, max_size=80),
    st.integers(2, 20),
    st.integers(15, 40),
)
def test_parts_are_made_of_whole_characters(characters: list[str], most: int, longest: int) -> None:
    text = "".join(characters)
    edges = {0, *accumulate(map(len, characters))}
    # White space inside of "! " may be left out as well.
    edges |= {edge - 1 for edge in edges if text[edge - 2 : edge] == "! "}
    at = 0
    for part in split(text, most, longest=longest):
        at = text.index(part, at)
        assert at in edges
        at += len(part)
        assert at in edges


@given(st.text(max_size=LONGEST), st.floats(0, 1))
def test_a_pause_is_bounded(part: str, chance: float) -> None:
    assert 1 <= pause_between(part, chance) <= 8
