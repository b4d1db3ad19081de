"""What is kept of values that were worked out: bounded, and longest what is asked for again."""

from __future__ import annotations

from newsmill.knowledge.recent import Recent


def test_values_are_bounded_and_those_asked_for_again_stay() -> None:
    recent: Recent[int, str] = Recent(10)
    for number in range(1_000):
        recent.put(number, str(number))
        assert recent.get(0) == "0"
    kept = [number for number in range(1_000) if recent.get(number) is not None]
    assert len(kept) <= 20
    assert set(kept) >= {0, *range(991, 1_000)}


def test_value_is_given_back_when_it_is_put() -> None:
    recent: Recent[str, tuple[int, ...]] = Recent(2)
    assert recent.get("a") is None
    assert recent.put("a", ()) == () == recent.get("a")
