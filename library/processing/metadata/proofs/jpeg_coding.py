"""The segments that a JPEG is coded in (ITU-T T.81): one frame, its scans, and the tables that they use.

A table that nothing uses, a second frame, or a scan that adds nothing is where something can be hidden.
"""

import hashlib
import re

from library.processing.metadata.proofs.jpeg_progress import Progress
from library.processing.metadata.values import UnexplainedError

_DHT, _DAC, _SOS, _DQT, _DRI = 0xC4, 0xCC, 0xDA, 0xDB, 0xDD
TABLES = frozenset((_DHT, _DQT))
_SEQUENTIAL = frozenset((0xC0, 0xC1, 0xC3, 0xC9, 0xCB))
_LOSSLESS = frozenset((0xC3, 0xCB))
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
        self._ready: set[int] = set()  # quantization tables that are defined
        self._unused: set[int] = (
            set()
        )  # and of these, the ones that no component has used as they are
        self.has_begun = False
        self._frame = 0
        self._progress: Progress | None = None
        self._scanned: set[int] = set()
        self._has_scan = False
        self._restarts = False
        self._waiting: dict[tuple[int, int], bytes] = {}  # Huffman tables that no scan has used yet

    def take(self, marker: int, content: bytes) -> None:
        """Take the next segment, a scan's header for itself.

        Raises:
            UnexplainedError: it has no place here, or room for more than its fields.
        """
        self._check_place(marker)
        if marker in _FRAMES:
            self._begin_frame(marker, content)
        elif marker == _SOS:
            self._begin_scan(content)
        elif marker == _DRI and len(content) == 2:
            self._restarts = any(content)
        elif not (marker == _DAC and len(content) % 2 == 0 and len(content) <= 64):
            raise UnexplainedError(f"a segment FF{marker:02X} with more in it than its fields")

    def take_tables(self, marker: int, content: bytes) -> list[int]:
        """Take the next segment, one of Huffman or of quantization tables; return how long each table is.

        Raises:
            UnexplainedError: it has no place here, or room for more than its tables.
        """
        self._check_place(marker)
        define = self._define_code if marker == _DHT else self._define_quantizer
        sizes: list[int] = []
        while content:
            sizes.append(define(content))
            content = content[sizes[-1] :]
        return sizes

    @property
    def _is_sequential(self) -> bool:
        return self._frame in _SEQUENTIAL

    def _check_place(self, marker: int) -> None:
        self.has_begun = True
        if self._is_sequential and self._quantizers and len(self._scanned) == len(self._quantizers):
            raise UnexplainedError(f"a segment FF{marker:02X} behind the last scan")

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
        if self._unused:
            raise UnexplainedError("a quantization table that nothing uses")
        for key in list(self._waiting):
            self._let_go(key)

    def _begin_frame(self, marker: int, content: bytes) -> None:
        if self._quantizers:
            raise UnexplainedError("a second frame")
        count = content[5]
        if not count or len(content) != 6 + 3 * count:
            raise UnexplainedError("a frame with more in it than its fields")
        self._frame = marker
        self._progress = Progress() if marker in _PROGRESSIVE else None
        self._quantizers = {content[at]: content[at + 2] for at in range(6, len(content), 3)}
        if len(self._quantizers) != count:
            raise UnexplainedError("a frame with the same component twice")

    def _begin_scan(self, content: bytes) -> None:
        count = content[0]
        if not count or len(content) != 4 + 2 * count:
            raise UnexplainedError("a scan's header with more in it than its fields")
        for at in range(1, 1 + 2 * count, 2):
            self._scan(content[at], content[at + 1], content[-3:])
        if self._progress is not None:
            self._progress.take(set(content[1 : 1 + 2 * count : 2]), content[-3:])
        self._has_scan = True

    def _scan(self, component: int, codes: int, spectrum: bytes) -> None:
        if component not in self._quantizers:
            raise UnexplainedError("a scan of nothing")
        if component not in self._scanned:
            self._quantize(component)
        elif self._is_sequential:
            raise UnexplainedError("a scan of what was scanned already")
        self._scanned.add(component)
        if self._codes_means(spectrum):
            self._waiting.pop((0, codes >> 4), None)
        if self._codes_the_rest(spectrum):
            self._waiting.pop((1, codes & 15), None)

    def _codes_means(self, spectrum: bytes) -> bool:
        """Tell whether a scan reads means, or lossless data, by a Huffman table."""
        if self._frame == 0xC2:
            return spectrum[0] == 0 and spectrum[2] < 0x10
        return self._frame in (0xC0, 0xC1, 0xC3)

    def _codes_the_rest(self, spectrum: bytes) -> bool:
        """Tell whether a scan reads anything but means by a Huffman table."""
        return self._frame in (0xC0, 0xC1) or (self._frame == 0xC2 and spectrum[0] > 0)

    def _quantize(self, component: int) -> None:
        table = self._quantizers[component]
        if table not in self._ready and self._frame not in _LOSSLESS:
            raise UnexplainedError("a component without its quantization table")
        self._unused.discard(table)

    def _define_code(self, content: bytes) -> int:
        key = (content[0] >> 4, content[0] & 15)
        number = sum(content[1:17])
        size = 17 + number
        if size > len(content) or number > 256 or key[0] > 1 or key[1] > 3:
            raise UnexplainedError("a Huffman table in another form")
        self._let_go(key)
        self._waiting[key] = content[1:size]
        return size

    def _define_quantizer(self, content: bytes) -> int:
        size, table = (129 if content[0] >> 4 else 65), content[0] & 15
        if size > len(content):
            raise UnexplainedError("a quantization table in another form")
        if table in self._unused:
            raise UnexplainedError("a quantization table that nothing uses")
        self._ready.add(table)
        self._unused.add(table)
        return size

    def _let_go(self, key: tuple[int, int]) -> None:
        """Forget a table that nothing has used: it has to be one that everybody knows."""
        table = self._waiting.pop(key, None)
        known = table is None or (key[0], hashlib.sha256(table).hexdigest()) in _TYPICAL
        if not known:
            raise UnexplainedError("a Huffman table that nothing uses")
