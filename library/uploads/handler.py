"""How the bytes of the upload form reach the disk: streamed, hashed, never whole in memory."""

from dataclasses import dataclass, field
from typing import Any

from django.core.files.uploadedfile import UploadedFile
from django.core.files.uploadhandler import FileUploadHandler, SkipFile, StopFutureHandlers
from django.http import HttpRequest

from library.blobs.parts import Part
from library.blobs.space import require_room


class RefusingUploadHandler(FileUploadHandler):
    """Drops every file of every form on the site but the upload page's, unread."""

    def new_file(self, *_args: Any, **_kwargs: Any) -> None:
        """Skip the file."""
        raise SkipFile

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        """Never called: the file was skipped."""

    def file_complete(self, file_size: int) -> None:
        """Never called: the file was skipped."""


class ReceivedFile(UploadedFile):  # type: ignore[type-arg]
    """One file of the form: a part on disk, or what went wrong with it."""

    def __init__(self, name: str, part: Part, problem: str) -> None:
        super().__init__(name=name, size=part.size_bytes)
        self.part = part
        self.problem = problem

    def close(self) -> None:
        """Drop the part, unless the store has taken it over by now."""
        self.part.discard()


@dataclass(slots=True)
class _Arriving:
    name: str
    part: Part
    problem: str = field(default="")


class PartUploadHandler(FileUploadHandler):
    """Streams each file of the form into a part of the store, up to a number of bytes."""

    chunk_size = 256 << 10

    def __init__(self, request: HttpRequest, *, max_bytes: int) -> None:
        super().__init__(request)
        self.max_bytes = max_bytes
        self._arriving: _Arriving | None = None

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        """Open a part for the file; no other handler gets to see it."""
        super().new_file(*args, **kwargs)
        self.upload_interrupted()
        self._arriving = _Arriving(str(self.file_name), Part.create())
        raise StopFutureHandlers

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        """Write the bytes; once something is wrong the rest of this file is read and dropped."""
        file = self._arriving
        if file is None or file.problem:
            return
        if start + len(raw_data) > self.max_bytes:
            file.problem = "too_large"
            file.part.discard()
            return
        try:
            require_room(len(raw_data))
            file.part.write(raw_data)
        except OSError:
            file.problem = "no_space"
            file.part.discard()

    def file_complete(self, file_size: int) -> ReceivedFile | None:  # noqa: ARG002 - Django's signature
        """Hand the finished part to the view."""
        file, self._arriving = self._arriving, None
        if file is None:
            return None
        file.part.close()
        return ReceivedFile(file.name, file.part, file.problem)

    def upload_interrupted(self) -> None:
        """Drop the part of a file whose sender went away."""
        if self._arriving is not None:
            self._arriving.part.discard()
            self._arriving = None
