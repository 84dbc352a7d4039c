"""What a provider cannot do is known beforehand, and refused in one way when asked for."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, cast

import pytest

from recado.domain.retry import ErrorClass
from recado.providers.adapter import Adapter
from recado.providers.base import Capabilities, Config, Message, Transport, Unsupported, lacking
from recado.providers.content import (
    Button,
    Buttons,
    Choices,
    Content,
    Media,
    Row,
    Section,
    Template,
    Text,
)
from recado.providers.exchange import HttpAnswer, HttpRequest, Outcome, Refused, Upload
from recado.providers.meta.adapter import MetaAdapter

LINK = "https://example.com/a.jpg"
BUTTONS = Buttons("a", (Button("1", "b"),))
CHOICES = Choices("a", "b", (Section("", (Row("1", "c"),)),))
NOWHERE = cast("Transport", None)


@pytest.mark.parametrize(
    ("content", "missing", "enough"),
    [
        (Text("a"), "text", Capabilities()),
        (Template("a", "pt_BR"), "template", Capabilities(template=True)),
        (Media("image", LINK), "image", Capabilities(media=frozenset({"image"}))),
        (
            Media("image", media_id="1"),
            "uploads",
            Capabilities(media=frozenset({"image"}), uploads=True),
        ),
        (BUTTONS, "buttons", Capabilities(interactive=frozenset({"buttons"}))),
        (CHOICES, "list", Capabilities(interactive=frozenset({"list"}))),
    ],
)
async def test_a_content_needs_a_capability(
    content: Content, missing: str, enough: Capabilities
) -> None:
    less = Capabilities(text=False, media=frozenset({"image"} if missing == "uploads" else ()))
    assert lacking(less, content) == missing
    assert lacking(enough, content) is None

    class Poor(MetaAdapter):
        capabilities = less

    outcome = await Poor().send(
        NOWHERE, {}, Message("5531", "1.1.1", content), write_before=None, timeout=1
    )
    assert isinstance(outcome, Refused)
    assert outcome.fault.code == "unsupported_by_provider"
    assert outcome.fault.error_class is ErrorClass.REQUEST
    assert f"'{missing}'" in outcome.fault.detail


class Nothing(Adapter):
    """An adapter that defines nothing but what each must."""

    name = "nothing"
    capabilities = Capabilities()

    def configure(self, raw: Mapping[str, Any]) -> dict[str, Any]:
        return dict(raw)

    def _request(self, config: Config, message: Message) -> HttpRequest:
        raise NotImplementedError

    def _outcome(self, answer: HttpAnswer) -> Outcome:
        raise NotImplementedError


@pytest.mark.parametrize(
    "call",
    [
        lambda one: one.login(NOWHERE, {}, phone="5531"),
        lambda one: one.logout(NOWHERE, {}),
        lambda one: one.number_info(NOWHERE, {}),
        lambda one: one.mark_read(NOWHERE, {}, "wamid.A"),
        lambda one: one.check_numbers(NOWHERE, {}, ["5531"]),
        lambda one: one.upload(NOWHERE, {}, Upload("image", "image/png", b"x")),
        lambda one: one.templates(NOWHERE, {}),
    ],
)
async def test_a_call_that_a_provider_lacks_raises_one_clear_error(
    call: Callable[[Nothing], Awaitable[Any]],
) -> None:
    with pytest.raises(Unsupported, match="nothing"):
        await call(Nothing())
    assert Nothing().account_id({}) is None
    assert Nothing().account_ids(b"{}") == set()
