"""Damage to a file: each function changes one file in one way, by a seeded `rng`."""

import json
import os
import struct
import zlib

TEXTS = {".json", ".toml", ".csv", ".txt", ".yaml", ".yml"}
IMAGES = {".png", ".jpg", ".jpeg", ".bmp", ".tif"}


def flipped_bits(rng, path):
    data = bytearray(path.read_bytes())
    for _ in range(rng.choice((1, 1, 1, 8, 40))):
        if data:
            data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    path.write_bytes(data)


def flipped_near_the_start(rng, path):
    """Flips a bit in the headers, which hold lengths and offsets."""
    data = bytearray(path.read_bytes())
    if data:
        data[rng.randrange(min(len(data), 200))] ^= 1 << rng.randrange(8)
    path.write_bytes(data)


def cut(rng, path):
    os.truncate(path, rng.choice((0, rng.randrange(path.stat().st_size + 1))))


def zeroed(rng, path):
    data = bytearray(path.read_bytes())
    start = rng.randrange(len(data) + 1)
    length = min(len(data) - start, rng.choice((1, 16, 512, 4096)))
    data[start : start + length] = bytes(length)
    path.write_bytes(data)


def inserted(rng, path):
    data = path.read_bytes()
    start = rng.randrange(len(data) + 1)
    path.write_bytes(data[:start] + rng.randbytes(rng.choice((1, 9, 4096))) + data[start:])


def doubled(rng, path):
    """Repeats a part of the file."""
    data = path.read_bytes()
    start, end = sorted(rng.randrange(len(data) + 1) for _ in range(2))
    path.write_bytes(data[:end] + data[start:end] + data[end:])


def moved(rng, path):
    """Swaps two parts, as blocks of a disk may be."""
    data, size = bytearray(path.read_bytes()), rng.choice((16, 512, 4096))
    a, b = (size * rng.randrange(len(data) // size + 1) for _ in range(2))
    data[a : a + size], data[b : b + size] = data[b : b + size], data[a : a + size]
    path.write_bytes(data)


def no_text(rng, path):
    data = path.read_bytes()
    start = rng.randrange(len(data) + 1)
    odd = (b"\xff", b"\xfe\xff", b"\xc3", b"\xed\xa0\x80", b"\0", b"\x80" * 40)
    path.write_bytes(data[:start] + rng.choice(odd) + data[start:])


def rubbish(rng, path):
    path.write_bytes(rng.choice((b"", b"\0" * 4096, rng.randbytes(999), b"{}", b"null", b"hello")))


def grown(rng, path):
    """Adds a hole at the end that takes no room on the disk."""
    os.truncate(path, rng.choice((1 << 20, 1 << 42)))


def replaced(rng, path):
    """Replaces it by something that is not a regular file."""
    kind = rng.choice(("pipe", "nothing", "circle", "folder", "device", "no one", "memory"))
    path.unlink()
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "circle":
        path.symlink_to(path.name)
    elif kind == "no one":
        path.symlink_to("nobody")
    elif kind == "device":
        path.symlink_to(rng.choice(("/dev/zero", "/dev/full", "/dev/tty")))
    elif kind == "folder":
        path.mkdir()
    elif kind == "memory":
        path.symlink_to("/proc/self/mem")


def renamed(rng, path):
    """Renames it to a name that is not UTF-8 or has a line break."""
    name = rng.choice((b"\xff\xfe", b"a\nb", b"\x1b[31m", "\u2028".encode())) + path.name.encode()
    os.rename(path, os.path.join(os.fsencode(path.parent), name))


def swapped(rng, path):
    """Swaps it with a neighbour."""
    other = rng.choice(sorted(path.parent.iterdir()))
    if other.is_file():
        ours, theirs = path.read_bytes(), other.read_bytes()
        path.write_bytes(theirs)
        other.write_bytes(ours)


def claims_much(rng, path):
    """Makes a PNG's header claim billions of pixels."""
    side = rng.choice((60_000, 2**31 - 1))
    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    chunks = (b"IHDR", header), (b"IDAT", b"x"), (b"IEND", b"")
    parts = (
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(parts))


VALUES = (
    None, True, False, -1, 0, 1, 0.5, 256, 2**70, 10**400, float("nan"), float("inf"), "", "a",
    "\ud800", "a\nb", "\0", "../../x", "x" * 5000, [], [[]], {}, [None], [0, 0, 0], [[0, 0]],
    {"a": 1}, [1e308] * 2, [10**6] * 2,
)  # fmt: skip


def other_json(rng, path):
    """Changes, removes or repeats some value of the JSON."""
    try:
        content = json.loads(path.read_bytes())
    except ValueError:
        return no_text(rng, path)
    box = {"": content}
    _change(rng, box, "")
    text = json.dumps(box.get(""), ensure_ascii=rng.random() < 0.8)
    return path.write_bytes(text.encode("utf-8", "surrogatepass"))


def _change(rng, parent, key):
    value = parent[key]
    if isinstance(value, list | dict) and value and rng.random() < 0.9:
        inner = rng.choice(range(len(value)) if isinstance(value, list) else list(value))
        return _change(rng, value, inner)
    if rng.random() < 0.3:
        del parent[key]
    elif rng.random() < 0.2 and isinstance(parent, list):
        parent.append(value)
    else:
        parent[key] = rng.choice(VALUES)
    return None


def deep_json(rng, path):
    path.write_text(rng.choice(("[" * 100_000, '{"a":' * 100_000, "[" * 900 + "]" * 900)))


WORDS = (
    "", "0", "-1", "1e999", "nan", "9" * 5000, '"', "'", "\\", "[", "]", "{}", "=", ",,", "\t",
    "#", "%", "\n", "\r", "\0", "\ud800", "true", "1979-05-27", "[[class]]", "../..", "é", "..",
    "/etc/passwd", "/dev/zero", "~", "&a *a", "!!python/object:os.system", "name",
)  # fmt: skip


def other_words(rng, path):
    """Changes, removes or repeats one word of a text."""
    words = path.read_bytes().decode("latin-1").replace("\n", " \n ").split(" ")
    place = rng.randrange(len(words))
    words[place : place + 1] = rng.choice(([rng.choice(WORDS)], [], [words[place]] * 2))
    text = " ".join(words).replace(" \n ", "\n")
    path.write_bytes(text.encode("utf-8", "surrogatepass"))


ANY = (
    flipped_bits, flipped_bits, flipped_near_the_start, cut, zeroed, inserted, doubled, moved,
    no_text, rubbish, grown, replaced, renamed, swapped,
)  # fmt: skip


def mutations(path):
    """The functions that apply to a file of that name."""
    if path.suffix == ".json":
        return (*ANY, *(other_json,) * 8, deep_json, other_words)
    if path.suffix in TEXTS:
        return (*ANY, *(other_words,) * 8)
    if path.suffix in IMAGES:
        return (*ANY[:-1], claims_much, claims_much)  # swapping images would not be damage
    return (*ANY, *(flipped_bits,) * 4, moved, moved)
