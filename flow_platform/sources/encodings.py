"""The encoding of a text file for which none is set: UTF-8, UTF-16 with its mark, or detected."""

from __future__ import annotations

import codecs
import re

# So much of a file is looked at: its bytes beyond ASCII, with what is around them.
_SAMPLE_BYTES = 200_000
# Of letters beyond ASCII that are nearly all alone among others: a Latin script.
_ALONE = 0.7
_LIKELIEST = "cp1252"
_SEQUENCE = re.compile(
    rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}"
)
_BEYOND_ASCII = re.compile(rb"[\x80-\xff]+")


def detected_encoding(data: bytes) -> str | None:
    """The encoding of a file that is not UTF-8, as Python knows it; None where UTF-8 will do.

    A file in which most of what is beyond ASCII is UTF-8 is UTF-8 with some damaged rows. UTF-16
    is known by its mark.
    """
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return None
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        sample = _sample(data)
    else:
        return None
    sequences = len(_SEQUENCE.findall(sample))
    others = sum(map(len, _BEYOND_ASCII.findall(_SEQUENCE.sub(b"", sample))))
    if b"\0" in sample or sequences >= others:
        return None
    runs = _BEYOND_ASCII.findall(sample)
    is_latin = sum(len(run) == 1 for run in runs) >= _ALONE * len(runs)
    name = _of_latin(sample) if is_latin else _of_other_scripts(sample)
    try:
        found = codecs.lookup(name or _LIKELIEST).name
        "".encode(found)
    except LookupError:
        return _LIKELIEST
    # What Windows writes has more letters than the standard of this name.
    is_likeliest = found in ("utf-8", "ascii", "iso8859-1") or _means_the_same(sample, found)
    return _LIKELIEST if is_likeliest else found


def _means_the_same(sample: bytes, encoding: str) -> bool:
    """Whether the likeliest encoding makes the same text: few letters show no difference."""
    try:
        return sample.decode(_LIKELIEST) == sample.decode(encoding)
    except UnicodeDecodeError:
        return False


def _of_latin(sample: bytes) -> str | None:
    """By uchardet, which tells French from Polish, and no script of many bytes."""
    import cchardet

    return cchardet.detect(sample)["encoding"]


def _of_other_scripts(sample: bytes) -> str | None:
    """By chardet, which takes few French words for Chinese ones."""
    import chardet

    return chardet.detect(sample, encoding_era=chardet.EncodingEra.MODERN_WEB)["encoding"]


def _sample(data: bytes) -> bytes:
    """The lines of a file that have bytes beyond ASCII, as many as are looked at."""
    if len(data) <= _SAMPLE_BYTES:
        return data
    found: list[bytes] = []
    size = 0
    for line in data.splitlines(keepends=True):
        if not line.isascii():
            found.append(line)
            size += len(line)
            if size >= _SAMPLE_BYTES:
                break
    return b"".join(found)
