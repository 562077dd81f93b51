"""The end of a file's name, true to what is in the file."""

from posixpath import splitext

from library.processing.formats import FORMATS

# Endings that people's cameras and systems use, beside the one that we would write ourselves
_ALSO = {
    "image/jpeg": {".jpeg", ".jpe", ".jfif", ".mpo"},
    "image/png": {".apng"},
    "image/heic": {".heif", ".hif"},
    "video/mp4": {".m4v"},
    "video/quicktime": {".qt"},
}
_OURS = {form.content_type: form.extension for form in FORMATS.values()}
_USUAL = {
    content_type: _ALSO.get(content_type, set()) | {ours} for content_type, ours in _OURS.items()
}


def own_suffix(content_type: str) -> str:
    """Return the ending that we write for a type, with its dot; empty for a type that is none of ours."""
    return _OURS.get(content_type, "")


def with_true_suffix(name: str, content_type: str) -> str:
    """Return the name, ending as a file of this type does: "page.html" of a JPEG is "page.html.jpg".

    A name whose ending is usual for the type stays as it is.
    """
    suffix = splitext(name)[1].lower()
    return name if suffix in _USUAL.get(content_type, {""}) else name + own_suffix(content_type)
