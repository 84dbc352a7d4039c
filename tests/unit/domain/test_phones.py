"""What people write in a column of phone numbers, and what becomes of it."""

import json
from pathlib import Path
from typing import Any

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recado.domain import phones
from recado.domain.phones import (
    Phone,
    PhoneError,
    PhoneProblem,
    lookup_variants,
    parse,
    phone_key,
    same_person,
    timezone_of,
    timezone_of_number,
)

VECTORS = Path(__file__).parents[4] / "shared" / "providers" / "vectors" / "numbers.json"


def vectors(part: str) -> list[Any]:
    if not VECTORS.exists():
        pytest.skip("the shared vectors are not here")
    cases: list[Any] = json.loads(VECTORS.read_text())[part]
    return cases


def refusal(raw: str, region: str = "BR") -> PhoneError:
    with pytest.raises(PhoneError) as caught:
        parse(raw, region=region)
    return caught.value


@pytest.mark.parametrize(
    "raw",
    [
        "+55 (31) 99999-8888",
        "5531999998888",
        "31999998888",
        "031999998888",
        "(31) 9 9999-8888",
        "(31)99999-8888",
        "0055 31 99999-8888",
        "tel: 0055 31 99999-8888",
        "015 31 99999-8888",
        "(0xx31) 99999-8888",
        "0 XX 31 99999 8888",
        "tel:+5531999998888",
        "+5531999998888;ext=12",
        "+5531999998888 ramal 12",
        "31 99999-8888 (mãe)",
        "Maria: 31 99999-8888",
        "\u200e+55 31 99999-8888",
        "\u202a+55 31 99999\u20118888\u202c",
        "３１９９９９９８８８８",
        "＋55 31 99999 8888",
        "31999998888.0",
        "5531999998888.0",
        '="5531999998888"',
        "'+5531999998888",
        "  31 99999-8888\n",
    ],
)
def test_a_brazilian_mobile_is_read_however_it_is_written(raw: str) -> None:
    assert parse(raw) == Phone("+5531999998888", "5531999998888", "BR", valid=True)


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("3199998888", Phone("+553199998888", "5531999998888", "BR", valid=False)),
        ("+55 31 9999-8888", Phone("+553199998888", "5531999998888", "BR", valid=False)),
        ("3199998888.0", Phone("+553199998888", "5531999998888", "BR", valid=False)),
        ("1171234567", Phone("+551171234567", "5511971234567", "BR", valid=True)),
        ("1123456789", Phone("+551123456789", "551123456789", "BR", valid=True)),
        ("5555999991234", Phone("+5555999991234", "5555999991234", "BR", valid=True)),
        ("55999991234", Phone("+5555999991234", "5555999991234", "BR", valid=True)),
        ("4004-1234", Phone("+5540041234", "5540041234", "BR", valid=True)),
        ("+1 650 555 1234", Phone("+16505551234", "16505551234", "US", valid=True)),
        ("001 650 555 1234", Phone("+16505551234", "16505551234", "US", valid=True)),
        ("+351 912 345 678", Phone("+351912345678", "351912345678", "PT", valid=True)),
        ("+31999998888", Phone("+31999998888", "31999998888", "NL", valid=False)),
        ("+525512345678", Phone("+525512345678", "525512345678", "MX", valid=True)),
        ("+5491123456789", Phone("+5491123456789", "541123456789", "AR", valid=True)),
        ("+541123456789", Phone("+541123456789", "541123456789", "AR", valid=True)),
    ],
)
def test_a_number_is_kept_as_given_and_keyed_by_person(raw: str, expected: Phone) -> None:
    assert parse(raw) == expected


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        ("", "empty"),
        ("  \u200e ", "empty"),
        ("abc", "not_a_number"),
        ("+", "not_a_number"),
        ("-", "not_a_number"),
        ("5.511912345678E12", "not_a_number"),
        ("31 9999O-8888", "not_a_number"),
        ("31 99999-8888 ou 31 98888-7777", "not_a_number"),
        ("0000", "not_a_number"),
        ("123", "too_short"),
        ("９９９９", "too_short"),
        ("31 9999-ABCD", "too_short"),
        ("99999-8888", "too_short"),
        ("9999-8888", "too_short"),
        ("(00) 90000-0000", "too_short"),
        ("+1", "not_a_number"),
        ("+1 650 555", "too_short"),
        ("+55 31 99999-8888 / 3333", "too_long"),
        ("31 99999-8888 / 31 98888-7777", "too_long"),
        ("1" * 300, "too_long"),
        ("+4912345678901234", "too_long"),
        ("+5215512345678", "too_long"),
        ("+999123456789", "invalid_country_code"),
        ("11 1234-5678", "invalid"),
        ("20 99999-8888", "invalid"),
        ("5511712345678", "invalid"),
        ("20 9999-8888", "invalid"),
        ("+49 1", "too_short"),
    ],
)
def test_what_cannot_be_written_to_is_refused_with_a_reason(raw: str, reason: str) -> None:
    error = refusal(raw)
    assert error.reason == PhoneProblem(reason)
    assert error.code == "phone_invalid"
    assert "{" not in error.message()


def test_an_old_mobile_is_read_in_every_area_though_its_digits_may_be_a_number_abroad() -> None:
    for area in (11, 19, 21, 27, 31, 34, 41, 48, 51, 61, 62, 71, 81, 85, 91, 98):
        for first in "6789":
            phone = parse(f"({area}) {first}003-4114")
            assert (phone.e164, phone.region) == (f"+55{area}{first}0034114", "BR")
            assert phone.key == f"55{area}9{first}0034114"


@pytest.mark.parametrize("raw", ["16505551234", "447911123456", "5491123456789"])
def test_a_foreign_number_without_its_plus_is_refused_with_the_hint_to_write_it(raw: str) -> None:
    message = refusal(raw).message()
    assert f"'+{raw}'" in message
    assert "country code" in message


def test_a_mexican_number_of_the_old_form_is_refused_with_the_new_one() -> None:
    assert "'+525512345678'" in refusal("+52 1 55 1234 5678").message()


def test_a_long_text_is_shown_shortened() -> None:
    message = refusal("x" * 500).message()
    assert len(message) < 200
    assert "…" in message


def test_the_region_decides_what_a_number_without_country_code_means() -> None:
    assert parse("912 345 678", region="pt").e164 == "+351912345678"
    assert parse("650 555 1234", region="US").region == "US"
    assert refusal("912 345 678", region="XX").reason == PhoneProblem.INVALID_COUNTRY_CODE
    # Possible in Argentina, but far likelier an American one without its plus.
    assert "'+16505551234'" in refusal("16505551234", region="AR").message()


def test_the_shared_vectors_hold() -> None:
    for case in vectors("parse"):
        raw, region = case["input"], case["default_region"]
        if raw.startswith("00"):
            continue  # there the vectors show what the bare library makes of it
        if "error" in case or not case["possible"]:
            refusal(raw, region)
        elif case["valid"]:
            phone = parse(raw, region=region)
            assert (phone.e164, phone.region, phone.valid) == (case["e164"], case["region"], True)
        elif case["region"] != "BR" or len(lookup_variants(case["e164"])) > 1:
            phone = parse(raw, region=region)
            assert (phone.e164, phone.region, phone.valid) == (case["e164"], case["region"], False)
        else:
            refusal(raw, region)


def test_the_shared_vectors_of_both_forms_hold() -> None:
    for case in vectors("br_lookup_variants"):
        assert list(lookup_variants(case["e164"])) == case["lookup_variants"]
    for one, other, same in vectors("same_person"):
        assert same_person(one, other) is same
    for pair in vectors("real_pairs"):
        assert same_person(pair["input"], pair["wa_id"])


@pytest.mark.parametrize(
    ("digits", "variants"),
    [
        ("5531999998888", ("5531999998888", "553199998888")),
        ("+553199998888", ("553199998888", "5531999998888")),
        ("553132345678", ("553132345678",)),
        ("5531932345678", ("5531932345678",)),
        ("16505551234", ("16505551234",)),
        ("5215512345678", ("5215512345678", "525512345678")),
        ("525512345678", ("525512345678", "5215512345678")),
        ("5491123456789", ("5491123456789", "541123456789")),
        ("541123456789", ("541123456789", "5491123456789")),
        ("", ("",)),
    ],
)
def test_a_number_is_looked_up_under_both_its_forms(digits: str, variants: tuple[str, ...]) -> None:
    assert lookup_variants(digits) == variants
    assert {phone_key(variant) for variant in variants} == {phone_key(digits)}


def test_the_neighbour_is_somebody_else() -> None:
    assert not same_person("5531999998888", "5532999998888")
    assert not same_person("553132345678", "5531932345678")


@given(st.text(alphabet="0123456789+ -", max_size=20) | st.from_regex(r"\A5[245]1?9?\d{8,10}\Z"))
def test_a_key_is_its_own_key_and_that_of_every_form(number: str) -> None:
    key = phone_key(number)
    assert phone_key(key) == key
    assert {phone_key(variant) for variant in lookup_variants(number)} == {key}
    for variant in lookup_variants(number):
        assert set(lookup_variants(variant)) == set(lookup_variants(number))


@pytest.mark.parametrize(
    ("raw", "zone"),
    [
        ("11 91234-5678", "America/Sao_Paulo"),
        ("11 9123-4567", "America/Sao_Paulo"),
        ("92 99123-4567", "America/Manaus"),
        ("68 99123-4567", "America/Rio_Branco"),
        ("+1 650 555 1234", "America/Los_Angeles"),
        ("+351 912 345 678", None),
        ("4004-1234", None),
        ("+31999998888", None),
    ],
)
def test_the_time_zone_follows_from_the_number_where_there_is_only_one(
    raw: str, zone: str | None
) -> None:
    assert timezone_of(parse(raw)) == zone
    assert timezone_of_number(parse(raw).e164) == zone


def test_what_is_no_number_lies_in_no_zone() -> None:
    assert timezone_of_number("nobody") is None


@given(st.text(max_size=40))
def test_no_text_breaks_the_reader(text: str) -> None:
    try:
        phone = parse(text)
    except PhoneError as error:
        assert error.message()  # noqa: PT017 - either outcome is right
    else:
        assert phone.e164.startswith("+")
        assert parse(phone.e164) == phone


PIECES = st.tuples(
    st.sampled_from(["", "+55", "+55 ", "55", "55 ", "+", "0", "00", "0055", "+ 55"]),
    st.from_regex(r"\A(\(?[0-9]{2}\)?|\([1-9]{2}\))\Z"),
    st.sampled_from(["", " ", "-", "--", "  "]),
    st.sampled_from(["9", "9 ", "", "8", "7"]),
    st.from_regex(r"\A([0-9]{4}|[0-9]{3,5})\Z"),
    st.sampled_from(["", " ", "-", "."]),
    st.from_regex(r"\A[0-9]{4}\Z"),
)


@given(PIECES.map("".join))
def test_what_is_settled_without_the_library_is_what_the_library_says(raw: str) -> None:
    plain = phones._plain_brazilian(raw)
    if plain is None:
        return
    number = phonenumbers.parse(raw, "BR")
    assert phonenumbers.is_valid_number(number)
    assert plain == Phone(
        e164=phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164),
        key=phone_key(plain.e164),
        region=phonenumbers.region_code_for_number(number) or "",
        valid=True,
    )


def test_the_short_cut_holds_for_every_area_code_and_usual_notation() -> None:
    for area in range(10, 100):
        for first in ("9", "8"):
            national = f"{area:02}{first}98765432"[:11]
            for raw in (
                national,
                f"55{national}",
                f"+55{national}",
                f"+55 ({area:02}) {national[2:7]}-{national[7:]}",
                f"({area:02}) {national[2]} {national[3:7]}-{national[7:]}",
            ):
                number = phonenumbers.parse(raw, "BR")
                plain = phones._plain_brazilian(raw)
                mobile = phonenumbers.is_valid_number(number) and first == "9"
                assert (plain is not None) == mobile, raw
                assert plain is None or parse(plain.e164) == plain
