"""The lake as the workers of the endless job look at it: one reader a process."""

from __future__ import annotations

from functools import cache

from newsmill.config import LakeConfig
from newsmill.lake.lake import Lake


def reader(config: LakeConfig) -> Lake:
    """The lake for reading, opened once in this process."""
    return _reader(config.model_dump_json())


@cache
def _reader(config: str) -> Lake:
    return Lake.look(LakeConfig.model_validate_json(config))
