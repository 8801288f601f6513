"""Who may ask: those who bear the token, by a name that the server goes by."""

import hmac
import ipaddress
import os
import re

from tfseg.errors import UserError
from tfseg.serving.answers import refusal

OPEN = ("/", "/healthz", "/docs", "/openapi.json")  # without a token: they tell nothing private
LOOPBACK = ("localhost", "127.0.0.1", "::1")
EVERY_ADDRESS = ("0.0.0.0", "::")
VARIABLE = "TFSEG_TOKEN"
MOST_TOKEN = 4096  # bytes
_BEARER = {"WWW-Authenticate": "Bearer"}
_HOST = re.compile(r"(?:\[([0-9a-f:.]+)\]|([^\s:/\[\]@]+))(?::\d*)?", re.IGNORECASE)


def find_token(config):
    """The token of `--token`, `--token_file` or the variable TFSEG_TOKEN; None lets everybody in.

    Raises:
        UserError: for an empty one, and a file that cannot be read.
    """
    if config.token is not None:
        return _checked(config.token, "--token=")
    if config.token_file is not None:
        return _checked(_read(config.token_file), f"--token_file={config.token_file}")
    token = os.environ.get(VARIABLE)
    return None if token is None else _checked(token, f"the variable {VARIABLE}")


def _read(path):
    try:
        with open(path, "rb") as file:
            content = file.read(MOST_TOKEN + 1)
    except OSError as error:
        raise UserError(f"--token_file={path}: {error.strerror or error}") from None
    try:
        text = content.decode().strip()
    except UnicodeDecodeError:
        text = None
    if text is None or len(content) > MOST_TOKEN or len(text.splitlines()) > 1:
        raise UserError(f"--token_file={path}: wanted one line of text, the token alone")
    return text


def _checked(token, source):
    if not token.strip():
        raise UserError(f"{source} is empty; leave it out to allow everybody")
    return token.strip()


def find_hosts(config):
    """Host names, lower case, that requests may name; None where any will do.

    A page of a stranger's site can point its own name at this machine and then read the answers
    (DNS rebinding). Its requests still name the stranger's site.
    """
    if config.allowed_hosts and "*" in config.allowed_hosts:
        return None
    names = {*LOOPBACK, config.host.lower()}
    for host in config.allowed_hosts or ():
        name = host if host.count(":") > 1 else host_name(host)
        if name is None:
            raise UserError(f"--allowed_hosts={host}: wanted names like masks.example.org, or *")
        names.add(name.strip("[]").lower())
    return names


def host_name(host):
    """The name in a `Host` header, without port, brackets and last dot; None if it is invalid."""
    match = _HOST.fullmatch(host)
    return (match[1] or match[2]).lower().removesuffix(".") if match else None


class Access:
    """Lets requests in, or says why not.

    `token` has the bytes that requests must bear, or None.

    Args:
        token: what requests must bear, or None.
        hosts: names that they may give as `Host`, or None for any.
        any_address: they may also give any address in digits: the server listens at all of them,
            and no site of a stranger's is named so.
    """

    def __init__(self, token, hosts, any_address):
        self.token = token.encode() if token else None
        self._hosts, self._any_address = hosts, any_address

    def refusal(self, path, headers):
        """The answer to a request that is not let in, else None."""
        host = headers.get(b"host", b"").decode("latin-1")
        if host and self._hosts is not None:  # HTTP/1.0 may leave it out; a browser never does
            name = host_name(host)
            if name is None:
                return refusal(400, f"Host: {host[:80]!r} is not a host name")
            if not self._knows(name):
                return refusal(421, f"Host: {name[:80]!r} is not served; see --allowed_hosts")
        if self.token and path not in OPEN and not self._bears_token(headers):
            return refusal(401, "missing or wrong token: send Authorization: Bearer TOKEN", _BEARER)
        return None

    def _knows(self, name):
        return name in self._hosts or (self._any_address and _is_address(name))

    def _bears_token(self, headers):
        scheme, _, token = headers.get(b"authorization", b"").partition(b" ")
        return scheme.lower() == b"bearer" and hmac.compare_digest(token.strip(), self.token)


def _is_address(name):
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
