"""kill -9 between a provider's taking a file and our knowing of it: the file is found in the provider's list and is its tenant's, or
nobody's where two may have made it. docs/internals/files.md."""

import contextlib
import re
import sqlite3
import time

import anthropic
import openai
import pytest

from lib.client import Conn, fetch, request_bytes
from lib.proc import create_key
from lib.upstream import Answer, json_answer
from lib.wait import wait_for
from test_batches_killed import intents, sdk


class Files:
    """Keeps what it is sent, as OpenAI or Anthropic say it; others use the account, too."""

    def __init__(self, up, claude):
        self.up, self.claude, self.files, self.hang = up, claude, [], False
        up.answer = self.answer

    def add(self, name, size, age=0):
        made = time.time() - age
        at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(made)) if self.claude else int(made)
        self.files.append({"id": f"file_{len(self.files)}", "filename": name, "created_at": at,
                           **({"type": "file", "size_bytes": size, "mime_type": "text/plain", "downloadable": False} if self.claude else
                              {"object": "file", "bytes": size, "purpose": "user_data", "status": "processed"})})
        return self.files[-1]

    def answer(self, seen):
        path = seen.path.removeprefix("/v1")
        if (seen.method, path) == ("POST", "/files"):
            name = re.search(rb'filename="([^"]*)"', seen.body)[1].decode()
            boundary = seen.get("content-type").split("boundary=")[1].encode()
            made = self.add(name, len(seen.body.split(b'filename="')[1].split(b"\r\n\r\n", 1)[1].split(b"\r\n--" + boundary, 1)[0]))
            return Answer("hang") if self.hang else json_answer(made)
        if (seen.method, path) == ("POST", "/uploads"):
            return json_answer({"id": "upload_1", "object": "upload", "status": "pending", **seen.json()})
        if path == "/uploads/upload_1/parts":
            return json_answer({"id": "part_1", "object": "upload.part", "upload_id": "upload_1", "created_at": 1})
        if path == "/uploads/upload_1/complete":
            return json_answer({"id": "upload_1", "object": "upload", "status": "completed", "file": self.add("whole.txt", 9)})
        if (seen.method, path) == ("GET", "/files"):
            assert seen.target.endswith("?limit=100") and (not self.claude or "files-api" in seen.get("anthropic-beta"))
            return json_answer({"object": "list", "data": self.files[::-1], "has_more": False})
        return json_answer(next(f for f in self.files if f["id"] == path.split("/")[2]))


def config(up, kind):
    return {"providers": {"up": {"kind": kind, "base_url": up.url, "keys": ["the-provider-key", "another-key"]}}}


@contextlib.contextmanager
def claude(g, key):
    with contextlib.closing(anthropic.Anthropic(base_url=g.url, api_key=key.text, max_retries=0)) as c:
        yield c


def send(g, key, how):
    if how == "anthropic":
        with claude(g, key) as c:
            return c.beta.files.upload(file=("notes.txt", b"x" * 12345))
    with sdk(g, key) as c:
        if how == "upload":
            made = c.uploads.create(bytes=9, filename="whole.txt", mime_type="text/plain", purpose="user_data")
            part = c.uploads.parts.create(made.id, data=b"123456789")
            return c.uploads.complete(made.id, part_ids=[part.id])
        return c.files.create(file=("notes.txt", b"x" * 12345), purpose="user_data")


def listed(g, key, how):
    if how == "anthropic":
        with claude(g, key) as c:
            return [f.id for f in c.beta.files.list().data]
    with sdk(g, key) as c:
        return [f.id for f in c.files.list().data]


def key_of(g, tenant):
    key = create_key(g.state, tenant, "--tenant", tenant)
    wait_for(lambda: fetch(g.address, "GET", "/v1/models", None, [], key.text).status == 200, "the new key")
    return key


@pytest.mark.parametrize("how", ["openai", "anthropic", "upload"])
def test_a_file_that_nobody_was_told_of(make, how):
    up = make.upstream()
    provider = Files(up, how == "anthropic")
    g = make.gateway(config(up, "anthropic" if how == "anthropic" else "openai"), env={"SLUICE_DIE_AT": "file_taken"})
    acme, foreign = key_of(g, "acme"), key_of(g, "elsewhere")
    name, size = ("whole.txt", 9) if how == "upload" else ("notes.txt", 12345)
    for n, s, age in [(name, size + 1, 0), (name, size, 3600), ("other.txt", size, 0)]:  # not made here
        provider.add(n, s, age)
    with pytest.raises((openai.APIError, anthropic.APIError)):
        send(g, acme, how)
    g.exit_code = None
    g.wait_exit()
    made = provider.files[-1]["id"]
    assert len(provider.files) == 4 and intents(g) == 1
    g._env = None
    g = make.adopt(g.restart())
    assert g.wait_event("files.resolved")["found"] == 1
    assert listed(g, acme, how) == [made] and listed(g, foreign, how) == [] and intents(g) == 0
    sent = next(r for r in up.requests if r.method == "POST")
    asked = next(r for r in up.requests if r.method == "GET" and r.path.endswith("/files"))
    assert [sent.get(h) for h in ("authorization", "x-api-key")] == [asked.get(h) for h in ("authorization", "x-api-key")]
    again = send(g, acme, "openai" if how == "upload" else how)  # and life goes on
    assert again.id in listed(g, acme, how) and len(listed(g, acme, how)) == 2 and intents(g) == 0


def test_what_two_may_have_made_is_nobodys(make):
    """Two tenants' uploads of the same name and size, both without an answer when the process dies: no one is given a file that may be
    the other's."""
    up = make.upstream()
    provider = Files(up, False)
    provider.hang = True
    g = make.gateway(config(up, "openai"))
    keys = [key_of(g, "acme"), key_of(g, "elsewhere")]
    body = (b'--b\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nuser_data\r\n--b\r\nContent-Disposition: form-data; '
            b'name="file"; filename="notes.txt"\r\n\r\nhello\r\n--b--\r\n')
    with Conn(g.address) as one, Conn(g.address) as two:
        for conn, key in zip((one, two), keys):
            conn.send(request_bytes("POST", "/v1/files", body, [("Content-Type", "multipart/form-data; boundary=b")], key.text))
        wait_for(lambda: len(provider.files) == 2, "both files")
        g.kill()
    assert intents(g) == 2 and [f["bytes"] for f in provider.files] == [5, 5]
    provider.hang = False
    g = make.adopt(g.restart())
    g.wait_event("files.unclear")
    assert [listed(g, key, "openai") for key in keys] == [[], []] and intents(g) == 2


def test_rows_that_nobody_can_use_are_swept(make):
    """What providers forget by themselves (parts of uploads, Gemini's files, links of its uploads) is not kept for ever; the rest is."""
    up = make.upstream()
    Files(up, False)
    g = make.gateway(config(up, "openai"))
    with sdk(g) as c:
        put = c.files.create(file=("notes.txt", b"x"), purpose="user_data")
        made = c.uploads.create(bytes=9, filename="whole.txt", mime_type="text/plain", purpose="user_data")
        c.uploads.parts.create(made.id, data=b"123456789")
    g.stop()
    hour, now = 3600 * 10**9, time.time_ns()
    with contextlib.closing(sqlite3.connect(f"{g.state}/ledger.db")) as db:
        kinds = [r[0] for r in db.execute("SELECT kind FROM objects ORDER BY kind")]
        assert kinds == [1, 10, 11]
        for kind, age in [(8, 71), (8, 73), (9, 8 * 24 - 1), (9, 8 * 24 + 1), (10, 24), (10, 26), (11, 24), (11, 26), (1, 10**4), (2, 10**4)]:
            db.execute("INSERT INTO objects (kind, id, key_id, tenant, provider, credential, made_ns, settled, body)"
                       " VALUES (?, ?, x'00', 't', 'up', x'00', ?, 1, '{}')", (kind, f"aged-{age}", now - age * hour))
        db.commit()
    g = make.adopt(g.restart())
    with contextlib.closing(sqlite3.connect(f"file:{g.state}/ledger.db?mode=ro", uri=True)) as db:
        left = db.execute("SELECT kind, id FROM objects WHERE id LIKE 'aged-%' ORDER BY kind, id").fetchall()
    assert left == [(1, "aged-10000"), (2, "aged-10000"), (8, "aged-71"), (9, "aged-191"), (10, "aged-24"), (11, "aged-24")]
    with sdk(g) as c:
        assert [f.id for f in c.files.list().data] == [put.id]


@pytest.mark.parametrize("how", ["chunked", "parts behind it", "never came"])
def test_what_may_be_it_is_told(make, how):
    """Nobody knows how long the file must be: what the provider has of its name and time may be it, and is given to nobody.
    Under another name, or of another time, it is not."""
    up = make.upstream()
    provider = Files(up, False)
    g = make.gateway(config(up, "openai"), env={"SLUICE_DIE_AT": "file_taken"})
    key = key_of(g, "acme")
    provider.add("notes.txt", 5, 3600)
    provider.add("other.txt", 5)
    tail = b'\r\n--b\r\nContent-Disposition: form-data; name="expires_after"\r\n\r\nlater\r\n--b--\r\n' if how == "parts behind it" else b"\r\n--b--\r\n"
    body = (b'--b\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nuser_data\r\n--b\r\nContent-Disposition: form-data; '
            b'name="file"; filename="notes.txt"\r\n\r\nhello' + tail)
    headers = [("Content-Type", "multipart/form-data; boundary=b")]
    g.exit_code = None
    with Conn(g.address) as conn:
        if how == "parts behind it":
            conn.send(request_bytes("POST", "/v1/files", body, headers, key.text))
        else:
            conn.send(request_bytes("POST", "/v1/files", None, [*headers, ("Transfer-Encoding", "chunked")], key.text))
            conn.send(b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body))
        g.wait_exit()
    assert len(provider.files) == 3 and intents(g) == 1
    if how == "never came":
        provider.files.pop()
    g._env = None
    g = make.adopt(g.restart())
    if how == "never came":
        assert g.wait_event("files.resolved")["found"] == 0
    else:
        told = g.wait_event("files.unclear")
        assert (told["found"], told["perhaps"], told["perhaps_id"]) == (0, 1, "file_2")
    assert listed(g, key, "openai") == []
    wait_for(lambda: intents(g) == 0, "the intent to go")
