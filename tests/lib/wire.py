# SPDX-License-Identifier: MIT
"""The wire format of protocol buffers, as the tests write and read it; shares no code with heaptap."""


class Bad(Exception):
    pass


def read_varint(b, i):
    n = shift = 0
    while True:
        if i >= len(b) or shift > 63:
            raise Bad("a varint runs off the end")
        c = b[i]
        i += 1
        n |= (c & 127) << shift
        if c < 128:
            return n, i
        shift += 7


def fields(b):
    """Yields (field number, value) of one message: int for varint and fixed, bytes for length-delimited."""
    i = 0
    while i < len(b):
        key, i = read_varint(b, i)
        kind = key & 7
        if kind == 0:
            v, i = read_varint(b, i)
        elif kind == 2:
            n, i = read_varint(b, i)
            if i + n > len(b):
                raise Bad("a field runs off the end")
            v = b[i:i + n]
            i += n
        elif kind in (1, 5):
            n = 8 if kind == 1 else 4
            if i + n > len(b):
                raise Bad("a field runs off the end")
            v = int.from_bytes(b[i:i + n], "little")
            i += n
        else:
            raise Bad("wire type %d" % kind)
        yield key >> 3, v


def signed(n):
    return n - (1 << 64) if n >> 63 else n


def numbers(v):
    if isinstance(v, int):
        return [v]
    out, i = [], 0
    while i < len(v):
        n, i = read_varint(v, i)
        out.append(n)
    return out


def varint(n):
    n &= (1 << 64) - 1
    out = bytearray()
    while n > 0x7F:
        out.append(n & 0x7F | 0x80)
        n >>= 7
    out.append(n)
    return bytes(out)


def number(field, n):
    """A field with its default, 0, is left out."""
    return varint(field << 3) + varint(n) if n else b""


def message(field, data):
    return varint(field << 3 | 2) + varint(len(data)) + data


def packed(field, values):
    return message(field, b"".join(varint(v) for v in values))
