"""Message templates: those that stand ready, and the check of a send against one."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import msgspec

from recado.simulator.meta import checks
from recado.simulator.meta.checks import Node
from recado.simulator.meta.codes import Refusal
from recado.simulator.meta.kinds import check_media

_VARIABLE = re.compile(r"\{\{\s*(\w+)\s*\}\}")
# Meta: no newline, no tab, no more than four spaces in a row inside a parameter.
_FORBIDDEN = re.compile(r"[\n\t]| {5}")
_MEDIA = ("IMAGE", "VIDEO", "DOCUMENT")
TEXT_MOST = 4096
# Meta: more comes only when it is asked for.
TEMPLATE_DEFAULTS = ("name", "language", "status", "category", "components")


class _Button(msgspec.Struct):
    type: str
    url: str = ""


class _Component(msgspec.Struct):
    type: str
    format: str = ""
    text: str = ""
    buttons: list[_Button] = []


class Template(msgspec.Struct):
    """A template as the management API lists it."""

    name: str
    language: str
    components: list[dict[str, Any]]
    status: str = "APPROVED"
    category: str = "MARKETING"
    parameter_format: str = "POSITIONAL"
    id: str = ""
    quality: str = "UNKNOWN"
    rejected_reason: str = "NONE"

    def __post_init__(self) -> None:
        # The components stay as they came, with whatever else they hold, once their form is sure.
        msgspec.convert(self.components, list[_Component])

    def listed(self, fields: Sequence[str]) -> Node:
        """The template with those of its fields that were asked for; others come to nothing."""
        values: Node = {
            **msgspec.structs.asdict(self),
            "quality_score": {"score": self.quality, "date": 1753700000},
        }
        del values["quality"]
        return {**{name: values[name] for name in fields if name in values}, "id": self.id}

    def component(self, kind: str) -> Node:
        """The component of a kind (HEADER, BODY, BUTTONS), empty where there is none."""
        for component in self.components:
            if component["type"].upper() == kind:
                return component
        return {}


class Filled(msgspec.Struct, frozen=True):
    """A template send that passed: the text a person would read, and what it is charged as."""

    text: str
    category: str


def fill(message: Node, templates: Sequence[Template], *, closed: bool) -> Filled:
    """Check a template send.

    Args:
        message: The whole request.
        templates: Those of the sender's WABA.
        closed: Whether a name that is not among the templates is refused; else it is taken as a
            template that fits.

    Raises:
        Refusal: 131008/131009/100 for the form, 132000/132001/132005/132008/132012/132015/132016
            for what does not fit the template.

    """
    sent = checks.node(message, "template")
    name = checks.text(sent, "name", "template", most=512)
    language = checks.node(sent, "language", "template")
    code = checks.text(language, "code", "template.language", most=64)
    components = _components(sent)
    namesakes = [template for template in templates if template.name == name]
    if not namesakes and not closed:
        words = [str(p.get("text", "")) for _, group in components for p in group]
        return Filled(" ".join([f"[{name}]", *words]).strip(), "marketing")
    template = next((t for t in namesakes if t.language == code), None)
    if template is None or template.status in ("REJECTED", "PENDING"):
        raise Refusal(132001, f"template name ({name}) does not exist in {code}")
    if template.status == "PAUSED":
        raise Refusal(132015)
    if template.status == "DISABLED":
        raise Refusal(132016)
    text = _check_parameters(template, components)
    if len(text) > TEXT_MOST:
        raise Refusal(132005)
    return Filled(text, template.category.lower())


def _components(sent: Node) -> list[tuple[Node, list[Node]]]:
    if sent.get("components") is None:
        return []
    found = []
    for component in checks.nodes(sent, "components", "template", least=0, most=32):
        path = "template.components"
        kind = checks.text(component, "type", path, most=32).lower()
        parameters: list[Node] = []
        if component.get("parameters") is not None:
            parameters = checks.nodes(component, "parameters", path, least=0, most=256)
        if kind == "button":
            checks.text(component, "sub_type", path, most=32)
            if component.get("index") is None:
                raise checks.required("template['components']['index']")
        for parameter in parameters:
            _check_parameter(parameter)
        found.append((component, parameters))
    return found


def _check_parameter(parameter: Node) -> None:
    path = "template.components.parameters"
    kind = checks.text(parameter, "type", path, most=32)
    if kind == "text":
        if parameter.get("text") is None:
            raise checks.required("template['components']['parameters']['text']")
        if _FORBIDDEN.search(str(parameter["text"])):
            raise Refusal(
                132008,
                "Param text cannot have new-line/tab characters or more than 4 consecutive spaces",
            )
    elif kind.upper() in _MEDIA:
        check_media(checks.node(parameter, kind, path), f"{path}.{kind}")
    elif kind in ("currency", "date_time", "location", "action"):
        checks.node(parameter, kind, path)
    elif kind == "payload":
        checks.text(parameter, "payload", path, most=1024)
    elif kind == "coupon_code":
        checks.text(parameter, "coupon_code", path, most=64)
    else:
        raise checks.invalid("template['components']['parameters']['type']", f"{kind}.")


def _check_parameters(template: Template, components: list[tuple[Node, list[Node]]]) -> str:
    given = {str(c["type"]).lower(): parameters for c, parameters in components}
    header = template.component("HEADER")
    wanted = str(header.get("format", "")).upper()
    if wanted in _MEDIA:
        received = [str(p["type"]).upper() for p in given.get("header", [])]
        if received != [wanted]:
            what = received[0] if received else "UNKNOWN"
            raise Refusal(132012, f"header: Format mismatch, expected {wanted}, received {what}")
    elif wanted == "TEXT" or "header" in given:
        _substitute("header", template, str(header.get("text", "")), given.get("header", []))
    text = str(template.component("BODY").get("text", ""))
    filled = _substitute("body", template, text, given.get("body", []))
    _check_buttons(template, components)
    return filled


def _substitute(part: str, template: Template, text: str, parameters: list[Node]) -> str:
    variables = list(dict.fromkeys(_VARIABLE.findall(text)))
    if len(variables) != len(parameters):
        raise Refusal(
            132000,
            f"{part}: number of localizable_params ({len(parameters)}) does not match the "
            f"expected number of params ({len(variables)})",
        )
    values: dict[str, str] = {}
    for variable, parameter in zip(variables, parameters, strict=True):
        if parameter["type"] not in ("text", "currency", "date_time"):
            kind = str(parameter["type"]).upper()
            raise Refusal(132012, f"{part}: Format mismatch, expected TEXT, received {kind}")
        name = variable
        if template.parameter_format == "NAMED":
            name = str(parameter.get("parameter_name", ""))
            if name not in variables or name in values:
                raise Refusal(132012, f"{part}: Parameter name '{name}' is missing or not expected")
        values[name] = _value(parameter)
    return _VARIABLE.sub(lambda match: values[match[1]], text)


def _value(parameter: Node) -> str:
    if parameter["type"] == "text":
        return str(parameter["text"])
    nested: Node = parameter[parameter["type"]]
    return str(nested.get("fallback_value", ""))


def _check_buttons(template: Template, components: list[tuple[Node, list[Node]]]) -> None:
    given = {
        str(c["index"]): parameters
        for c, parameters in components
        if str(c["type"]).lower() == "button"
    }
    buttons = template.component("BUTTONS").get("buttons", [])
    for place, button in enumerate(buttons):
        dynamic = button.get("type") == "URL" and "{{" in str(button.get("url", ""))
        if (dynamic or button.get("type") == "COPY_CODE") and not given.get(str(place)):
            kind = "Url" if dynamic else "Copy_code"
            raise Refusal(
                131008, f"buttons: Button at index {place} of type {kind} requires a parameter"
            )
    for index in given:
        if not index.isdecimal() or int(index) >= len(buttons):
            raise Refusal(132018, f"buttons: there is no button at index {index}")


def _body(text: str) -> Node:
    return {"type": "BODY", "text": text}


_STOP = {"type": "QUICK_REPLY", "text": "Parar de receber"}

_STANDING = (
    Template(
        name="hello_world",
        language="en_US",
        category="UTILITY",
        id="1000000000000001",
        components=[
            {"type": "HEADER", "format": "TEXT", "text": "Hello World"},
            _body("Welcome! This message shows that your number can send."),
            {"type": "FOOTER", "text": "Simulated WhatsApp Business Platform"},
        ],
    ),
    Template(
        name="recado_aviso",
        language="pt_BR",
        category="UTILITY",
        id="1000000000000002",
        components=[_body("Olá {{1}}, temos um recado para você: {{2}}. Até breve!")],
    ),
    Template(
        name="recado_promocao",
        language="pt_BR",
        id="1000000000000003",
        parameter_format="NAMED",
        components=[
            {"type": "HEADER", "format": "IMAGE"},
            _body("Olá {{nome}}, sua oferta vale até {{data}}. Aproveite!"),
            {
                "type": "BUTTONS",
                "buttons": [
                    {"type": "URL", "text": "Ver oferta", "url": "https://example.com/{{1}}"},
                    _STOP,
                ],
            },
        ],
    ),
    Template(
        name="recado_pausado",
        language="pt_BR",
        status="PAUSED",
        id="1000000000000004",
        components=[_body("Olá {{1}}, este modelo está pausado.")],
    ),
    Template(
        name="recado_desativado",
        language="pt_BR",
        status="DISABLED",
        id="1000000000000005",
        components=[_body("Olá {{1}}, este modelo está desativado.")],
    ),
)


def default_templates() -> Sequence[Template]:
    """The templates of every WABA that brought none of its own."""
    return _STANDING
