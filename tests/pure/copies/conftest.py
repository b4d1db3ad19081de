"""The index of these tests is on disk but for its last rows, as it is where there are many."""

from __future__ import annotations

import pytest

from newsmill.copies import store


@pytest.fixture(autouse=True)
def folded_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "FOLD", 24)
