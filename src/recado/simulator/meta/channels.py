"""The numbers that the simulated Cloud API knows."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from recado.domain.errors import InvalidInput
from recado.simulator.meta.codes import Refusal
from recado.simulator.meta.templates import Template, default_templates
from recado.simulator.meta.webhooks import Metadata, MetaRoute

# Meta: a contact's message opens 24 hours for free-form answers.
WINDOW_SECONDS = 24 * 3600
# Meta: one message / 6 s to the same user; bursts of 45 borrow from the quota to come.
PAIR_SECONDS = 6.0
PAIR_BURST = 45


class Registration(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """What ``POST /_sim/channels`` says about a number."""

    phone_number_id: str
    access_token: str
    provider: str = "meta"
    waba_id: str | None = None
    display_phone_number: str | None = None
    app_secret: str | None = None
    verify_token: str | None = None
    callback_url: str | None = None
    templates: list[Template] | None = None


class Number:
    """A business number and what has happened on it."""

    def __init__(self, registration: Registration, *, registered: bool) -> None:
        self.registered = registered
        self.override_url: str | None = None
        self.disconnected = False
        self.apply(registration)
        self.forget()

    def apply(self, registration: Registration) -> None:
        """Take over what was registered, again or anew; a lost connection is restored."""
        number = registration.phone_number_id
        self.registration = registration
        self.disconnected = False
        self.waba_id = registration.waba_id or "1" + number
        display = registration.display_phone_number or "15550" + number[-6:].rjust(6, "0")
        self.metadata = Metadata("".join(filter(str.isdecimal, display)), number)

    def forget(self) -> None:
        """Forget the messages: how many went to each recipient, who wrote when, the throttles."""
        self._sequences: dict[int, int] = {}
        self._last_written: dict[str, float] = {}
        self._second: deque[float] = deque()
        self._paid_until: dict[str, float] = {}

    @property
    def route(self) -> MetaRoute | None:
        """Where callbacks go, if anywhere."""
        url = self.override_url or self.registration.callback_url
        return MetaRoute(url, self.registration.app_secret) if url else None

    def next_sequence(self, to: str) -> int:
        """How many requests named this recipient before."""
        key = hash(to)
        sequence = self._sequences.get(key, 0)
        self._sequences[key] = sequence + 1
        return sequence

    def written(self, wa_id: str, at: float) -> None:
        """Note that a contact wrote, which opens or renews the window for free-form messages."""
        self._last_written[wa_id] = at

    def in_window(self, wa_id: str, at: float) -> bool:
        """Whether the contact wrote within the last 24 hours."""
        last = self._last_written.get(wa_id)
        return last is not None and at - last < WINDOW_SECONDS

    def throttle(self, wa_id: str, at: float, *, per_second: int, pair_rate: bool) -> None:
        """Apply Meta's throughput and pair limits to a message; refused ones do not count.

        Raises:
            Refusal: 130429 or 131056.

        """
        paid_until = max(self._paid_until.get(wa_id, 0.0), at) + PAIR_SECONDS
        if pair_rate and paid_until - at > PAIR_SECONDS * PAIR_BURST:
            raise Refusal(131056)
        if per_second:
            while self._second and self._second[0] <= at - 1:
                self._second.popleft()
            if len(self._second) >= per_second:
                raise Refusal(130429)
            self._second.append(at)
        if pair_rate:
            self._paid_until[wa_id] = paid_until

    def listed(self) -> dict[str, object]:
        """The number as ``GET /_sim/channels`` shows it, without secrets."""
        return {
            "provider": "meta",
            "phone_number_id": self.metadata.phone_number_id,
            "waba_id": self.waba_id,
            "display_phone_number": self.metadata.display_phone_number,
            "callback_url": self.override_url or self.registration.callback_url,
            "signed": bool(self.registration.app_secret),
            "disconnected": self.disconnected,
        }


class Numbers:
    """All numbers by id; those never registered come into being when they are first used."""

    def __init__(self) -> None:
        self._numbers: dict[str, Number] = {}
        self._overrides: dict[str, str | None] = {}
        self._templates: dict[str, list[Template]] = {}
        self._judged: dict[str, dict[tuple[str, str], str]] = {}

    def register(self, fields: Mapping[str, object]) -> Number:
        """Add or change a number.

        Raises:
            InvalidInput: A field is missing, unknown or of the wrong type.

        """
        try:
            registration = msgspec.convert(fields, Registration)
        except msgspec.ValidationError as error:
            raise InvalidInput("The channel is not valid: {reason}.", reason=error) from None
        url = registration.callback_url
        if not registration.phone_number_id.isdecimal() or not registration.access_token:
            raise InvalidInput("Give a phone_number_id of digits and an access_token.")
        if url is not None and not url.startswith(("http://", "https://")):
            raise InvalidInput("The callback_url must begin with http:// or https://.")
        known = self._numbers.get(registration.phone_number_id)
        if known is None:
            known = Number(registration, registered=True)
            self._numbers[registration.phone_number_id] = known
        else:
            known.registered = True
            known.apply(registration)
        # What was said last holds: an address given now replaces an earlier subscription's.
        known.override_url = None if url else self._overrides.get(known.waba_id)
        if registration.templates is not None:
            self._judged.pop(known.waba_id, None)
        self._templates[known.waba_id] = _numbered(
            t for n in self.of_account(known.waba_id) for t in n.registration.templates or ()
        )
        return known

    def find(self, number_id: str) -> Number | None:
        """A number that is registered or has been used before."""
        return self._numbers.get(number_id)

    def open(self, number_id: str) -> Number:
        """A number, made up on the spot where nobody registered it."""
        number = self._numbers.get(number_id)
        if number is None:
            registration = Registration(phone_number_id=number_id, access_token="")
            number = self._numbers[number_id] = Number(registration, registered=False)
        return number

    def of_account(self, waba_id: str) -> list[Number]:
        """The registered numbers of a WABA."""
        return [n for n in self._numbers.values() if n.registered and n.waba_id == waba_id]

    def subscribe(self, waba_id: str, url: str | None) -> None:
        """Send a WABA's callbacks to an address of its own, or back to where each number's go."""
        self._overrides[waba_id] = url
        for number in self._numbers.values():
            if number.waba_id == waba_id:
                number.override_url = url

    def subscription(self, waba_id: str) -> str | None:
        """The address of its own that a WABA's callbacks go to, if it has one."""
        return self._overrides.get(waba_id)

    def own_templates(self, waba_id: str) -> Sequence[Template]:
        """The templates that were registered with the WABA's numbers."""
        return self._templates.get(waba_id, ())

    def templates(self, waba_id: str) -> Sequence[Template]:
        """All templates of a WABA: its own, else those that stand ready, as judged since."""
        known = self.own_templates(waba_id) or default_templates()
        judged = self._judged.get(waba_id)
        if not judged:
            return known
        return [
            msgspec.structs.replace(one, status=judged.get((one.name, one.language), one.status))
            for one in known
        ]

    def judge(self, waba_id: str, name: str, language: str, status: str) -> None:
        """Let a template have another status, in lists and for messages."""
        self._judged.setdefault(waba_id, {})[name, language] = status

    def registered(self) -> Iterable[Number]:
        """The registered numbers, in the order of their registration."""
        return (number for number in self._numbers.values() if number.registered)

    def reset(self, *, channels: bool) -> None:
        """Forget what happened; the registrations too where asked."""
        kept = {} if channels else {k: n for k, n in self._numbers.items() if n.registered}
        for number in kept.values():
            number.disconnected = False
            number.forget()
        self._numbers, self._judged = kept, {}
        if channels:
            self._overrides, self._templates = {}, {}


def _numbered(templates: Iterable[Template]) -> list[Template]:
    """The templates without repetition, each with an id."""
    unique = {(template.name, template.language): template for template in templates}
    for place, template in enumerate(unique.values()):
        template.id = template.id or str(2_000_000_000_000_000 + place)
    return list(unique.values())
