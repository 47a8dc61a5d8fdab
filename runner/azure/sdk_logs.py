"""Keeps the logs of Azure's packages off the terminal, and secrets out of them."""

from __future__ import annotations

import logging
import re

from runner.azure.errors import scrub

_PACKAGES = ("azure", "msal", "urllib3")
# azure-core masks what signs an address, but the connection below it logs the whole address; msal
# masks tokens, but not what a browser brought. A filter is not inherited: each logger has its own.
_CARELESS = (
    "msal.token_cache",
    "urllib3.connection",
    "urllib3.connectionpool",
    "urllib3.util.retry",
)
_SDK = "azure.ai.ml"
_BROUGHT = re.compile(r'("(?:code|code_verifier|client_info)": ")[^"]+')


class _Scrubber(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        text = _BROUGHT.sub(r"\1***", scrub(record.getMessage()))
        record.msg, record.args = text, None
        return True


_NOWHERE = logging.NullHandler()
_SCRUBBER = _Scrubber()


def tame_loggers() -> None:
    """Keep the packages' warnings off stderr, and secrets out of all that they log."""
    for name in _PACKAGES:
        # Without a handler their warnings go to stderr: several lines, and whole addresses.
        logging.getLogger(name).addHandler(_NOWHERE)
    for name in _CARELESS:
        logging.getLogger(name).addFilter(_SCRUBBER)


def tame_sdk() -> None:
    """Remove the handlers that azure-ai-ml adds at its import, which print to stderr.

    Its logs are then handled as all others are, and scrubbed.
    """
    for name, logger in list(logging.root.manager.loggerDict.items()):
        if isinstance(logger, logging.Logger) and (name == _SDK or name.startswith(f"{_SDK}.")):
            for handler in list(logger.handlers):
                logger.removeHandler(handler)
            logger.propagate = True
            logger.setLevel(logging.NOTSET)
            logger.addFilter(_SCRUBBER)
