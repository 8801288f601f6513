"""Mutations of an HTTP request: each function makes one thing wrong."""

import json
import zlib
from dataclasses import dataclass, field


@dataclass
class Draft:
    """A request before serialisation.

    Attributes:
        kind: its kind.
        body: bytes; `Content-Length` is their number unless a mutation changes it.
        framing: lines instead of `Content-Length`, or None.
        last: functions of (rng, bytes) for the serialised request, in order.
    """

    kind: str
    method: str
    target: str
    headers: list
    body: bytes
    framing: list | None = None
    last: list = field(default_factory=list)

    def raw(self, rng):
        framing = self.framing
        if framing is None:
            framing = [("Content-Length", str(len(self.body)))] if self.body else []
        lines = [f"{self.method} {self.target} HTTP/1.1"]
        named = [("Host", "localhost")] if not any(n == "Host" for n, _ in self.headers) else []
        lines += [f"{name}: {value}" for name, value in [*named, *self.headers, *framing]]
        raw = "\r\n".join(lines).encode("latin-1", "replace") + b"\r\n\r\n" + self.body
        for change in self.last:
            raw = change(rng, raw)
        return raw


WORDS = (
    "", " ", "\t", "0", "-1", "1e9", "9" * 400, "\x00", "\xff\xfe", "é", "%00", "../..", "null",
    "a" * 9000, "a" * 70_000, "undefined", "utf-16", "idna", "punycode", "\"", ";", ",", "=", ";=;",
    "chunked", "gzip", "identity", "close", "keep-alive", "bytes=0-1", "${x}", "{", "*",
)  # fmt: skip
NAMES = (
    "Content-Type", "Content-Encoding", "Content-Length", "Transfer-Encoding", "Connection",
    "Expect", "Upgrade", "Host", "Accept", "Accept-Encoding", "Range", "Cookie", "Authorization",
    "X-Forwarded-For", "X-Forwarded-Proto", "Origin", "If-None-Match", "Date", "TE", "Trailer",
    "X" * 300, "bad name", "", "\xe9", "X:Y",
)  # fmt: skip
HOSTS = ("", "localhost:", "localhost:x", "evil.example", "[::1]", "[", "a" * 300, "LOCALHOST.")
METHODS = (
    "GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "get", "X" * 99,
    "", "PRI", "P\xd6ST", "POST POST",
)  # fmt: skip
TARGETS = (
    "*", "", "//", "/segment/", "/segment?output=", "/segment?output=\xff", "/segment#x", "/%",
    "/segment?output[]=mask", "/segment?output=mask&output=overlay", "/%zz", "/%00", "/%ed%a0%80",
    "/v1/models/%2e%2e:predict", "/v1/models/linknet/versions/0:predict", "/v1/models/:predict",
    "/v1/models/linknet/versions/99999999999999999999", "/v1/models/linknet/versions/-1",
    "/v1/models/linknet/metadata/", "http://other/segment", "/../../etc/passwd", "/" + "a" * 9000,
    "/v1/models/linknet:predict?x=%ff", "/docs", "/static", "/v1/models/linknet%3Apredict",
)  # fmt: skip
CODECS = (
    "undefined", "idna", "punycode", "utf-16", "utf-7", "base64", "rot13", "x", "", "mbcs", "hex",
    "unicode_escape", "raw_unicode_escape", "utf-32", "zlib", "aliases", "../a", "cp65001", "é",
)  # fmt: skip


def other_header(rng, draft):
    place = rng.randrange(len(draft.headers) + 1)
    draft.headers.insert(place, (rng.choice(NAMES), rng.choice(WORDS)))


def header_gone_or_twice(rng, draft):
    if draft.headers:
        header = rng.choice(draft.headers)
        draft.headers = [h for h in draft.headers if h != header] + rng.choice(([], [header] * 2))


def many_headers(rng, draft):
    draft.headers += [(f"X-{i}", "y" * rng.choice((1, 50))) for i in range(rng.choice((99, 2000)))]


def other_host(rng, draft):
    draft.headers.append(("Host", rng.choice(HOSTS)))


def other_method(rng, draft):
    draft.method = rng.choice(METHODS)


def other_target(rng, draft):
    draft.target = rng.choice(TARGETS)


def damaged_target(rng, draft):
    place = rng.randrange(len(draft.target) + 1)
    draft.target = draft.target[:place] + rng.choice(WORDS) + draft.target[place:]


def wrong_length(rng, draft):
    size = len(draft.body)
    values = (0, 1, size - 1, size + 1, size // 2, 2 * size + 9, -5, 10**30, "1,2", "+4", "0x10")
    draft.framing = [("Content-Length", str(rng.choice(values)))]


def two_framings(rng, draft):
    size = str(len(draft.body))
    draft.framing = [("Content-Length", size), rng.choice(
        (("Content-Length", str(len(draft.body) + 1)), ("Transfer-Encoding", "chunked"))
    )]  # fmt: skip


def chunked(rng, draft):
    """Sends valid chunks, or chunks with one thing wrong."""
    body, pieces = draft.body, b""
    step = max(1, len(body) // rng.randrange(1, 9))
    for at in range(0, len(body), step):
        piece = body[at : at + step]
        size = b"%x" % len(piece) if rng.random() < 0.9 else rng.choice((b"zz", b"-1", b"f" * 20))
        pieces += size + rng.choice((b"", b"", b";ext=1")) + b"\r\n" + piece + b"\r\n"
    draft.body = pieces + rng.choice((b"0\r\n\r\n", b"0\r\n\r\n", b"0\r\nX: y\r\n\r\n", b""))
    draft.framing = [("Transfer-Encoding", rng.choice(("chunked", "chunked", "gzip, chunked")))]


def cut_body(rng, draft):
    draft.framing = [("Content-Length", str(len(draft.body)))]
    draft.body = draft.body[: rng.randrange(len(draft.body) + 1)]


def shorter_body(rng, draft):
    draft.body = draft.body[: rng.randrange(len(draft.body) + 1)]


def flipped_bytes(rng, draft):
    body = bytearray(draft.body)
    for _ in range(rng.randrange(1, 20)):
        if body:
            body[rng.randrange(min(len(body), rng.choice((60, 10**9))))] = rng.randrange(256)
    draft.body = bytes(body)


def doubled_part(rng, draft):
    a, b = sorted(rng.randrange(len(draft.body) + 1) for _ in range(2))
    draft.body = draft.body[:b] + draft.body[a:b] * rng.choice((1, 3)) + draft.body[b:]


def compressed(rng, draft):
    draft.body = zlib.compress(draft.body)
    draft.headers.append(("Content-Encoding", rng.choice(("gzip", "deflate", "br", "gzip, gzip"))))


def other_form(rng, draft):
    """Sends a form with a wrong boundary, charset or part."""
    draft.headers = [h for h in draft.headers if h[0] != "Content-Type"]
    boundary = rng.choice(("b", "b", "b", "", "c", "\xff", '"b', "b" * 300))
    charset = rng.choice(CODECS)
    kind = f"multipart/form-data; boundary={boundary}; charset={charset}"
    draft.headers.append(("Content-Type", kind))
    name = rng.choice((b"image", b"\xff\xfe", b"", b"x" * 5000, b'a"; filename="b', b"\xc3\xa9"))
    file = rng.choice((b'; filename="a.png"', b"", b'; filename="\xff"', b"; filename*=utf-8''%ff"))
    line = b'Content-Disposition: form-data; name="' + name + b'"' + file
    line = rng.choice((line, line, line, b"Content-Disposition: ", b"X: y", b"no header", b""))
    draft.body = b"--b\r\n" + line + b"\r\n\r\n" + draft.body[:3000] + rng.choice(
        (b"\r\n--b--\r\n", b"\r\n--b\r\n", b"", b"\r\n--b--", b"--b--" * 200)
    )  # fmt: skip


VALUES = (
    None, True, -1, 0.5, 1e999, 2**70, "", "\ud800", "\x00", "a" * 999, [], {}, [[]], [[[[0]]]],
    {"b64": "\ud800"}, {"b64": "AAAA"}, {"b64": None}, {"b64": "é"}, {"\ud800": 1}, "\udfff\n",
    "serving_default", [[[[0, 0, 0]]]], [[[[0.0, 1, 2]]]], {"images": [[[[0, 0, 0]]]]},
    {"image_bytes": "x"},
)  # fmt: skip


def other_json(rng, draft):
    """Changes some value of the JSON."""
    try:
        request = json.loads(draft.body)
    except ValueError:
        request = {"instances": [[[[1, 2, 3]] * 32] * 32]}
    if isinstance(request, dict) and request:
        _replace(rng, request, rng.choice(list(request)))
        if rng.random() < 0.3:
            key = rng.choice(("inputs", "instances", "signature_name", "\ud800"))
            request[key] = rng.choice(VALUES)
    draft.body = json.dumps(request, ensure_ascii=rng.random() < 0.7).encode(
        rng.choice(("utf-8", "utf-8", "utf-8", "utf-16", "utf-32")), "surrogatepass"
    )


def _replace(rng, parent, key):
    value = parent[key]
    if isinstance(value, list | dict) and value and rng.random() < 0.8:
        keys = range(len(value)) if isinstance(value, list) else list(value)
        _replace(rng, value, rng.choice(keys))
    else:
        parent[key] = rng.choice(VALUES)


def raw_damage(rng, draft):
    def damage(rng, raw):
        raw = bytearray(raw)
        end = min(len(raw), 300)
        for _ in range(rng.randrange(1, 6)):
            raw[rng.randrange(end)] = rng.choice((0, 10, 13, 32, 58, 127, 255, rng.randrange(256)))
        return bytes(raw)

    draft.last.append(damage)


def raw_cut(rng, draft):
    draft.last.append(lambda rng, raw: raw[: rng.randrange(min(len(raw), 400))])


def raw_twice(rng, draft):
    """Sends two requests at once, or garbage after the first."""
    rubbish = (b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n", b"\x00" * 99, b"\r\n\r\n", b"G")
    draft.last.append(lambda rng, raw: raw + rng.choice((raw, *rubbish)))


def raw_version(rng, draft):
    versions = (b"HTTP/1.0", b"HTTP/0.9", b"HTTP/2.0", b"HTTP/9", b"", b"SIP/2.0", b"http/1.1")
    draft.last.append(lambda rng, raw: raw.replace(b"HTTP/1.1", rng.choice(versions), 1))


def raw_newlines(rng, draft):
    other = (b"\n", b"\r", b"\r\r\n", b"\r\n ", b"\x0b")
    count = rng.choice((1, 2, -1))
    draft.last.append(lambda rng, raw: raw.replace(b"\r\n", rng.choice(other), count))


MUTATIONS = (
    other_header, other_header, header_gone_or_twice, many_headers, other_host, other_method,
    other_target, damaged_target, wrong_length, two_framings, chunked, cut_body, shorter_body,
    flipped_bytes, flipped_bytes, doubled_part, compressed, other_form, other_form, other_form,
    other_json, other_json, other_json, raw_damage, raw_cut, raw_twice, raw_version, raw_newlines,
)  # fmt: skip
