"""Write the example contact files, always the same.

Names, addresses and numbers are invented; the numbers lie in plausible ranges, so send to them
through the simulator only. What each file holds, and what an import makes of it, is in README.md
and in EXPECTED.
"""

import csv
import random
import sys
from pathlib import Path
from typing import NamedTuple, TypedDict

FOLDER = Path(__file__).parent
HEADER = ("nome", "telefone", "email", "condominio", "endereco", "cargo", "observacao")


class Expected(TypedDict):
    """What an import makes of a file, by numbers of lines."""

    rows: int
    accepted: int
    unique: int
    rejected: dict[str, int]
    warnings: dict[str, int]


EXPECTED: Expected = {
    "rows": 1_000,
    "accepted": 972,
    "unique": 942,
    "rejected": {
        "phone_empty": 8,
        "phone_too_short": 6,
        "phone_too_long": 4,
        "phone_not_a_number": 4,
        "phone_invalid": 5,
        "phone_invalid_country_code": 1,
    },
    "warnings": {"email_invalid": 5},
}
"""Of either file. `unique` counts people; the other accepted lines are of people already in it."""

README = """\
# Example contact files

Written by `generate.py`, always the same. The people are invented; their numbers lie in plausible
ranges, so send to them through the simulator only.

| file | encoding | line ends | differs in |
|---|---|---|---|
| `contatos.csv` | UTF-8 | LF | has emoji |
| `contatos-latin1.csv` | Latin-1 | CRLF, as Excel writes | has none |

Both have these columns, separated by semicolons:
{columns}.

And both have the dirt of real files: eight notations of one number, mobiles without the ninth
digit, landlines, foreign numbers, duplicates also with and without the ninth digit, names in
capitals or missing, quoted line ends, quotes, formulas, wrong e-mail addresses.

What an import makes of either:

| lines | {rows} |
|---|---|
| accepted | {accepted} |
| of them different people | {unique} |
| of them again somebody | {again} |
{rejected}
{warnings}

An accepted line with a wrong e-mail address is taken without it.
"""


def _words(text: str) -> list[str]:
    return text.split()


FIRST = _words("""
Adriana Alice Amélia André Antônio Beatriz Bruno Caio Camila Cecília César Cláudia Conceição
Daniel Débora Diego Eduardo Elisa Érica Estêvão Fábio Fernanda Flávia Gabriel Gláucia
Guilherme Helena Henrique Inês Isadora Ítalo Joana João José Júlia Juçara Larissa Leandro
Letícia Lívia Lúcia Luís Márcia Marcos Mônica Nádia Natália Otávio Patrícia Paulo Rafael
Raíssa Regina Renata Rogério Sebastião Sérgio Simone Sônia Tânia Tiago Úrsula Valéria
Vinícius Vitória Zélia
""")
LAST = _words("""
Albuquerque Almeida Araújo Assunção Barbosa Batista Brandão Cardoso Carvalho Conceição Corrêa
Damião Esteves Falcão Fernandes Figueirêdo Gonçalves Guimarães Leitão Lourenço Magalhães
Melo Mendonça Muniz Nóbrega Paixão Peçanha Queirós Quintão Ramalho Rezende Sampaio Simões
Teixeira Tourinho Valadão Vasconcelos Viegas Xavier Zanetti
""")
CONDOMINIUMS = (
    "Residencial Ipê-Amarelo",
    "Edifício Sabiá",
    "Condomínio Jardim das Açucenas",
    "Edifício São Benedito",
    "Residencial Água Clara",
    "Condomínio Pátio do Sol",
    "Edifício Maçaranduba",
    "Residencial Três Marias",
)
STREETS = (
    "Rua das Acácias",
    "Avenida Cônego Brandão",
    "Rua Pêssego",
    "Travessa do Pião",
    "Alameda dos Jacarandás",
    "Praça da Concórdia",
)
ROLES = ("Morador", "Moradora", "Síndico", "Síndica", "Subsíndica", "Zelador", "Proprietário", "")
AREAS = (11, 13, 19, 21, 27, 31, 34, 41, 47, 48, 51, 61, 62, 71, 81, 85, 91, 92, 98)

# Each of these lines is rejected.
WRONG_NUMBERS = (
    "99876-5432",  # no area code
    "3232-4455",
    "119000",
    "21",
    "9 9000-1234",
    "11 97000-12345678",  # one digit after another
    "+55 31 98000-1111 / 2222",
    "21 98000-1234 / 21 98000-4321",
    "447911123456",  # British, without its plus
    "não tem",
    "-",
    "a confirmar",
    "31 98OOO-1234",  # letters O
    "20 98000-1234",  # no such area
    "23 98000-1234",
    "11 1234-5678",  # no landline begins with 1
    "16505551234",  # American, without its plus
    "11 58000-1234",
    "(00) 90000-0000",
    "+999123456789",  # no such country
)
FOREIGN = ("+351 912 345 678", "+1 650 555 1234", "+541123456789", "0034 612 345 678")
WRONG_EMAILS = ("sem e-mail", "joana@", "@example.com", "tiago.example.com", "a b@example.com")
REMARKS = {
    0: "Prefere contato à tarde",
    1: "Tem 2 vagas; moto e carro",
    2: 'Portão "lateral"',
    3: "Interfone com defeito\nligar no celular",
    4: '=HYPERLINK("http://example.com";"clique")',
    5: "+1 visitante frequente",
    6: "@portaria",
    7: "Aniversário: 31/12",
    8: "Mudança no dia 10 \N{PARTY POPPER}",
    9: "Cão: Rex \N{DOG FACE}",
}


class Person(NamedTuple):
    """A line of a file."""

    nome: str
    telefone: str
    email: str
    condominio: str
    endereco: str
    cargo: str
    observacao: str


def mobile(number: int) -> tuple[int, str]:
    """The area code and the eight old digits of the n-th mobile: none is given twice."""
    return AREAS[number % len(AREAS)], f"{6 + number % 4}00{number * 37 % 100_000:05}"


def written(number: int, chance: random.Random) -> str:
    """The n-th mobile in one of the notations that people use."""
    area, old = mobile(number)
    return chance.choice(
        [
            f"{area}9{old}",
            f"55{area}9{old}",
            f"+55{area}9{old}",
            f"+55 {area} 9{old[:4]}-{old[4:]}",
            f"({area}) 9{old[:4]}-{old[4:]}",
            f"({area}) 9 {old[:4]}-{old[4:]}",
            f"0{area} 9{old[:4]} {old[4:]}",
            f"{area}.9{old[:4]}.{old[4:]}",
        ]
    )


def without_ninth_digit(number: int) -> str:
    area, old = mobile(number)
    return f"({area}) {old[:4]}-{old[4:]}"


def numbers(chance: random.Random) -> list[str]:
    """The column of phone numbers: 942 people, 30 of them twice, and 28 that are none."""
    people = 942
    plain = people - len(FOREIGN) - 20
    column = [written(number, chance) for number in range(plain)]
    column += [f"({AREAS[n]}) 3{200 + n}-{4000 + n}" for n in range(10)]
    column += [without_ninth_digit(number) for number in range(plain, plain + 10)]
    column += FOREIGN
    twice = chance.sample(range(plain), 30)
    column += [written(number, chance) for number in twice[:15]]
    column += [without_ninth_digit(number) for number in twice[15:]]
    column += WRONG_NUMBERS
    column += ["", " "] * 4
    chance.shuffle(column)
    return column


def person(at: int, phone: str, chance: random.Random) -> Person:
    """The person of the n-th line."""
    first, last, second = chance.choice(FIRST), chance.choice(LAST), chance.choice(LAST)
    name = f"{first} {second} {last}"
    # As in any file: some shout, some have no name, and spaces are everywhere.
    name = chance.choices([name, name.upper(), f" {name}  ", ""], [90, 5, 3, 2])[0]
    return Person(
        nome=name,
        telefone=phone,
        email=f"contato{at:04}@example.com" if chance.randrange(5) else "",
        condominio=chance.choice(CONDOMINIUMS),
        endereco=f"{chance.choice(STREETS)}, {chance.randrange(1, 2000)}, apto {at % 140 + 11}",
        cargo=chance.choice(ROLES),
        observacao=REMARKS.get(at % 40, ""),
    )


def people() -> list[Person]:
    chance = random.Random(20_260_302)
    column = numbers(chance)
    lines = [person(at, phone, chance) for at, phone in enumerate(column)]
    right = [at for at, phone in enumerate(column) if "9" in phone and phone not in WRONG_NUMBERS]
    for at, email in zip(chance.sample(right, len(WRONG_EMAILS)), WRONG_EMAILS, strict=True):
        lines[at] = lines[at]._replace(email=email)
    return lines


def write(name: str, lines: list[Person], *, encoding: str, line_end: str) -> None:
    with (FOLDER / name).open("w", encoding=encoding, newline="") as file:
        writer = csv.writer(file, delimiter=";", lineterminator=line_end)
        writer.writerow(HEADER)
        writer.writerows(lines)


def readme() -> str:
    rejected, warnings = EXPECTED["rejected"], EXPECTED["warnings"]
    return README.format(
        columns=", ".join(f"`{name}`" for name in HEADER),
        rows=EXPECTED["rows"],
        accepted=EXPECTED["accepted"],
        unique=EXPECTED["unique"],
        again=EXPECTED["accepted"] - EXPECTED["unique"],
        rejected="\n".join(f"| rejected: `{why}` | {count} |" for why, count in rejected.items()),
        warnings="\n".join(
            f"| warned about: `{why}` | {count} |" for why, count in warnings.items()
        ),
    )


def main() -> None:
    lines = people()
    write("contatos.csv", lines, encoding="utf-8", line_end="\n")
    plain = [Person(*(_latin1(cell) for cell in line)) for line in lines]
    write("contatos-latin1.csv", plain, encoding="latin-1", line_end="\r\n")
    (FOLDER / "README.md").write_text(readme(), encoding="utf-8")


def _latin1(text: str) -> str:
    return text.encode("latin-1", "ignore").decode("latin-1").strip()


if __name__ == "__main__":
    FOLDER = Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER
    main()
