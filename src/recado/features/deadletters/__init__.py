"""Dead letters: deliveries that ended failed or unknown, kept for a person to retry or discard.

What may not live here: retries that happen by themselves (domain/retry, dispatch).
"""
