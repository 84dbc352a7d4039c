"""What the network may do to a request."""


class TransportError(Exception):
    """A request without a whole answer."""


class NotSent(TransportError):
    """It never left: no connection, or its time to leave had passed."""


class GrantExpired(NotSent):
    """The moment for which it was allowed had passed before it could be written."""


class NoAnswer(TransportError):
    """It may have left, and no whole answer came back."""
