"""Access to the server: tokens from files and the environment, host names, its connections."""

import os
import socket

import pytest
from helpers.serving import Server, error_of

from tfseg.cli import main
from tfseg.config import ServeConfig
from tfseg.errors import UserError
from tfseg.serving.access import Access, find_hosts, find_token, host_name
from tfseg.serving.descriptors import allow_connections
from tfseg.serving.server import listen


@pytest.fixture(scope="module")
def named(server, tmp_path_factory):
    token = tmp_path_factory.mktemp("token") / "token"
    token.write_text("secret\n")
    named = Server(server.folder, f"--token_file={token}", "--allowed_hosts=Masks.example.org")
    yield named
    assert named.stop() == 0


BEARER = {"Authorization": "Bearer secret"}


def test_a_token_from_a_file_is_asked_for_and_not_on_the_command_line(named):
    assert error_of(named.ask("GET", "/info"))[0] == 401
    assert named.ask("GET", "/info", **BEARER)[0] == 200
    assert "secret" not in " ".join(named.process.args)


def test_names_that_the_server_goes_by(named):
    for host in ("localhost", "LOCALHOST:1", "127.0.0.1:9", "[::1]:80", "masks.example.org."):
        assert named.ask("GET", "/info", Host=host, **BEARER)[0] == 200
    for host in ("evil.example", "localhost.evil.example", "10.0.0.7", "127.0.0.1.nip.io"):
        status, line = error_of(named.ask("GET", "/info", Host=host, **BEARER))
        assert (status, line) == (421, f"Host: {host!r} is not served; see --allowed_hosts")
        assert named.ask("GET", "/healthz", Host=host)[0] == 421
    for host in ("a b", "user@localhost", "[::1", "http://localhost/"):
        assert named.ask("GET", "/info", Host=host, **BEARER)[0] == 400
    with socket.create_connection(("127.0.0.1", named.port), timeout=60) as old:
        old.sendall(b"GET /healthz HTTP/1.0\r\n\r\n")
        assert old.recv(4096).startswith(b"HTTP/1.1 200 ")


def test_where_it_listens_everywhere_any_address_in_digits_will_do():
    config = ServeConfig(host="0.0.0.0")
    access = Access(None, find_hosts(config), any_address=True)
    for host in (b"10.0.0.7:8501", b"[fe80::1]:8501", b"localhost"):
        assert access.refusal("/info", {b"host": host}) is None
    assert access.refusal("/info", {b"host": b"evil.example"}).status_code == 421
    assert find_hosts(ServeConfig(allowed_hosts=("*",))) is None
    assert host_name("[::1]:80") == "::1"


def test_where_tokens_come_from(tmp_path, monkeypatch):
    file = tmp_path / "token"
    file.write_text(" Sésame \n")
    assert find_token(ServeConfig()) is None
    assert find_token(ServeConfig(token_file=file)) == "Sésame"
    monkeypatch.setenv("TFSEG_TOKEN", "other")
    assert find_token(ServeConfig()) == "other"
    assert find_token(ServeConfig(token="given")) == "given"
    monkeypatch.setenv("TFSEG_TOKEN", "")
    with pytest.raises(UserError, match="the variable TFSEG_TOKEN is empty"):
        find_token(ServeConfig())


WRONG = {
    "empty": (b"\n", "is empty"),
    "two lines": (b"a\nb", "wanted one line of text"),
    "no text": (b"\xff\xfe", "wanted one line of text"),
    "too long": (b"a" * 5000, "wanted one line of text"),
}


@pytest.mark.parametrize("case", WRONG)
def test_token_files_without_a_token(tmp_path, case):
    content, line = WRONG[case]
    (tmp_path / "token").write_bytes(content)
    with pytest.raises(UserError, match=line):
        find_token(ServeConfig(token_file=tmp_path / "token"))


def test_flags_that_are_off(server, tmp_path, capsys):
    wrong = {
        f"--token=a --token_file={tmp_path}": "give one of them",
        f"--token_file={tmp_path / 'none'}": "No such file",
        "--allowed_hosts=http://a": "wanted names like masks.example.org",
        "--connections=900000000": "needs 9000",
    }
    for flags, message in wrong.items():
        with pytest.raises(SystemExit) as stopped:
            main(["serve", f"--export={server.folder}", "--gpu=-1", "--port=0", *flags.split()])
        assert stopped.value.code == 2
        assert message in capsys.readouterr().err.splitlines()[-1]


@pytest.mark.skipif(os.name == "nt", reason="Windows does not count them so")
def test_few_open_files_allow_few_connections(capsys):
    import resource

    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    assert allow_connections(8, is_given=True) == 8
    wanted = before[1]
    fewer = allow_connections(wanted, is_given=False)
    try:
        assert 0 < fewer < wanted
        assert "at most" in capsys.readouterr().out
        with pytest.raises(UserError, match="raise its limit"):
            allow_connections(wanted, is_given=True)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_answers_are_sent_at_once():
    """Otherwise an answer's body waits for the client to acknowledge the header: 40 ms."""
    with listen("127.0.0.1", 0) as listener, socket.create_connection(listener.getsockname()):
        accepted, _ = listener.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
