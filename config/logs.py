"""How the site logs, and what must never stand in a log."""

import logging
import re

_TOKEN = re.compile(r"(/s/[\w-]{4})[\w-]+")


class MaskTokens(logging.Filter):
    """Cut the token of every link down to its first four characters."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Rewrite the record's text; always lets it through."""
        record.msg = _TOKEN.sub(r"\1…", record.getMessage())
        record.args = None
        if record.exc_info and not record.exc_text:
            record.exc_text = logging.Formatter().formatException(record.exc_info)
        if record.exc_text:
            record.exc_text = _TOKEN.sub(r"\1…", record.exc_text)
        return True


LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"mask": {"()": MaskTokens}},
    "formatters": {"line": {"format": "{asctime} {levelname} {name}: {message}", "style": "{"}},
    "handlers": {
        "console": {"class": "logging.StreamHandler", "filters": ["mask"], "formatter": "line"}
    },
    "root": {"handlers": ["console"], "level": "INFO"},
    "loggers": {"django": {"handlers": [], "propagate": True}},
}
