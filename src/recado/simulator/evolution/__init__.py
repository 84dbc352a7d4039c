"""Evolution API v2 as the simulator plays it, 2.3.6 and 2.3.7.

Here live what it accepts (``messages``, ``schema``), how it refuses (``refusals``), its instances
and their webhooks (``instances``, ``management``), what it calls back with (``webhooks``) and
people who write (``inbound``); ``provider`` joins them. Written from Evolution API's documentation
and behaviour, without its code. Evolution API is by Evolution Foundation and its contributors,
Apache License 2.0 with additional conditions: https://github.com/evolution-foundation/evolution-api
"""
