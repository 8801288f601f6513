"""Access control: the token, and the host names that requests may use."""

import hmac
import ipaddress
import os
import re

from tfseg.errors import UserError
from tfseg.serving.answers import refusal

OPEN = ("/", "/healthz", "/docs", "/openapi.json")  # no token needed: nothing private
LOOPBACK = ("localhost", "127.0.0.1", "::1")
EVERY_ADDRESS = ("0.0.0.0", "::")
VARIABLE = "TFSEG_TOKEN"
MOST_TOKEN = 4096  # bytes
_BEARER = {"WWW-Authenticate": "Bearer"}
_HOST = re.compile(r"(?:\[([0-9a-f:.]+)\]|([^\s:/\[\]@]+))(?::\d*)?", re.IGNORECASE)


def find_token(config):
    """The token of `--token`, `--token_file` or the variable TFSEG_TOKEN; None allows everybody.

    Raises:
        UserError: for an empty token, and a file that cannot be read.
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
        raise UserError(f"--token_file={path}: wanted one line of text, only the token")
    return text


def _checked(token, source):
    if not token.strip():
        raise UserError(f"{source} is empty; leave it out to allow everybody")
    return token.strip()


def find_hosts(config):
    """Host names, lower case, that requests may use; None allows any.

    A foreign site can point its own name at this machine and then read the responses (DNS
    rebinding). Its requests still carry the site's name.
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
    """The name in a `Host` header, without port, brackets and final dot; None if invalid."""
    match = _HOST.fullmatch(host)
    return (match[1] or match[2]).lower().removesuffix(".") if match else None


class Access:
    """Allows requests, or returns a refusal.

    `token` is the required token in bytes, or None.

    Args:
        token: token that requests must send, or None.
        hosts: names allowed in `Host`, or None for any.
        any_address: also allow any IP address: the server listens on all of its own, and no
            foreign site has one as its name.
    """

    def __init__(self, token, hosts, any_address):
        self.token = token.encode() if token else None
        self._hosts, self._any_address = hosts, any_address

    def refusal(self, path, headers):
        """The response that refuses a request, else None."""
        host = headers.get(b"host", b"").decode("latin-1")
        if host and self._hosts is not None:  # HTTP/1.0 may omit it; browsers never do
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
