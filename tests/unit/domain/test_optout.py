"""What counts as a wish to get no more, or more again, and what does not."""

import string
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recado.domain.optout import (
    LONGEST,
    MOST_WORDS,
    PAYLOADS,
    WORDS,
    Heard,
    InvalidWords,
    Rules,
    Wish,
    check,
    fold,
)

PLAIN = Rules.of({})
OWN = Rules.of({"opt_out_words": ["Chega!"], "opt_in_payloads": ["CAMPANHA_SIM"]})
ALL_WORDS = [(word, wish) for wish in Wish for word in WORDS[wish]]
# What nobody reads in a word: spaces, punctuation, signs, emoji, and characters without a form.
NOISE = st.text(
    st.sampled_from(
        [
            *string.punctuation,
            *" \n\t\u00a0…“”¿¡🛑👍🏽✋❤️‍🔥\u200b\u200d\u2060\ufeff\ufe0f\u00ad\u202a™Ⓜ",
        ]
    ),
    max_size=20,
)


def wish_of(text: str, choice: str | None = None, rules: Rules = PLAIN) -> Wish | None:
    heard = rules.hear(text, choice)
    return heard.wish if heard else None


@pytest.mark.parametrize(("word", "wish"), ALL_WORDS)
def test_each_word_counts_in_any_case(word: str, wish: Wish) -> None:
    for text in (word, word.lower(), word.title(), word.swapcase(), f"  *{word}*!\n"):
        assert wish_of(text) is wish, text


SAID_AS_A_WORD = [
    "Sáir",
    "SAÍR.",
    "ｓａｉｒ",
    "ＳＡＩＲ！",
    "𝐒𝐀𝐈𝐑",
    "sair 🙏🏽",
    "🛑 SAIR 🛑",
    "s\u200ba\u200di\ufeffr",
    "_sair_",
    "S.A.I.R.",
    "sair ℹ️",
    "SAIR 5️⃣",
    "sair™",
    "\u202dsair\u202c",
    "stóp",
    "Descadastrar…",
    "'parar'",
    "„Stop“",
]
SAID_IN_A_SENTENCE = [
    "",
    " ",
    "🛑",
    "não quero sair",
    "Não quero parar de receber",
    "sair?? de onde",
    "vou sair agora",
    "saio",
    "sairei",
    "quero",
    "pode cancelar a reserva",
    "stop it please",
    "SAIR 2",
    "parar, não",
    "voltar amanhã",
]


@pytest.mark.parametrize("text", SAID_AS_A_WORD)
def test_accents_signs_and_unseen_characters_do_not_matter(text: str) -> None:
    assert wish_of(text) is Wish.OUT


@pytest.mark.parametrize("text", [*SAID_IN_A_SENTENCE, "sair" + "r" * 99, "sair" + "." * 500])
def test_a_word_in_a_sentence_is_no_wish(text: str) -> None:
    assert wish_of(text) is None


@given(before=NOISE, after=NOISE, word=st.sampled_from(ALL_WORDS))
def test_what_stands_around_a_word_does_not_matter(
    before: str, after: str, word: tuple[str, Wish]
) -> None:
    assert wish_of(before + word[0] + after) is word[1]


@given(extra=st.text(st.characters(categories=["Ll", "Lu", "Nd"]), min_size=1, max_size=9))
def test_any_letter_or_digit_more_makes_another_word(extra: str) -> None:
    meant = {fold(word) for word, _ in ALL_WORDS}
    if fold("sair" + extra) not in meant:
        assert wish_of(f"SAIR {extra}") is None
        assert wish_of(f"{extra} sair") is None or fold(extra + "sair") in meant


@given(st.text(max_size=100))
def test_folding_is_stable_and_leaves_letters_and_digits_alone(text: str) -> None:
    folded = fold(text)
    assert fold(folded) == folded
    assert fold(unicodedata.normalize("NFD", text)) == fold(unicodedata.normalize("NFC", text))
    assert folded.isalnum() or folded == ""


@given(text=st.text(), choice=st.none() | st.text())
def test_anything_may_be_asked(text: str, choice: str | None) -> None:
    heard = OWN.hear(text, choice)
    assert heard is None or len(heard.word) <= 100


@pytest.mark.parametrize(
    ("text", "choice", "wish"),
    [
        ("Não quero mais", "optout", Wish.OUT),
        ("", "OPT-OUT", Wish.OUT),
        ("Não quero mais", "opt out", Wish.OUT),
        ("Parar", "linha-7", Wish.OUT),  # by its title
        ("Quero voltar", "OPT_IN", Wish.IN),
        ("Quero voltar", "VOLTAR", Wish.IN),
        ("Sim", "CAMPANHA_SIM", None),
        ("Cancelar reserva", "cancelar_reserva", None),
        ("Sim", "", None),
    ],
)
def test_a_button_counts_by_its_payload_or_its_title(
    text: str, choice: str, wish: Wish | None
) -> None:
    assert wish_of(text, choice) is wish


@pytest.mark.parametrize("wish", Wish)
def test_each_payload_counts_behind_a_button_only(wish: Wish) -> None:
    for payload in PAYLOADS[wish]:
        assert wish_of("Toque aqui", payload) is wish
    assert wish_of("optout") is None


def test_an_own_word_counts_beside_the_built_in_ones() -> None:
    assert wish_of("CHEGA", rules=OWN) is Wish.OUT
    assert wish_of("chega") is None
    assert wish_of("sair", rules=OWN) is Wish.OUT
    assert wish_of("Sim", "campanha-sim", OWN) is Wish.IN


def test_it_is_told_how_a_wish_was_said() -> None:
    assert PLAIN.hear("  Sair\n!", None) == Heard(Wish.OUT, "keyword", "Sair !")
    assert PLAIN.hear("Não quero", "stop") == Heard(Wish.OUT, "button", "Não quero")
    assert PLAIN.hear("", "stop") == Heard(Wish.OUT, "button", "stop")
    # Torn between two, the safe one.
    assert wish_of("VOLTAR", "stop") is Wish.OUT


@pytest.mark.parametrize(
    "given_settings",
    [
        {"opt_out_words": ["a"]},
        {"opt_out_words": ["🛑"]},
        {"opt_in_words": ["x" * (LONGEST + 1)]},
        {"opt_in_payloads": [f"palavra {n}" for n in range(MOST_WORDS + 1)]},
        {"opt_in_words": ["Sair"]},
        {"opt_out_words": ["já chega"], "opt_in_words": ["JA CHEGA"]},
        {"opt_out_payloads": ["voltar"]},
        {"opt_out_words": ["agora"]},
        {"opt_out_confirmation": "  "},
        {"opt_in_confirmation": "x" * 501},
    ],
)
def test_settings_that_make_no_sense_are_named(given_settings: dict[str, object]) -> None:
    with pytest.raises(InvalidWords) as caught:
        check(given_settings, {"opt_in_words": ["Agora"]})
    assert caught.value.fields.keys() == given_settings.keys()


def test_settings_that_make_sense_may_be_set() -> None:
    good = {
        "opt_out_words": ["chega", "CHEGA!", "sair"],
        "opt_out_confirmation": "Tchau",
        "opt_in_confirmation": None,
    }
    check(good, {"opt_in_words": ["agora"], "confirm": False})
    check({"opt_out_words": ["agora"], "opt_in_words": []}, {"opt_in_words": ["agora"]})
