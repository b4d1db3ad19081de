"""The secret that a runner shows to a worker pool: whoever has it may have workers started."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Final

from pydantic import SecretStr

from newsmill.errors import ConfigError

TOKEN: Final = "newsmill-token"
"""Its name among the parameters of a request to start a worker."""
VARIABLE: Final = "NEWSMILL__PORTABLE__WORKER_POOL_TOKEN"
_PLAIN: Final = re.compile("[!-~]+")
LEAST: Final = 16
"""Characters of a token: fewer can be guessed."""


def pool_token(given: SecretStr | None, file: Path | None) -> str | None:
    """The token: as given, else from the file, else from the environment; None where there is none.

    Raises:
        ConfigError: The file can't be read, or the token is short or holds blanks.
    """
    try:
        token = (
            given.get_secret_value()
            if given is not None
            else file.read_text(encoding="utf-8").rstrip("\r\n")
            if file is not None
            else os.environ.get(VARIABLE)
        )
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"portable.worker_pool_token_file: {file}: {getattr(error, 'strerror', None) or error}"
        ) from None
    if token is not None and not (len(token) >= LEAST and _PLAIN.fullmatch(token)):
        raise ConfigError(f"portable.worker_pool_token: must be at least {LEAST} ASCII characters, no blanks")
    return token
