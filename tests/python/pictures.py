"""Shrinks PNG files. Screenshots have few colours, so a palette of 256 is enough."""

import struct
import zlib
from collections import Counter


def smaller(png):
    """Returns the picture with a palette. Requires the format of Chromium: 8 bits per channel, not interlaced."""
    width, height, depth, kind, *_, interlaced = struct.unpack(">IIBBBBB", png[16:29])
    channels = {2: 3, 6: 4}[kind]
    assert (depth, interlaced) == (8, 0)
    pixels = [row[i : i + 3] for row in _rows(png, width * channels, channels) for i in range(0, len(row), channels)]
    counts = Counter(pixels)
    palette = _palette(counts)
    index = {colour: min(range(len(palette)), key=lambda place: _distance(palette[place], colour)) for colour in counts}
    indexed = bytes(index[pixel] for pixel in pixels)
    rows = b"".join(b"\0" + indexed[start : start + width] for start in range(0, len(indexed), width))
    return b"".join([
        png[:8],
        _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)),
        _chunk(b"PLTE", b"".join(palette)),
        _chunk(b"IDAT", zlib.compress(rows, 9)),
        _chunk(b"IEND", b""),
    ])


def _palette(counts):
    """Returns up to 256 colours: the 128 most frequent, then those farthest from the palette so far."""
    palette = [colour for colour, _ in counts.most_common(128)]
    far = {colour: min(_distance(colour, known) for known in palette) for colour in counts}
    while len(palette) < 256 and any(far.values()):
        palette.append(max(far, key=far.get))
        far = {colour: min(distance, _distance(colour, palette[-1])) for colour, distance in far.items()}
    return palette


def _rows(png, length, step):
    """Yields the rows of the picture with the filters undone (PNG, section 9)."""
    place, data = 8, b""
    while place < len(png):
        size, kind = struct.unpack(">I4s", png[place : place + 8])
        data += png[place + 8 : place + 8 + size] if kind == b"IDAT" else b""
        place += size + 12
    raw, above = zlib.decompress(data), bytes(length)
    for start in range(0, len(raw), length + 1):
        kind, row = raw[start], bytearray(raw[start + 1 : start + 1 + length])
        for i in range(length if kind else 0):
            left, up, corner = (row[i - step], above[i], above[i - step]) if i >= step else (0, above[i], 0)
            row[i] = (row[i] + (left, up, (left + up) // 2, _paeth(left, up, corner))[kind - 1]) & 255
        above = bytes(row)
        yield above


def _paeth(left, up, corner):
    guess = left + up - corner
    return min((left, up, corner), key=lambda value: abs(guess - value))


def _distance(one, other):
    return sum((a - b) ** 2 for a, b in zip(one, other))


def _chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
