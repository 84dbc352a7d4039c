"""Prints which provider keeps which promise, once all of them have been tried."""

import re

import pytest

_CASE = re.compile(r"test_contract\.py::\w+\[(\w+)-(\w+)\]$")
_SHOWN = {"passed": "yes", "failed": "NO", "error": "NO", "skipped": "-"}


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    found: dict[str, dict[str, str]] = {}
    for outcome, shown in _SHOWN.items():
        for report in terminalreporter.stats.get(outcome, []):
            if case := _CASE.search(getattr(report, "nodeid", "")):
                lacks = ("lacks", "") in report.user_properties
                found.setdefault(case[2], {})[case[1]] = "refused" if lacks else shown
    if not found:
        return
    providers = sorted({name for row in found.values() for name in row})
    width = max(map(len, found))
    terminalreporter.section("providers under contract")
    terminalreporter.write_line("  ".join([" " * width, *(f"{name:9}" for name in providers)]))
    for behaviour, row in found.items():
        cells = [f"{row.get(name, ''):9}" for name in providers]
        terminalreporter.write_line("  ".join([behaviour.replace("_", " ").ljust(width), *cells]))
    terminalreporter.write_line("refused: the provider cannot do it, and says so in one clear way")
