"""Every adapter with its simulated server, over real HTTP: provider × behaviour."""

from collections.abc import Callable, Iterator

import pytest
from tests.contract.providers import behaviours, phones
from tests.contract.providers.rows import ROWS, Row
from tests.contract.providers.stage import PROMISES, Promise, Stage

from recado.platform import settings
from recado.platform.settings import Sending
from recado.providers.transport import AiohttpTransport
from recado.simulator.testing import Receiver, Simulator

WRITTEN_IN = (behaviours, phones)  # their promises are in the table once they are read
QUICK = {"sent_ms": 0, "delivered_ms": 1, "read_ms": 2, "batch_ms": 1, "jitter": 0, "connect_ms": 0}
ALL = {"delivered_share": 1.0, "read_share": 1.0, "lid_share": 0.0, "lid_only_share": 0.0}


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    with Simulator() as running:
        running.control("settings", {**QUICK, **ALL})
        yield running


@pytest.fixture
def receiver(simulator: Simulator) -> Iterator[Receiver]:
    simulator.control("reset", {"channels": True})
    with Receiver() as listening:
        yield listening
        simulator.settle()  # else they might come to the next one, at the same port
        simulator.control("reset", {"channels": True})


@pytest.fixture
async def stage(
    request: pytest.FixtureRequest,
    simulator: Simulator,
    receiver: Receiver,
    transport: AiohttpTransport,
    monkeypatch: pytest.MonkeyPatch,
) -> Stage:
    row: Row = request.param
    here = Sending(simulator_url=simulator.url)
    monkeypatch.setattr(settings, "sending", lambda: here)
    config = await row.server.channel(row, simulator, receiver, transport)
    return Stage(row, simulator, receiver, transport, config, monkeypatch)


@pytest.mark.parametrize("behaviour", PROMISES, ids=lambda promise: promise.name)
@pytest.mark.parametrize("stage", ROWS, ids=lambda row: row.label or row.name, indirect=True)
async def test_each_provider_keeps_each_promise(
    stage: Stage, behaviour: Promise, record_property: Callable[[str, object], None]
) -> None:
    if behaviour.needs(stage.row.adapter.capabilities):
        await behaviour.check(stage)
    elif behaviour.lacking is None:
        pytest.skip("it cannot")
    else:
        record_property("lacks", "")
        await behaviour.lacking(stage)
