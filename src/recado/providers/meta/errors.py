"""Meta's error codes as our classes, and how long it asks to wait."""

from collections.abc import Mapping

from recado.domain.retry import ErrorClass
from recado.providers import reading
from recado.providers.events import ProviderFault
from recado.providers.exchange import HttpAnswer
from recado.providers.plain import plain
from recado.providers.reading import decoded

# Code → class, from Meta's list of error codes as of 2026-09-11 and the practice of its clients.
# Never by HTTP status: Meta changes those, and says not to build on them.
_CODES: Mapping[ErrorClass, tuple[int, ...]] = {
    ErrorClass.AUTH: (0, 3, 10, 104, 190, 131005, *range(200, 300)),
    ErrorClass.ACCOUNT: (33, 368, 131031, 131037, 131042, 131044, 131064, 134011),
    ErrorClass.ACCOUNT_QUALITY: (131048,),
    ErrorClass.REGISTRATION: (
        *(131045, 133000, 133005, 133006, 133008),
        *(133009, 133010, 133015, 133016),
    ),
    ErrorClass.TRANSIENT_UNSURE: (1, 2, 131000, 131016, 133004),
    ErrorClass.TRANSIENT_CHANNEL: (131057,),
    ErrorClass.THROTTLE_CHANNEL: (4, 17, 613, 80007, 80008, 130429),
    ErrorClass.THROTTLE_PAIR: (131056,),
    ErrorClass.REQUEST: (
        *(100, 131008, 131009, 131030, 131051),
        *(131055, 131062, 135000, 137000),
    ),
    ErrorClass.TEMPLATE: (
        *(131063, 132001, 132007, 132015, 132016, 132068),
        *(132069, 134100, 134101, 134102),
    ),
    ErrorClass.TEMPLATE_PARAMS: (132000, 132012, 132018),
    ErrorClass.CONTACT_DATA: (132005, 132008),
    ErrorClass.CONTACT_SKIP: (130403, 130472, 131021),
    ErrorClass.CONTACT_DEAD: (131026,),
    ErrorClass.CONTACT_DEFER: (131049,),
    ErrorClass.COUNTRY_BLOCK: (130497,),
    ErrorClass.WINDOW: (131047,),
    ErrorClass.OPT_OUT: (131050,),
    ErrorClass.MEDIA: (131053,),
    ErrorClass.INBOUND_ONLY: (131052, 131060),
}
CLASS_OF: Mapping[int, ErrorClass] = {
    code: error_class for error_class, codes in _CODES.items() for code in codes
}
# Meta: an object that does not exist or that the token may not see.
_INVALID, _NO_SUCH_OBJECT = 100, 33
_NO_CODE = -1


def fault(error: object, answer: HttpAnswer | None = None) -> ProviderFault:
    """A fault from an ``error`` object, of an answer or of a callback."""
    if not isinstance(error, Mapping):
        return ProviderFault("unreadable", ErrorClass.UNKNOWN_CODE, plain(error))
    code = _number(error.get("code"))
    error_class = CLASS_OF.get(code, ErrorClass.UNKNOWN_CODE)
    if code == _INVALID and _number(error.get("error_subcode")) == _NO_SUCH_OBJECT:
        error_class = ErrorClass.ACCOUNT
    data = error.get("error_data")
    details = data.get("details") if isinstance(data, Mapping) else data
    text = plain(details or error.get("message") or error.get("title") or "")
    return ProviderFault(
        plain(code), error_class, text, retry_after(answer.headers) if answer else None
    )


def is_metas(error: object) -> bool:
    """Whether it is Meta that speaks: servers on the way put words of their own under ``error``."""
    return isinstance(error, Mapping) and _number(error.get("code")) != _NO_CODE


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait, a day at most: from Retry-After or from Meta's usage header (minutes)."""
    if (seconds := reading.retry_after(headers)) is not None:
        return seconds
    usage = decoded(headers.get("x-business-use-case-usage", "").encode())
    minutes = max(
        (
            _number(entry.get("estimated_time_to_regain_access"))
            for entries in (usage or {}).values()
            for entry in reading.objects(entries)
        ),
        default=0,
    )
    return min(minutes, reading.LONGEST_WAIT / 60) * 60 if minutes > 0 else None


def _number(value: object) -> int:
    """A code, which Meta has been seen to write as a string too."""
    if isinstance(value, str) and len(value) < 20:  # noqa: PLR2004 - digits of a code, and to spare
        try:
            return int(value)
        except ValueError:
            return _NO_CODE
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else _NO_CODE
