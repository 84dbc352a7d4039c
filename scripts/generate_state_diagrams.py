"""Draw the tables of states in `recado.domain` as docs/reference/states.md.

Run without arguments to write the file, with --check to be told whether it is up to date.
"""

import sys
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import TypeVar

from recado.domain import adaptive, deliveries, runs
from recado.domain.transitions import Actor

PAGE = Path(__file__).parents[1] / "docs" / "reference" / "states.md"

S = TypeVar("S", bound=StrEnum)
E = TypeVar("E", bound=StrEnum)

HEAD = """\
# States

This page is written by `scripts/generate_state_diagrams.py` from the tables in
`recado.domain.deliveries`, `recado.domain.runs` and `recado.domain.adaptive`. Change those, not
this.
"""

DELIVERIES = """\
## Deliveries

A delivery is one contact in one run. Each bubble of its message is a part with a state of its own
out of the same set; the delivery shows that of the part which got least far.
"""

REPORTS = """\
What a provider reports may come before the answer, late, twice and in any order, and only climbs:

{ladder}
"""

RUNS = """\
## Campaigns and runs

A run is complete when its audience is written down and no delivery of it is unsettled.
"""

BREAKERS = """\
## Breakers

Each channel has one and each provider's host: [Backing off](backing-off.md) says what trips them.
"""


def page() -> str:
    """The whole page."""
    steps: dict[int, list[str]] = {}
    for state, rank in deliveries.RANK.items():
        steps.setdefault(rank, []).append(f"`{state.value}`")
    ladder = "\n".join(
        f"{rank}. {', '.join(states)}" for rank, (_, states) in enumerate(sorted(steps.items()), 1)
    )
    ours = {
        event: ways
        for event, ways in deliveries.TRANSITIONS.items()
        if Actor.PROVIDER not in deliveries.ACTORS[event]
    }
    reported = {event: ways for event, ways in deliveries.TRANSITIONS.items() if event not in ours}
    return "\n".join(
        [
            HEAD,
            DELIVERIES,
            diagram(ours, deliveries.DeliveryState.PENDING),
            REPORTS.format(ladder=ladder),
            diagram(reported),
            events(deliveries.TRANSITIONS, deliveries.ACTORS),
            RUNS,
            diagram(runs.TRANSITIONS, runs.RunState.DRAFT),
            events(runs.TRANSITIONS, runs.ACTORS),
            BREAKERS,
            diagram(adaptive.TRANSITIONS, adaptive.BreakerState.CLOSED),
            events(adaptive.TRANSITIONS, adaptive.ACTORS),
        ]
    )


def diagram(table: Mapping[E, Mapping[S, S]], first: S | None = None) -> str:
    """A Mermaid diagram; events that share a way share its arrow."""
    arrows: dict[tuple[str, str], list[str]] = {}
    for event, ways in table.items():
        for before, after in ways.items():
            if before is not after:
                arrows.setdefault((before.value, after.value), []).append(event.value)
    lines = ["```mermaid", "stateDiagram-v2"]
    lines += [f"    [*] --> {first.value}"] if first else []
    lines += [f"    {a} --> {b}: {', '.join(names)}" for (a, b), names in arrows.items()]
    return "\n".join([*lines, "```", ""])


def events(table: Mapping[E, Mapping[S, S]], actors: Mapping[E, frozenset[Actor]]) -> str:
    """A table of the events: who makes each happen, and where it leads."""
    lines = ["| event | by | leads |", "|---|---|---|"]
    for event, ways in table.items():
        who = ", ".join(sorted(actor.value for actor in actors[event]))
        targets: dict[str, list[str]] = {}
        for before, after in ways.items():
            targets.setdefault(after.value, []).append(before.value)
        leads = "; ".join(f"{', '.join(sorted(a))} → {b}" for b, a in targets.items())
        lines.append(f"| {event.value} | {who} | {leads} |")
    return "\n".join([*lines, ""])


def main(arguments: list[str]) -> int:
    """Write the page, or with --check compare it; the exit code."""
    wanted = page()
    if arguments == ["--check"]:
        current = PAGE.read_text(encoding="utf-8") if PAGE.exists() else ""
        if current != wanted:
            print(f"{PAGE.name} is out of date: run scripts/generate_state_diagrams.py")
            return 1
        return 0
    if arguments:
        print(__doc__)
        return 2
    PAGE.parent.mkdir(parents=True, exist_ok=True)
    PAGE.write_text(wanted, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
