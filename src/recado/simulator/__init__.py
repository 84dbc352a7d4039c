"""A server that plays the providers, so that Recado can be tried, tested and demonstrated offline.

Here live the server, its journal of accepted messages, its faults, its outgoing callbacks and the
``/_sim`` endpoints that steer it; each provider it plays has one folder (``meta``, ``evolution``,
``uazapi``) with that provider's requests, answers and callbacks. What the last two share, as both
drive a WhatsApp account with a telephone behind it, is beside them (``instances``, ``link``,
``people``). The simulator knows providers from their documents alone: nothing of Recado's own
sending or receiving code may be imported here, or the two could be wrong together.
"""
