"""A local Hugging Face hub for the real client, with repositories in memory."""

import base64
import hashlib
import http.server
import json
import re
import threading
from urllib.parse import unquote

import huggingface_hub.constants

COMMIT = "0123456789abcdef0123456789abcdef01234567"
TOKEN = "hf_of_the_tests"


class Hub(http.server.ThreadingHTTPServer):
    """Serves repositories that can be created, filled by commits and read.

    Attributes:
        repositories: name -> {path: bytes}.
        requests: "METHOD /path" of each.
        down: whether to close every connection without an answer.
    """

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Answer)
        self.repositories, self.large, self.requests, self.down = {}, {}, [], False
        self.address = f"http://127.0.0.1:{self.server_port}"
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def serve(self, monkeypatch, cache):
        """Directs this process's client here; it reads its variables at import."""
        constants = huggingface_hub.constants
        template = constants.HUGGINGFACE_CO_URL_TEMPLATE.replace(constants.ENDPOINT, self.address)
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        monkeypatch.setattr(constants, "ENDPOINT", self.address)
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(cache))
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)  # Xet would use another server


class Answer(http.server.BaseHTTPRequestHandler):
    def do_HEAD(self):
        if not self.noted():
            return None
        path = unquote(self.path).partition("?")[0]
        if path.startswith("/api/models/"):
            return self.listing(path)
        found = re.fullmatch(r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", path)
        files = self.server.repositories.get(found[1]) if found else None
        if files is None:
            return self.say(404, {}, {"X-Error-Code": "RepoNotFound"})
        if found[2] not in ("main", COMMIT):
            return self.say(404, {}, {"X-Error-Code": "RevisionNotFound"})
        content = files.get(found[3])
        if content is None:
            return self.say(404, {}, {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": COMMIT})
        headers = {"X-Repo-Commit": COMMIT, "ETag": f'"{sha(content)}"'}
        return self.say(200, content, headers)

    do_GET = do_HEAD  # noqa: N815

    def listing(self, path):
        """What the client's file system asks: whether a repository is there, and its files."""
        found = re.fullmatch(r"/api/models/([^/]+/[^/]+)(?:/(?:revision|tree)/[^/]+)?(/.*)?", path)
        files = self.server.repositories.get(found[1]) if found else None
        if files is None:
            return self.say(404, {}, {"X-Error-Code": "RepoNotFound"})
        if "/tree/" not in path:
            return self.say(200, {"id": found[1], "sha": COMMIT, "siblings": []})
        entries = [
            {"type": "file", "path": name, "size": len(content), "oid": sha(content)}
            for name, content in files.items()
        ]
        return self.say(200, entries)

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if not self.noted():
            return None
        if self.headers["Authorization"] != f"Bearer {TOKEN}":
            return self.say(401, {"error": "Invalid username or password."})
        path = unquote(self.path)
        if path == "/api/repos/create":
            return self.create(json.loads(body))
        if path == "/api/validate-yaml":
            return self.say(200, {"errors": [], "warnings": []})
        if path.endswith("/preupload/main"):
            return self.say(200, {"files": [*map(upload_mode, json.loads(body)["files"])]})
        if path.endswith(".git/info/lfs/objects/batch"):
            return self.say(200, self.batch(json.loads(body)))
        if path.endswith("/commit/main"):
            return self.commit(path.removeprefix("/api/models/").removesuffix("/commit/main"), body)
        return self.say(404, {"error": path})

    def do_PUT(self):
        content = self.rfile.read(int(self.headers["Content-Length"]))
        if self.noted():
            digest = sha(content)
            assert self.path == f"/large/{digest}"
            self.server.large[digest] = content
            self.say(200, {})

    def create(self, asked):
        name = "/".join(filter(None, (asked.get("organization"), asked["name"])))
        status = 409 if name in self.server.repositories else 200
        self.server.repositories.setdefault(name, {})
        return self.say(status, {"url": f"{self.server.address}/{name}"})

    def batch(self, asked):
        def action(one):
            return {"upload": {"href": f"{self.server.address}/large/{one['oid']}"}}

        objects = [
            {**one, "authenticated": True, "actions": action(one)} for one in asked["objects"]
        ]
        return {"transfer": "basic", "objects": objects}

    def commit(self, name, body):
        files = self.server.repositories[name]
        for line in body.decode().splitlines():
            entry = json.loads(line)
            value = entry["value"]
            if entry["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif entry["key"] == "lfsFile":
                files[value["path"]] = self.server.large[value["oid"]]
        address = f"{self.server.address}/{name}/commit/{COMMIT}"
        return self.say(200, {"success": True, "commitOid": COMMIT, "commitUrl": address})

    def noted(self):
        self.server.requests.append(f"{self.command} {self.path}")
        self.close_connection = self.server.down
        return not self.server.down

    def say(self, status, content, headers=None):
        content = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        for name, value in {"Content-Length": str(len(content)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def log_message(self, *_):
        pass


def sha(content):
    return hashlib.sha256(content).hexdigest()


def upload_mode(file):
    kind = "lfs" if file["path"].endswith(".h5") else "regular"
    return {"path": file["path"], "uploadMode": kind, "shouldIgnore": False, "oid": None}
