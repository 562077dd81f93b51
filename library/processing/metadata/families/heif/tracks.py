"""Image sequences: the picture tracks of a `moov` box, rebuilt box by box (ISO/IEC 14496-12, 23008-12).

Tracks that are not pictures go, such as sound, text and thumbnails.
"""

from dataclasses import dataclass

from library.processing.containers.values import Part
from library.processing.containers.window import FileWindow
from library.processing.metadata.families.heif.coded import Budget, picture_stretches
from library.processing.metadata.families.heif.fields import (
    Extent,
    Fields,
    box,
    children,
    content_of,
    fields_of,
    full_box,
    needed,
    single,
    words,
)
from library.processing.metadata.families.heif.headers import (
    edits,
    media_header,
    movie_header,
    track_header,
)
from library.processing.metadata.families.heif.properties import (
    AUXILIARY,
    auxiliary_type,
    clean_property,
    nal_length_size,
)
from library.processing.metadata.families.heif.sample_tables import samples_of, sync_samples, times
from library.processing.metadata.families.heif.writing import MAX_OFFSET
from library.processing.metadata.values import UncleanableError

MAX_TRACKS = 100
_PICTURES = frozenset((b"pict", b"vide"))
_CONFIGURATIONS = {b"hvc1": b"hvcC", b"av01": b"av1C"}
_IN_ENTRY = frozenset((b"hvcC", b"av1C", b"colr", b"pasp", b"clap", b"clli", b"mdcv", b"amve"))
_RESOLUTION = 0x480000  # 72 dpi, which every writer says
_DATA_HERE = full_box(b"dref", words(1), full_box(b"url ", flags=1))


@dataclass(slots=True)
class _Source:
    """One track of the file, by its boxes."""

    number: int
    handler: bytes
    references: dict[bytes, list[int]]
    header: Part
    edits: Part | None
    media_header: Part
    tables: dict[bytes, Part]
    auxiliary: bytes = b""


@dataclass(slots=True)
class NewTrack:
    """A track as it is written: a box but for where its samples are, all in one chunk."""

    boxes: list[bytes]
    media: list[bytes]
    tables: list[bytes]
    stretches: list[Extent]

    def written(self, start: int) -> bytes:
        """Return its box, for samples that lie one behind the other from this place on."""
        if start > MAX_OFFSET:
            raise UncleanableError("a file too large for its kind")
        tables = box(b"stbl", *self.tables, full_box(b"stco", words(1, start)))
        information = box(
            b"minf", full_box(b"vmhd", bytes(8), flags=1), box(b"dinf", _DATA_HERE), tables
        )
        return box(b"trak", *self.boxes, box(b"mdia", *self.media, information))


@dataclass(slots=True)
class NewMovie:
    """A `moov` box as it is written."""

    header: bytes
    tracks: list[NewTrack]

    @property
    def stretches(self) -> list[Extent]:
        """Return all that is to be copied, in order."""
        return [stretch for track in self.tracks for stretch in track.stretches]

    def written(self, start: int) -> bytes:
        """Return the box, for samples from this place on. Its length does not depend on that."""
        boxes = [self.header]
        for track in self.tracks:
            boxes.append(track.written(start))
            start += sum(stretch.stop - stretch.start for stretch in track.stretches)
        return box(b"moov", *boxes)


def clean_movie(data: FileWindow, moov: Part, budget: Budget) -> NewMovie | None:
    """Return the `moov` box of a file's image sequences, None when it has none.

    Raises:
        UncleanableError: something in it is not known, or not as its standard says.
    """
    boxes = children(data, moov.start, moov.stop)
    if any(part.kind == b"mvex" for part in boxes):
        raise UncleanableError("a sequence in fragments")
    tracks = [part for part in boxes if part.kind == b"trak"]
    if len(tracks) > MAX_TRACKS:
        raise UncleanableError("there are more tracks than any camera writes")
    sources = _kept([_read_track(data, track) for track in tracks])
    if not sources:
        return None
    numbers = {source.number: new for new, source in enumerate(sources, 1)}
    if len(numbers) < len(sources):
        raise UncleanableError("two tracks have one number")
    header = movie_header(fields_of(data, needed(single(boxes, b"mvhd"), b"mvhd")), len(sources))
    return NewMovie(header, [_new_track(data, source, numbers, budget) for source in sources])


def _kept(sources: list[_Source]) -> list[_Source]:
    pictures = {
        source.number
        for source in sources
        if source.handler in _PICTURES and b"thmb" not in source.references
    }
    return [
        source
        for source in sources
        if source.number in pictures
        or (
            source.handler == b"auxv"
            and source.auxiliary in AUXILIARY
            and not pictures.isdisjoint(source.references.get(b"auxl", ()))
        )
    ]


def _read_track(data: FileWindow, track: Part) -> _Source:
    boxes = single(children(data, track.start, track.stop), b"tkhd", b"edts", b"mdia", b"tref")
    media = needed(boxes, b"mdia")
    parts = single(children(data, media.start, media.stop), b"mdhd", b"hdlr", b"minf")
    header = needed(boxes, b"tkhd")
    fields = fields_of(data, header)
    fields.take(12 + 8 * _is_long(data, header))
    source = _Source(
        number=fields.number(4),
        handler=fields_of(data, needed(parts, b"hdlr")).take(12)[8:],
        references=_references(data, boxes[b"tref"]) if b"tref" in boxes else {},
        header=header,
        edits=boxes.get(b"edts"),
        media_header=needed(parts, b"mdhd"),
        tables={},
    )
    if source.handler in _PICTURES | {b"auxv"}:
        source.tables = _tables(data, needed(parts, b"minf"))
        source.auxiliary = _auxiliary(data, source.tables)
    return source


def _references(data: FileWindow, tref: Part) -> dict[bytes, list[int]]:
    found = {}
    for part in children(data, tref.start, tref.stop):
        fields = fields_of(data, part)
        found[part.kind] = fields.numbers(fields.left // 4, 4)
    return found


def _tables(data: FileWindow, information: Part) -> dict[bytes, Part]:
    boxes = single(children(data, information.start, information.stop), b"dinf", b"stbl")
    dinf, stbl = needed(boxes, b"dinf"), needed(boxes, b"stbl")
    dref = content_of(data, needed(single(children(data, dinf.start, dinf.stop), b"dref"), b"dref"))
    if dref != _DATA_HERE[8:]:
        raise UncleanableError("samples in another file")
    kinds = (b"stsd", b"stts", b"ctts", b"stss", b"stsz", b"stsc", b"stco", b"co64")
    return single(children(data, stbl.start, stbl.stop), *kinds)


def _entry(data: FileWindow, tables: dict[bytes, Part]) -> tuple[Part, list[Part]]:
    """Return a track's sample entry, and the boxes in it."""
    stsd = needed(tables, b"stsd")
    entries = children(data, stsd.start + 8, stsd.stop)
    if len(entries) != 1:
        raise UncleanableError("samples of more than one kind")
    entry = entries[0]
    return entry, children(data, entry.start + 78, entry.stop)


def _auxiliary(data: FileWindow, tables: dict[bytes, Part]) -> bytes:
    found = [part for part in _entry(data, tables)[1] if part.kind == b"auxi"]
    return auxiliary_type(content_of(data, found[0])) if len(found) == 1 else b""


def _new_track(
    data: FileWindow, source: _Source, numbers: dict[int, int], budget: Budget
) -> NewTrack:
    entry, length_size = _sample_entry(data, source)
    tables = source.tables
    samples = samples_of(data, tables)
    kept = [picture_stretches(data, [sample], length_size, budget) for sample in samples]
    sizes = [sum(part.stop - part.start for part in stretches) for stretches in kept]
    count = len(samples)
    new_tables = [
        full_box(b"stsd", words(1), entry),
        times(fields_of(data, needed(tables, b"stts")), b"stts", count),
    ]
    if b"ctts" in tables:
        new_tables.append(times(fields_of(data, tables[b"ctts"]), b"ctts", count))
    if b"stss" in tables:
        new_tables.append(sync_samples(fields_of(data, tables[b"stss"]), count))
    new_tables.append(full_box(b"stsz", words(0, count, *sizes)))
    new_tables.append(full_box(b"stsc", words(1, 1, count, 1)))
    return NewTrack(
        boxes=[
            track_header(fields_of(data, source.header), numbers[source.number]),
            _new_references(source, numbers),
            edits(data, source.edits),
        ],
        media=[
            media_header(fields_of(data, source.media_header)),
            full_box(b"hdlr", bytes(4), source.handler, bytes(13)),
        ],
        tables=new_tables,
        stretches=[stretch for stretches in kept for stretch in stretches],
    )


def _sample_entry(data: FileWindow, source: _Source) -> tuple[bytes, int]:
    """Return a new sample entry, and the size of its NAL units' lengths in bytes, 0 for AV1."""
    entry, parts = _entry(data, source.tables)
    if entry.kind not in _CONFIGURATIONS:
        raise UncleanableError(f"samples of an unknown kind: {entry.kind!r}")
    fields = Fields(data[entry.start : entry.start + 78])
    fields.take(6)
    if fields.number(2) != 1:
        raise UncleanableError("samples in another file")
    fields.take(16)
    size = fields.take(4)
    fields.take(46)
    head = bytes(6) + words(1, size=2) + bytes(16) + size
    head += words(_RESOLUTION, _RESOLUTION, 0) + words(1, size=2) + bytes(32)
    kept: dict[tuple[bytes, bytes], bytes] = {}
    for part in parts:
        content = _entry_box(part.kind, content_of(data, part))
        if content is not None:
            kept.setdefault((part.kind, content[:4] if part.kind == b"colr" else b""), content)
    configuration = kept.get((_CONFIGURATIONS[entry.kind], b""))
    if configuration is None:
        raise UncleanableError("samples without their configuration")
    boxes = [box(kind, content) for (kind, _), content in kept.items()]
    length_size = nal_length_size(configuration) if entry.kind == b"hvc1" else 0
    return box(entry.kind, head, fields.take(2), b"\xff\xff", *boxes), length_size


def _entry_box(kind: bytes, content: bytes) -> bytes | None:
    if kind == b"ccst":
        fields = Fields(content)
        fields.take(4)
        flags = fields.number(4) & 0xFC000000  # which frames refer to which
        fields.finish()
        return bytes(4) + words(flags)
    if kind == b"auxi":
        name = auxiliary_type(content)
        return bytes(4) + name + b"\0" if name in AUXILIARY else None
    if kind == b"clap":
        raise UncleanableError("a crop that others could undo")
    return clean_property(kind, content) if kind in _IN_ENTRY else None


def _new_references(source: _Source, numbers: dict[int, int]) -> bytes:
    kept = []
    for kind in (b"auxl", b"prem"):
        targets = [
            numbers[target]
            for target in source.references.get(kind, ())
            if target in numbers and target != source.number
        ]
        if targets:
            kept.append(box(kind, words(*targets)))
    return box(b"tref", *kept) if kept else b""


def _is_long(data: FileWindow, part: Part) -> bool:
    """Tell whether a header's times have 64 bits."""
    return data[part.start] == 1
