"""Meta's WhatsApp Cloud API as the simulator plays it.

Here live what it accepts (``messages``, ``kinds``, ``templates``), what it answers (``codes``,
``responses``), what it calls back with (``webhooks``) and its management calls (``management``);
``provider`` joins them. Nothing here may know how Recado builds requests or reads callbacks.
"""
