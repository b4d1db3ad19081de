"""A tagger whose file is damaged is a mistake of the installation, told by its file's name."""

from pathlib import Path

import pytest

from newsmill.errors import ConfigError
from newsmill.knowledge.recognisers.statistical import MODELS, problems
from newsmill.knowledge.taggers import tagger

NAME = next((n for n, m in MODELS.items() if m.module == "pycrfsuite" and not m.missing), None)


@pytest.mark.skipif(NAME is None, reason="no tagger is installed")
def test_damaged_tagger_is_told_by_its_file_before_anything_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert NAME is not None
    whole = tagger.file_of(MODELS[NAME].language)
    (tmp_path / whole.name).write_bytes(whole.read_bytes()[:1000])
    monkeypatch.setattr(tagger, "DATA", tmp_path)
    assert [whole.name in problem for problem in problems([NAME])] == [True]
    with pytest.raises(ConfigError, match=r"is missing or damaged"):
        tagger.Tagger.open(MODELS[NAME].language)
