"""What a person is told when something is refused."""

from recado.domain.errors import InvalidInput, NotFound, RecadoError, TooManyRequests


def test_an_error_is_a_sentence_that_can_be_translated_and_filled_in() -> None:
    error = NotFound("campaign")
    assert str(error) == "There is no such campaign in this workspace. Check the id."
    assert error.message(lambda sentence: sentence.replace("There", "Aqui")).startswith("Aqui")


def test_an_error_names_the_fields_that_are_wrong() -> None:
    error = InvalidInput("Correct {count} fields.", fields={"name": "is missing"}, count=1)
    assert error.fields == {"name": "is missing"}
    assert error.message() == "Correct 1 fields."
    assert RecadoError().fields == {}


def test_who_comes_too_often_is_told_when_to_come_back() -> None:
    error = TooManyRequests(retry_after=30)
    assert error.retry_after == 30
    assert "30 seconds" in error.message()
