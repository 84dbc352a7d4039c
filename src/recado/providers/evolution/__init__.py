"""Evolution API v2 (2.3.6 and 2.3.7): a server of one's own that drives an account of WhatsApp."""
