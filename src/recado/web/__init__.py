"""The pages a person sees: layout, assets, one folder a page with its views and templates.

What may live here: reading a request of a browser, calling a feature, rendering a template, and
what browsers need besides (sessions, security headers, the language). What may not: rules, SQL,
HTML written in Python, or the JSON API.
"""
