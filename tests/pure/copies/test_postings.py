"""Postings: a multimap like a dict's, in sorted runs."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from newsmill.copies import postings as module
from newsmill.copies.files import Nameless
from newsmill.copies.postings import Postings, pack

BATCHES = st.lists(st.lists(st.integers(0, 30), max_size=40), max_size=12)


@pytest.fixture(autouse=True, params=[4, 1 << 20], ids=["merged in pieces", "merged at once"])
def piece(request):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_CHUNK", request.param)
        yield


def filled(batches, cap=None, folds=0):
    """Postings, in files after every `folds` batches; and the same as a dict."""
    postings, expected, number = Postings("keys", cap), defaultdict(list), 0
    for count, keys in enumerate(batches, 1):
        numbers = np.arange(number, number + len(keys))
        postings.add(pack(np.array(keys, dtype=np.uint32), numbers))
        for key, value in zip(keys, numbers.tolist(), strict=True):
            expected[key].append(value)
        number += len(keys)
        if folds and count % folds == 0:
            postings.fold(Nameless())
    return postings, expected


def looked_up(postings, keys, least=0):
    asked, numbers = postings.find(np.array(keys, dtype=np.uint32), least)
    found = defaultdict(list)
    for at, number in zip(asked.tolist(), numbers.tolist(), strict=True):
        found[at].append(number)
    return [sorted(found[at]) for at in range(len(keys))]


@settings(max_examples=80, deadline=None)
@given(BATCHES, st.lists(st.integers(0, 40), max_size=20), st.integers(0, 60), st.integers(0, 3))
def test_find_gives_what_a_dict_of_lists_would(batches, asked, least, folds):
    postings, expected = filled(batches, folds=folds)
    assert looked_up(postings, asked, least) == [[n for n in expected[k] if n >= least] for k in asked]


@settings(max_examples=60, deadline=None)
@given(BATCHES, st.integers(0, 100), st.integers(0, 3))
def test_dropped_numbers_are_gone_and_the_others_stay(batches, least, folds):
    postings, expected = filled(batches, folds=folds)
    postings.drop_below(least, Nameless())
    assert looked_up(postings, range(31)) == [[n for n in expected[k] if n >= least] for k in range(31)]


@pytest.mark.parametrize("folds", [0, 20])
def test_hot_key_keeps_its_oldest_numbers_and_the_rest_are_counted(folds):
    postings, _ = filled([[7] * 50] * 20, cap=64, folds=folds)
    postings.add(pack(np.full(2000, 9, dtype=np.uint32), np.arange(1000, 3000)))
    assert looked_up(postings, [7]) == [list(range(64))]
    assert postings.capped >= 1000 - 64


def test_runs_stay_few_when_batches_are_small():
    postings, _ = filled([[key % 31] for key in range(3000)])
    assert len(postings._runs) <= 13
    postings, _ = filled([[key % 31] for key in range(3000)], folds=3)
    assert len(postings._runs) + len(postings.files()) <= 13
