"""What a process counts, for Prometheus."""

from prometheus_client import Counter, Gauge, Histogram

CALLBACKS = Counter("recado_callbacks", "Callbacks received.", ["provider", "result"])
UNAPPLIED = Counter(
    "recado_callbacks_unapplied", "Callbacks that could not be read or applied.", ["provider"]
)
WAITING = Gauge("recado_callbacks_waiting", "Callbacks that are not answered yet.")
TURNED_AWAY = Counter("recado_callbacks_turned_away", "Callbacks told to come again.", ["why"])
EVENTS = Counter("recado_events", "Events in callbacks.", ["provider", "kind"])
REPORTS = Counter("recado_reports", "Reported states applied.", ["status"])
SENDS = Counter("recado_sends", "Requests to providers, by outcome.", ["provider", "result"])
SEND_SECONDS = Histogram("recado_send_seconds", "Time from request to answer.", ["provider"])
SERVER_AWAY = Gauge("recado_server_away", "Whether this process waits for a server.", ["server"])
BREAKERS = Counter("recado_breakers_opened", "Breakers that opened, as seen here.", ["scope"])
PAUSES = Counter("recado_pauses", "Pauses that outcomes led to.", ["what"])
