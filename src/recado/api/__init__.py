"""The JSON API, version 1: one file a resource.

What may live here: reading a request, calling a feature, shaping the answer. What may not: rules,
SQL, or HTML.
"""
