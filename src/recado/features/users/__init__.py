"""Who may come in: users with passwords, their memberships, roles, and the keys of the API."""
