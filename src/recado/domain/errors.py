"""The one hierarchy of errors that a person may see.

::

    RecadoError
    ├── InvalidInput      the request or the file is wrong           HTTP 422
    ├── BadRequest        it cannot even be read                     HTTP 400
    ├── Unauthenticated   no key, a wrong key, a closed session      HTTP 401
    ├── Forbidden         the role does not allow it                 HTTP 403
    ├── NotFound          no such thing in this workspace            HTTP 404
    ├── Conflict          the state does not allow it now            HTTP 409
    ├── TooLarge          over a size limit                          HTTP 413
    ├── TooManyRequests   come back later                            HTTP 429
    └── Unavailable       a server that we need is away              HTTP 503

Features subclass these. A sentence is an English message id with ``{placeholders}``: the edges
translate it and then fill it in, so every error exists in every language of the catalogue.
"""

from collections.abc import Callable, Mapping
from typing import ClassVar


def _same(text: str) -> str:
    return text


class RecadoError(Exception):
    """An error with a stable code, a sentence for the person, and what to do next.

    Args:
        sentence: Overrides the class's sentence (a message id with placeholders).
        fields: Path of each wrong input field → what is wrong with it.
        params: Values for the placeholders of the sentence.
    """

    code: ClassVar[str] = "error"
    sentence: str = "Something went wrong. Try again, and tell your administrator if it repeats."

    def __init__(
        self,
        sentence: str | None = None,
        *,
        fields: Mapping[str, str] | None = None,
        **params: object,
    ) -> None:
        if sentence is not None:
            self.sentence = sentence
        self.fields = dict(fields or {})
        self.params = params
        super().__init__(self.message())

    def message(self, translate: Callable[[str], str] = _same) -> str:
        """The filled-in sentence, translated by the given function first."""
        return translate(self.sentence).format(**self.params)


class InvalidInput(RecadoError):
    code = "invalid_input"
    sentence = "Some values are not valid. Correct the fields named and send it again."


class BadRequest(RecadoError):
    code = "bad_request"
    sentence = "The request could not be read. Check that it is well-formed JSON and send it again."


class Unauthenticated(RecadoError):
    code = "unauthenticated"
    sentence = "The API key is missing or not valid. Send 'Authorization: Bearer rk_…'."


class Forbidden(RecadoError):
    code = "forbidden"
    sentence = "Your role does not allow this. Ask an administrator of the workspace."


NOTHING_SENTENCE = "There is nothing at this address. Check it against the description at /docs."


class NotFound(RecadoError):
    code = "not_found"
    sentence = "There is no such {thing} in this workspace. Check the id."

    def __init__(self, thing: str | None = None, **params: object) -> None:
        """``thing``: what there is not; without it, it is the address that leads nowhere."""
        sentence = None if thing or type(self) is not NotFound else NOTHING_SENTENCE
        super().__init__(sentence, fields=None, thing=thing, **params)


class Conflict(RecadoError):
    code = "conflict"
    sentence = "This is not possible in the present state. Reload and try again."


class TooLarge(RecadoError):
    code = "too_large"
    sentence = "The upload is over the limit of {limit}. Split it into smaller files."


class TooManyRequests(RecadoError):
    code = "too_many_requests"
    sentence = "Too many requests. Try again in {retry_after} seconds."

    def __init__(self, *, retry_after: int) -> None:
        super().__init__(retry_after=retry_after)
        self.retry_after = retry_after


class Unavailable(RecadoError):
    code = "unavailable"
    sentence = "A server that Recado needs is away. Try again in a moment."
