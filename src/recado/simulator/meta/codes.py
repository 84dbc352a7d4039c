"""Meta's error codes: the HTTP status seen with each, its title and its usual details.

Statuses come from older pages of Meta's error table; the current page gives none and says not to
build on them.
"""

from __future__ import annotations

from typing import NamedTuple

OAUTH = "OAuthException"
GRAPH_METHOD = "GraphMethodException"
ERROR_PAGE = (
    "https://developers.facebook.com/documentation/business-messaging/whatsapp/support/error-codes"
)


class Code(NamedTuple):
    """One line of the table."""

    http: int
    title: str
    details: str = ""


CODES: dict[int, Code] = {
    0: Code(401, "AuthException", "The app user could not be authenticated."),
    1: Code(500, "An unknown error occurred"),
    2: Code(503, "An unexpected error has occurred. Please retry your request later."),
    3: Code(500, "Application does not have the capability to make this API call."),
    4: Code(429, "Application request limit reached"),
    10: Code(403, "Application does not have permission for this action"),
    17: Code(400, "User request limit reached"),
    33: Code(400, "Parameter value is not valid"),
    100: Code(400, "Invalid parameter"),
    104: Code(401, "An access token is required to request this resource"),
    190: Code(401, "Invalid OAuth access token - Cannot parse access token"),
    200: Code(403, "Permissions error"),
    368: Code(403, "Temporarily blocked for policies violations"),
    613: Code(400, "Calls to this api have exceeded the rate limit."),
    80007: Code(429, "Business request limit reached for WhatsApp Business Account"),
    80008: Code(400, "There have been too many calls to this WhatsApp Business account."),
    130403: Code(400, "User is blocked", "The business has blocked this user."),
    130429: Code(400, "Rate limit hit", "Cloud API message throughput has been reached."),
    130472: Code(400, "User's number is part of an experiment"),
    130497: Code(
        403,
        "Business account is restricted from messaging users in this country.",
        "Message failed to send because business account is restricted from messaging users in "
        "this country.",
    ),
    131000: Code(500, "Something went wrong", "Message failed to send due to an unknown error."),
    131005: Code(403, "Access denied", "A permission is missing or was removed."),
    131008: Code(400, "Required parameter is missing"),
    131009: Code(400, "Parameter value is not valid"),
    131016: Code(500, "Service unavailable", "A service is temporarily unavailable."),
    131021: Code(400, "Recipient cannot be sender", "Sender and recipient are the same number."),
    131026: Code(400, "Message undeliverable", "Message Undeliverable."),
    131030: Code(
        400,
        "Recipient phone number not in allowed list",
        "Recipient phone number not in allowed list: Add recipient phone number to recipient list "
        "and try again.",
    ),
    131031: Code(403, "Account has been locked", "Business Account locked"),
    131037: Code(400, "Display name approval needed", "The display name has not been approved."),
    131042: Code(
        400,
        "Business eligibility payment issue",
        "Message failed to send because there were one or more errors related to your payment "
        "method.",
    ),
    131044: Code(400, "Payment issue", "Message failed to send because of a payment issue."),
    131045: Code(500, "Incorrect certificate", "The number's registration has failed."),
    131047: Code(
        400,
        "Re-engagement message",
        "More than 24 hours have passed since the recipient last replied to the sender number.",
    ),
    131048: Code(
        400,
        "Spam rate limit hit",
        "Message failed to send because there are restrictions on how many messages can be sent "
        "from this phone number.",
    ),
    131049: Code(
        400,
        "This message was not delivered to maintain healthy ecosystem engagement.",
        "In order to maintain a healthy ecosystem engagement, the message failed to be delivered.",
    ),
    131050: Code(
        400,
        "Unable to deliver the message",
        "The recipient has chosen to stop receiving marketing messages from your business.",
    ),
    131051: Code(400, "Unsupported message type", "Message type is not currently supported."),
    131052: Code(400, "Media download error", "The user's media could not be downloaded."),
    131053: Code(400, "Media upload error", "The media could not be fetched or uploaded."),
    131055: Code(400, "Method not allowed"),
    131056: Code(
        400,
        "(Business Account, Consumer Account) pair rate limit hit",
        "Message failed to send because there were too many messages sent from this phone number "
        "to the same phone number in a short period of time.",
    ),
    131057: Code(500, "Account in maintenance mode", "Business Account is in maintenance mode"),
    131060: Code(400, "This message is unavailable", "This message is currently unavailable."),
    131062: Code(400, "Business-scoped user id not supported"),
    131063: Code(400, "Marketing templates are disabled on Cloud API"),
    131064: Code(400, "Messaging limited due to template classification violations"),
    132000: Code(400, "Number of parameters does not match the expected number of params"),
    132001: Code(404, "Template name does not exist in the translation"),
    132005: Code(400, "Translated text too long", "The text is too long after substitution."),
    132007: Code(400, "Template format character policy violated"),
    132008: Code(400, "Template parameter value is not valid"),
    132012: Code(400, "Parameter format does not match format in the created template"),
    132015: Code(
        400, "Template is Paused", "Template is paused due to low quality so it cannot be sent."
    ),
    132016: Code(400, "Template is disabled", "The template was paused too many times."),
    132018: Code(400, "Template validation error"),
    132068: Code(400, "Flow is blocked"),
    132069: Code(400, "Flow is throttled"),
    133000: Code(500, "Incomplete deregistration"),
    133004: Code(503, "Server temporarily unavailable"),
    133005: Code(400, "Two step verification PIN Mismatch"),
    133006: Code(400, "Phone number re-verification needed"),
    133008: Code(400, "Too Many two step verification PIN Guesses"),
    133009: Code(400, "Two step verification PIN Guessed Too Fast"),
    133010: Code(
        400, "Phone number Not Registered", "Phone number not registered on the platform."
    ),
    133015: Code(400, "Please wait a few minutes before attempting to register this phone number"),
    133016: Code(400, "Account register deregister rate limit exceeded"),
    134011: Code(400, "WhatsApp Business payments terms of service pending"),
    134100: Code(400, "Only marketing messages supported"),
    134101: Code(400, "Template is still syncing"),
    134102: Code(500, "Template unavailable for use"),
    135000: Code(400, "Generic user error", "Message failed because of an unknown error."),
    137000: Code(400, "Recipient identity key mismatch"),
}

# All of these say that a permission is missing.
_PERMISSIONS = range(200, 300)

_UNKNOWN = Code(400, "Unknown error")

# Codes whose message carries no "(#code)" in front.
_UNNUMBERED = {0, 1, 2, 104, 190}

# The Graph API's own codes come without the `error_data` that WhatsApp adds.
_WITHOUT_DATA = _UNNUMBERED | {3, 4, 10, 17, *_PERMISSIONS, 368, 613, 80007, 80008}


def lookup(code: int) -> Code:
    """The table's line, or a plausible one for a code that is not in it."""
    return CODES.get(_PERMISSIONS.start if code in _PERMISSIONS else code, _UNKNOWN)


class Refusal(Exception):
    """A request that Meta refuses.

    Args:
        code: The Graph API's error code.
        details: The sentence in ``error_data``; the table's where it is left out.
        http: The HTTP status; the table's where it is left out.
        message: The whole message; ``(#code) title`` where it is left out.
        has_data: Whether there is an ``error_data`` at all (WhatsApp's own errors have it).
        retry_after: What the answer says about coming back: seconds, or a date.
        regain_minutes: The same in Meta's header of what a business has used.

    """

    def __init__(
        self,
        code: int,
        details: str | None = None,
        *,
        http: int | None = None,
        subcode: int | None = None,
        message: str | None = None,
        kind: str = OAUTH,
        has_data: bool = True,
        retry_after: int | str | None = None,
        regain_minutes: int | None = None,
    ) -> None:
        line = lookup(code)
        title = line.title if code in _UNNUMBERED else f"(#{code}) {line.title}"
        self.code = code
        self.details = line.details or line.title if details is None else details
        self.http = line.http if http is None else http
        self.subcode = subcode
        self.message = title if message is None else message
        self.kind = kind
        self.retry_after = retry_after
        self.regain_minutes = regain_minutes
        self.has_data = has_data and code not in _WITHOUT_DATA
        super().__init__(self.message)


def unknown_object(object_id: str, *, method: str) -> Refusal:
    """An id that does not exist, or that the token may not see (100, subcode 33)."""
    return Refusal(
        100,
        subcode=33,
        kind=GRAPH_METHOD,
        has_data=False,
        message=(
            f"Unsupported {method.lower()} request. Object with ID '{object_id}' does not exist, "
            "cannot be loaded due to missing permissions, or does not support this operation. "
            "Please read the Graph API documentation at "
            "https://developers.facebook.com/docs/graph-api"
        ),
    )
