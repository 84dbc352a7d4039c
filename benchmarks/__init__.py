"""Figures about speed, memory and pace, printed and judged by people. No test depends on them."""
