"""uazapi v2 (uazapiGO) as the simulator plays it.

Here live what it accepts (``messages``), how it refuses (``refusals``), its instances and their
webhooks (``instances``, ``management``), what it calls back with (``webhooks``) and people who
write (``inbound``); ``provider`` joins them. uazapi documents its calls and not its callbacks:
those are shaped like captures that users of it published.
"""
