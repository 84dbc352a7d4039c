"""uazapi v2 (uazapiGO): a hosted server that drives an account of WhatsApp."""
