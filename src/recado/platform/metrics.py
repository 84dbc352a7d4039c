"""What a process counts, for Prometheus."""

from prometheus_client import Counter, Histogram

CALLBACKS = Counter("recado_callbacks", "Callbacks received.", ["provider", "result"])
REPORTS = Counter("recado_reports", "Reported states applied.", ["status"])
SENDS = Counter("recado_sends", "Requests to providers, by outcome.", ["provider", "result"])
SEND_SECONDS = Histogram("recado_send_seconds", "Time from request to answer.", ["provider"])
