"""Whose turn it is, from one driver to the next."""

from hypothesis import given
from hypothesis import strategies as st

from recado.domain.ids import RunId
from recado.features.dispatch.rota import Rota

runs = st.sets(st.integers(1, 50).map(RunId), min_size=1)


@given(runs, st.none() | st.integers(0, 60).map(RunId))
def test_one_at_a_time_every_run_has_its_turn_before_any_has_two(
    some: set[RunId], last: RunId | None
) -> None:
    turns: list[RunId] = []
    for _ in some:
        rota = Rota(last)
        turn = rota.order(some)[0]
        rota.had([turn])
        turns.append(turn)
        last = rota.last_run
    assert sorted(turns) == sorted(some)


@given(runs, runs)
def test_a_run_that_comes_or_goes_upsets_no_other(before: set[RunId], after: set[RunId]) -> None:
    rota = Rota()
    rota.had(rota.order(before))
    assert sorted(rota.order(after)) == sorted(after)
    assert rota.order(after)[0] == min((r for r in after if r > max(before)), default=min(after))


def test_a_claim_that_finds_nothing_is_nobodys_turn() -> None:
    rota = Rota(RunId(3))
    rota.had([])
    assert rota.last_run == 3
