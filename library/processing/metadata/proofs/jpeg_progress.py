"""The order of scans in a progressive JPEG (ITU-T T.81, annex G): every scan adds to what was there.

Decoders take a scan that says again what another has said, with a warning at most: the first of the two is
shown to nobody, and could be a picture of its own.
"""

from collections.abc import Iterable

from library.processing.metadata.values import UnexplainedError

_COEFFICIENTS = 64


class Progress:
    """How many low bits are still missing of each coefficient of each component that is coded."""

    def __init__(self) -> None:
        self._missing: dict[tuple[int, int], int] = {}

    def take(self, components: Iterable[int], choice: bytes) -> None:
        """Take the next scan: of these components, with the last three bytes of its header.

        Raises:
            UnexplainedError: it does not add to what is coded.
        """
        first, last, high, low = choice[0], choice[1], choice[2] >> 4, choice[2] & 15
        if not first <= last < _COEFFICIENTS or (first == 0 and last > 0):
            raise UnexplainedError("a scan of coefficients that are none")
        for component in components:
            for number in range(first, last + 1):
                if not self._adds(self._missing.get((component, number)), high, low):
                    raise UnexplainedError("a scan of what was scanned already")
                self._missing[component, number] = low

    @staticmethod
    def _adds(missing: int | None, high: int, low: int) -> bool:
        """Tell whether a scan is the first of a coefficient, or brings its next bit."""
        return high == 0 if missing is None else high == missing == low + 1
