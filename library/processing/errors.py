"""What can be wrong with a file. Every message is a sentence for the file's owner."""

from typing import ClassVar


class MediaError(Exception):
    """A file cannot be used; `str(error)` says why, `code` says it to programs."""

    code: ClassVar[str] = "media"


class UnsupportedMediaError(MediaError):
    """The file is of a kind that is not accepted."""

    code = "unsupported"


class DamagedMediaError(MediaError):
    """The file is cut short, or its content does not decode."""

    code = "damaged"


class TooLargeError(MediaError):
    """The picture has more pixels than may be decoded."""

    code = "too_large"


class ProcessingFailedError(MediaError):
    """The decoding process died, ran out of time or memory, or answered nonsense."""

    code = "failed"


_BY_CODE: dict[str, type[MediaError]] = {
    kind.code: kind
    for kind in (UnsupportedMediaError, DamagedMediaError, TooLargeError, ProcessingFailedError)
}


def error_from_code(code: str, message: str) -> MediaError:
    """Rebuild an error that crossed a process boundary; unknown codes become "failed"."""
    return _BY_CODE.get(code, ProcessingFailedError)(message)
