"""What may be wrong with the simulator itself; its answers are Meta's, with Meta's codes."""

from recado.domain.errors import Unavailable


class SimulatorAway(Unavailable):
    code = "simulator_away"
    sentence = "The simulator does not answer at {url}. Start it with 'recado simulator'."
