"""What became of a campaign: its deliveries in pages, the report as CSV, and live progress."""
