"""The segments that a JPEG is coded in (ITU-T T.81): one frame, its scans, and the tables that they use.

A table that nothing uses, a second frame, or a scan that adds nothing is where something can be hidden.
"""

import hashlib
import re

from library.processing.metadata.proofs.jpeg_progress import Progress
from library.processing.metadata.values import UnexplainedError

_DHT, _DAC, _SOS, _DQT, _DRI = 0xC4, 0xCC, 0xDA, 0xDB, 0xDD
_SEQUENTIAL = frozenset((0xC0, 0xC1, 0xC3, 0xC9, 0xCB))
_PROGRESSIVE = frozenset((0xC2, 0xCA))
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_AFTER_SCAN = re.compile(rb"\xff[^\x00\xd0-\xd7]", re.DOTALL)
_AFTER_WHOLE_SCAN = re.compile(rb"\xff[^\x00]", re.DOTALL)  # one without restarts
# The tables of annex K, which some cameras write whether they use them or not, by class and SHA-256
_TYPICAL = frozenset(
    (
        (0, "2f66814c875b53173f057d784a16a34d0d1f9aa91cdfa7143c41be02c9c7b005"),
        (1, "a6283a08f5d97906b66adcc812e32396ea83059e55dd4cc91934cf447559aeb6"),
        (0, "602f734c8c12c1d9d049a18fd91d9ef3d3d8c402665f90db3d97721fc49e4804"),
        (1, "13f90e3c9dc476c66f24347f6ad29cea93262e99faed279970c2f74e0557f445"),
    )
)


class Coding:
    """What the segments of one picture have said so far."""

    def __init__(self) -> None:
        self._quantizers: dict[int, int] = {}  # what each component uses
        self.has_begun = False
        self._is_sequential = False
        self._progress: Progress | None = None
        self._scanned: set[int] = set()
        self._has_scan = False
        self._restarts = False
        self._defined: set[int] = set()
        self._waiting: dict[tuple[int, int], bytes] = {}  # Huffman tables that no scan has used yet

    def take(self, marker: int, content: bytes) -> None:
        """Take the next segment, a scan's header for itself.

        Raises:
            UnexplainedError: it has no place here, or room for more than its fields.
        """
        self.has_begun = True
        if self._is_sequential and self._quantizers and len(self._scanned) == len(self._quantizers):
            raise UnexplainedError(f"a segment FF{marker:02X} behind the last scan")
        if marker in _FRAMES:
            self._begin_frame(marker, content)
        elif marker == _SOS:
            self._begin_scan(content)
        elif marker == _DHT:
            self._define_codes(content)
        elif marker == _DQT:
            self._define_quantizers(content)
        elif marker == _DRI and len(content) == 2:
            self._restarts = any(content)
        elif not (marker == _DAC and len(content) % 2 == 0 and len(content) <= 64):
            raise UnexplainedError(f"a segment FF{marker:02X} with more in it than its fields")

    def scan_end(self, data: bytes, start: int) -> int:
        """Return where the data of the scan ends that begins there.

        Raises:
            UnexplainedError: it has no end.
        """
        match = (_AFTER_SCAN if self._restarts else _AFTER_WHOLE_SCAN).search(data, start)
        if match is None:
            raise UnexplainedError("a scan without an end")
        return match.start()

    def end(self) -> None:
        """Check that the picture is one, and that whatever was defined is used.

        Raises:
            UnexplainedError: it is none, or something is not.
        """
        if not self._has_scan:
            raise UnexplainedError("a picture without a scan")
        if self._is_sequential and len(self._scanned) != len(self._quantizers):
            raise UnexplainedError("a picture that is not whole")
        if not self._defined <= set(self._quantizers.values()):
            raise UnexplainedError("a quantization table that nothing uses")
        for key in list(self._waiting):
            self._let_go(key)

    def _begin_frame(self, marker: int, content: bytes) -> None:
        if self._quantizers:
            raise UnexplainedError("a second frame")
        count = content[5]
        if not count or len(content) != 6 + 3 * count:
            raise UnexplainedError("a frame with more in it than its fields")
        self._is_sequential = marker in _SEQUENTIAL
        self._progress = Progress() if marker in _PROGRESSIVE else None
        self._quantizers = {content[at]: content[at + 2] for at in range(6, len(content), 3)}
        if len(self._quantizers) != count:
            raise UnexplainedError("a frame with the same component twice")

    def _begin_scan(self, content: bytes) -> None:
        count = content[0]
        if not count or len(content) != 4 + 2 * count:
            raise UnexplainedError("a scan's header with more in it than its fields")
        for at in range(1, 1 + 2 * count, 2):
            component, codes = content[at], content[at + 1]
            if component not in self._quantizers:
                raise UnexplainedError("a scan of nothing")
            if self._is_sequential and component in self._scanned:
                raise UnexplainedError("a scan of what was scanned already")
            self._scanned.add(component)
            self._waiting.pop((0, codes >> 4), None)
            self._waiting.pop((1, codes & 15), None)
        if self._progress is not None:
            self._progress.take(set(content[1 : 1 + 2 * count : 2]), content[-3:])
        self._has_scan = True

    def _define_codes(self, content: bytes) -> None:
        at = 0
        while at < len(content):
            key = (content[at] >> 4, content[at] & 15)
            number = sum(content[at + 1 : at + 17])
            end = at + 17 + number
            if end > len(content) or number > 256 or key[0] > 1 or key[1] > 3:
                raise UnexplainedError("a Huffman table in another form")
            self._let_go(key)
            self._waiting[key] = content[at + 1 : end]
            at = end

    def _define_quantizers(self, content: bytes) -> None:
        at = 0
        while at < len(content):
            self._defined.add(content[at] & 15)
            at += 129 if content[at] >> 4 else 65
        if at != len(content):
            raise UnexplainedError("a quantization table with more in it than its fields")

    def _let_go(self, key: tuple[int, int]) -> None:
        """Forget a table that nothing has used: it has to be one that everybody knows."""
        table = self._waiting.pop(key, None)
        known = table is None or (key[0], hashlib.sha256(table).hexdigest()) in _TYPICAL
        if not known:
            raise UnexplainedError("a Huffman table that nothing uses")
