"""Files: uploads that pass through in constant memory, ids that belong to a tenant. OpenAI's and Anthropic's SDKs in front of the
simulator, raw bytes for what goes wrong. docs/internals/files.md."""

import contextlib
import json
import os
import socket
import subprocess
import threading
import time
import zlib

import anthropic
import h2.config
import h2.connection
import h2.events
import openai
import pytest

from conftest import Makers, relay_config
from lib.client import Conn, fetch, request_bytes
from lib.proc import SANITIZED, create_key
from lib.upstream import error_answer
from lib.wait import LONG, wait_for

BOUNDARY = "xYzZY"
TYPE = ("Content-Type", f"multipart/form-data; boundary={BOUNDARY}")
LARGE = 1 << 30 if os.environ.get("SLUICE_NIGHTLY") else 96 << 20
RSS = 64 << 20


def field(name, value):
    return f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()


def file_head(name="file", filename="a.jsonl"):
    return f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"; filename="{filename}"\r\n\r\n'.encode()


END = f"\r\n--{BOUNDARY}--\r\n".encode()


@pytest.fixture(scope="module")
def served():
    makers = Makers()
    sim = makers.sim()
    g = makers.gateway({
        "providers": {
            "openai": {"kind": "openai", "base_url": sim.url + "/v1", "keys": ["sim-key-one", "sim-key-two"]},
            "other": {"kind": "openai", "base_url": sim.url + "/v1", "keys": ["sim-key-three"]},
            "anthropic": {"kind": "anthropic", "base_url": sim.url + "/v1", "keys": ["sim-key-four"]}},
        "models": {"gpt-4o": "openai/gpt-4o", "claude": "anthropic/claude-opus-5-5", "far": "other/gpt-4o",
                   "both": {"targets": ["openai/gpt-4o", "other/gpt-4o"]}},
        "files": {"provider": "openai", "max_bytes": "2GiB"},
    })
    g.sim = sim
    g.foreign = create_key(g.state, "foreign", "--tenant", "elsewhere")
    g.same = create_key(g.state, "same")
    g.limited = create_key(g.state, "limited", "--models", "far")
    wait_for(lambda: fetch(g.address, "GET", "/v1/models", None, [], g.limited.text).status == 200, "the new keys")
    yield g
    makers.end()


@contextlib.contextmanager
def sdk(g, key=None):
    with contextlib.closing(openai.OpenAI(base_url=g.url + "/v1", api_key=(key or g.key).text, max_retries=0)) as c:
        yield c


def rss(g):
    with open(f"/proc/{g.pid}/status") as f:
        return next(int(line.split()[1]) * 1024 for line in f if line.startswith("VmHWM"))


def test_sdk(served):
    content = os.urandom(500_000)
    with sdk(served) as c:
        made = c.files.create(file=("notes.txt", content), purpose="user_data")
        assert made.id.startswith("file-") and made.bytes == len(content) and made.filename == "notes.txt"
        assert made.status_details == f"crc32 {zlib.crc32(content):08x}"
        assert c.files.retrieve(made.id).filename == "notes.txt"
        assert c.files.content(made.id).read() == content
        small = c.files.create(file=("batch.jsonl", b"{}\n"), purpose="batch")
        assert [f.id for f in c.files.list()] == [small.id, made.id]
        assert [f.id for f in c.files.list(order="asc", limit=1)] == [made.id, small.id]
        assert [f.id for f in c.files.list(purpose="batch")] == [small.id]
        assert c.files.delete(small.id).deleted
        assert [f.id for f in c.files.list()] == [made.id]
        with pytest.raises(openai.NotFoundError):
            c.files.retrieve(small.id)
    with sdk(served, served.same) as c:  # of the same tenant
        assert c.files.content(made.id).read() == content


def test_ids_of_others_are_unknown(served):
    with sdk(served) as c:
        made = c.files.create(file=("notes.txt", b"secret"), purpose="user_data")
    before = served.sim.count()["total"]
    with sdk(served, served.foreign) as c:
        assert list(c.files.list()) == []
        for call in (c.files.retrieve, c.files.content, c.files.delete):
            said = []
            for name in (made.id, "file-0000000000000000000000aa", "x" * 300, "a%2fb"):
                with pytest.raises(openai.NotFoundError) as e:
                    call(name)
                said.append(e.value.body["message"].replace(name, "ID"))
            assert said[0] == said[1]
    assert served.sim.count()["total"] == before  # nobody was asked
    with sdk(served) as c:
        assert c.files.content(made.id).read() == b"secret"


def test_which_provider(served):
    def create(key, *headers):
        body = field("purpose", "batch") + file_head() + b"x" + END
        answer = fetch(served.address, "POST", "/v1/files", body, [TYPE, *headers], key.text)
        return answer, served.record(answer.id)["plan"] if answer.status == 200 else None

    assert create(served.key)[1][0]["provider"] == "openai"
    assert create(served.key, ("x-sluice-provider", "other"))[1][0]["provider"] == "other"
    assert create(served.limited)[1][0]["provider"] == "other"
    for key, name in ((served.limited, "openai"), (served.key, "anthropic"), (served.key, "nobody")):
        answer, _ = create(key, ("x-sluice-provider", name))
        assert answer.status == 400 and answer.error()["param"] == "x-sluice-provider"
    made = create(served.key, ("x-sluice-provider", "other"))[0].json()
    answer = fetch(served.address, "GET", f"/v1/files/{made['id']}", None, [], served.key.text)
    assert answer.status == 200 and served.record(answer.id)["plan"][0]["provider"] == "other"


def test_requests_that_name_files(served):
    """They go where the file lies, and somebody else's is none."""
    def chat(key, *ids, model="gpt-4o"):
        parts = [{"type": "file", "file": {"file_id": i}} for i in ids]
        body = {"model": model, "messages": [{"role": "user", "content": [{"type": "text", "text": "say"}, *parts]}]}
        answer = fetch(served.address, "POST", "/v1/chat/completions", body, [], key.text)
        return answer.status, answer.json().get("error"), served.record(answer.id)

    def upload(key, provider):
        body = field("purpose", "user_data") + file_head() + b"x" + END
        answer = fetch(served.address, "POST", "/v1/files", body, [TYPE, ("x-sluice-provider", provider)], key.text)
        assert answer.status == 200
        return answer.json()["id"]

    here, there = upload(served.key, "openai"), upload(served.key, "other")
    for _ in range(3):
        status, _, record = chat(served.key, there, model="both")
        assert status == 200 and [a["provider"] for a in record["attempts"]] == ["other"]
        status, _, record = chat(served.key, here, here, model="both")
        assert status == 200 and [a["provider"] for a in record["attempts"]] == ["openai"]
    status, error, record = chat(served.key, here, there, model="both")
    assert status == 400 and error["param"] == "file_id" and record["attempts"] == []
    status, error, record = chat(served.key, there)
    assert status == 400 and error["param"] == "file_id" and record["attempts"] == []
    status, error, record = chat(served.foreign, here)
    assert status == 404 and error["param"] == "file_id" and record["attempts"] == []
    assert chat(served.key, "file-made-elsewhere")[0] == 200  # the provider's to judge


def test_anthropic(served):
    with contextlib.closing(anthropic.Anthropic(base_url=served.url, api_key=served.key.text, max_retries=0)) as c:
        made = c.beta.files.upload(file=("a.txt", b"some text", "text/plain"))
        assert made.id.startswith("file_") and made.size_bytes == 9
        assert c.beta.files.retrieve_metadata(made.id).filename == "a.txt"
        assert c.beta.files.download(made.id).read() == b"some text"
        assert made.id in [f.id for f in c.beta.files.list()]
        c.beta.files.delete(made.id)
        with pytest.raises(anthropic.NotFoundError) as e:
            c.beta.files.retrieve_metadata(made.id)
        assert e.value.body["error"]["type"] == "not_found_error"


@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunked"])
def test_large_upload_and_download(served, chunked):
    """In constant memory, both ways."""
    size = LARGE if not chunked else LARGE // 8
    piece, crc = os.urandom(1 << 20), 0
    head, tail = field("purpose", "batch") + file_head(filename="large.bin"), END
    began = time.monotonic()
    with Conn(served.address, timeout=LONG) as c:
        framing = ("Transfer-Encoding", "chunked") if chunked else ("Content-Length", str(len(head) + size + len(tail)))

        def send(data):
            c.send(b"%x\r\n%s\r\n" % (len(data), data) if chunked else data)

        c.send(request_bytes("POST", "/v1/files", None, [TYPE, framing], served.key.text))
        send(head)
        for _ in range(size >> 20):
            send(piece)
            crc = zlib.crc32(piece, crc)
        send(tail)
        if chunked:
            c.send(b"0\r\n\r\n")
        made = c.read()
        assert made.status == 200, made
        made = made.json()
        assert made["bytes"] == size and made["status_details"] == f"crc32 {crc:08x}"
        c.send(request_bytes("GET", f"/v1/files/{made['id']}/content", None, [], served.key.text))
        answer, n, right = c.read_head(), 0, True
        assert answer.status == 200
        pattern = bytes(i % 251 for i in range(251 * 5000))
        for data in c.pieces(answer, "GET"):
            at = n % 251
            right = right and (len(data) > len(pattern) - 251 or data == pattern[at:at + len(data)])
            n += len(data)
        assert n == size and right
    print(f"{size >> 20} MiB up and down in {time.monotonic() - began:.1f} s, {rss(served) >> 20} MiB resident at most")
    if not SANITIZED:
        assert rss(served) < RSS


@pytest.mark.parametrize("name", ["no type", "no boundary", "no file", "not named file", "bad head", "no end", "too large", "lied",
                                  "compressed"])
def test_bad_uploads(served, name):
    body, headers, status = field("purpose", "batch") + file_head() + b"x" * 100 + END, [TYPE], 400
    if name == "no type":
        headers, status = [("Content-Type", "application/json")], 415
    elif name == "no boundary":
        headers, status = [("Content-Type", "multipart/form-data")], 415
    elif name == "no file":
        body = field("purpose", "batch") + END[2:]
    elif name == "not named file":
        body = body.replace(b'name="file"', b'name="data"')
    elif name == "bad head":
        body = body.replace(b"form-data; name", b"attachment; name")
    elif name == "no end":
        body = body[:-len(END)]
    elif name == "too large":
        headers, status = [TYPE, ("Content-Length", str(3 << 30))], 413
    elif name == "lied":  # the file passes, the end is none
        body = body[:-len(END)] + b"\r\n--" + BOUNDARY.encode() + b"??"
    elif name == "compressed":
        headers, status = [TYPE, ("Content-Encoding", "gzip")], 415
    files = len(sim_files(served))
    answer = fetch(served.address, "POST", "/v1/files", body, headers, served.key.text)
    assert answer.status == status, answer
    answer.error()
    assert len(sim_files(served)) == files


def sim_files(g):
    return json.loads(fetch(g.sim.address, "GET", "/v1/files", None, [], "sim-key-one").body)["data"]


def test_clients_that_leave(served):
    """In the middle of a file: nobody has it, and the provider saw no whole request."""
    files, cancelled = len(sim_files(served)), served.sim.count()["cancelled"]
    for end in ("close", "reset"):
        with Conn(served.address) as c:
            c.send(request_bytes("POST", "/v1/files", None, [TYPE, ("Content-Length", "90000000")], served.key.text))
            c.send(field("purpose", "batch") + file_head() + b"x" * 5_000_000)
            time.sleep(0.1)
            c.reset() if end == "reset" else c.sock.shutdown(socket.SHUT_WR)
            cancelled += 1
            wait_for(lambda: served.sim.count()["cancelled"] >= cancelled, "the simulator to see it")  # noqa: B023
    assert len(sim_files(served)) == files


def test_nothing_is_sent_twice(make):
    """What fails behind the first byte of a file is told, whatever could be tried again."""
    up = make.upstream()
    g = make.gateway(relay_config(up.url))
    up.answer = error_answer(500)
    body = field("purpose", "batch") + file_head() + os.urandom(2_000_000) + END
    answer = fetch(g.address, "POST", "/v1/files", body, [TYPE], g.key)
    assert answer.status == 500 and len(up.requests) == 1
    assert up.requests[0].body == body and up.requests[0].get("content-length") == str(len(body))


def test_uploads_in_parts(served):
    """OpenAI's SDK cuts a file, each part passes, and what becomes of them is a file like any other."""
    content = os.urandom(2_500_000)
    with sdk(served) as c, sdk(served, served.foreign) as foreign:
        done = c.uploads.upload_file_chunked(file=content, filename="a.jsonl", bytes=len(content), mime_type="text/plain",
                                             purpose="user_data", part_size=1_000_000)
        assert done.status == "completed" and done.file.filename == "a.jsonl" and done.file.bytes == len(content)
        assert c.files.content(done.file.id).read() == content
        assert c.files.list().data[0].id == done.file.id
        with pytest.raises(openai.NotFoundError):
            foreign.files.retrieve(done.file.id)

        mine = c.uploads.create(bytes=6, filename="b", mime_type="text/plain", purpose="user_data")
        theirs = foreign.uploads.create(bytes=3, filename="b", mime_type="text/plain", purpose="user_data")
        first, second = (c.uploads.parts.create(mine.id, data=d) for d in (b"abc", b"def"))
        part = foreign.uploads.parts.create(theirs.id, data=b"xyz")
        assert first.upload_id == mine.id
        before = served.sim.count()["total"]
        for call in (lambda i: foreign.uploads.parts.create(i, data=b"x"), foreign.uploads.cancel,
                     lambda i: foreign.uploads.complete(i, part_ids=["part_x"])):
            said = []
            for name in (mine.id, "upload_0000000000000000000000aa"):
                with pytest.raises(openai.NotFoundError) as e:
                    call(name)
                said.append(e.value.body["message"].replace(name, "ID"))
            assert said[0] == said[1]
        with pytest.raises(openai.NotFoundError) as e:
            c.uploads.complete(mine.id, part_ids=[first.id, part.id])
        assert e.value.param == "part_ids" and served.sim.count()["total"] == before  # nobody was asked
        assert c.uploads.complete(mine.id, part_ids=[second.id, first.id]).file.bytes == 6
        with pytest.raises(openai.BadRequestError):
            c.uploads.complete(mine.id, part_ids=[second.id, first.id])  # the provider's to say
        assert foreign.uploads.cancel(theirs.id).status == "cancelled"
        with pytest.raises(openai.BadRequestError) as e:
            c.uploads.create(bytes=3 << 30, filename="b", mime_type="text/plain", purpose="user_data")
        assert e.value.param == "bytes"


@pytest.mark.parametrize("name", ["no data", "no end", "no ids", "ids", "id"])
def test_bad_parts(served, name):
    with sdk(served) as c:
        made = c.uploads.create(bytes=6, filename="b", mime_type="text/plain", purpose="user_data").id
    if name.startswith("no "):
        body = file_head("file" if name == "no data" else "data") + b"x" * 10 + (b"" if name == "no end" else END)
        path, headers = f"/v1/uploads/{made}/parts", [TYPE]
    else:
        body, path, headers = {"part_ids": "part_1" if name == "ids" else [7]}, f"/v1/uploads/{made}/complete", []
    if name == "no ids":
        body, path, headers = {}, f"/v1/uploads/{made}/complete", []
    before = served.sim.count()["total"]
    answer = fetch(served.address, "POST", path, body, headers, served.key.text)
    assert answer.status == 400 and answer.error()["param"] == {"no data": "data", "no end": None}.get(name, "part_ids")
    assert served.sim.count()["total"] == before


def test_http2_upload(served, tmp_path):
    """curl over HTTP/2, up and down, in constant memory."""
    content = os.urandom(1 << 20) * 64
    path = tmp_path / "large.bin"
    path.write_bytes(content)
    done = subprocess.run(["curl", "-sS", "-m", "90", "--http2-prior-knowledge", "-w", "\n%{http_version}", "-H",
                           f"Authorization: Bearer {served.key.text}", "-F", "purpose=batch", "-F", f"file=@{path}",
                           served.url + "/v1/files"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    made, version = done.stdout.rsplit("\n", 1)
    made = json.loads(made)
    assert version == "2" and made["bytes"] == len(content)
    assert made["status_details"] == f"crc32 {zlib.crc32(content):08x}"
    got = subprocess.run(["curl", "-sS", "-m", "90", "--http2-prior-knowledge", "-H", f"Authorization: Bearer {served.key.text}",
                          f"{served.url}/v1/files/{made['id']}/content", "-o", str(tmp_path / "back")], capture_output=True)
    assert got.returncode == 0 and (tmp_path / "back").stat().st_size == len(content)
    if not SANITIZED:
        assert rss(served) < RSS


class Slow:
    """A provider that takes nothing of a body until it is let go."""

    def __init__(self):
        self.sock = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.sock.getsockname()[1]}/v1"
        self.go, self.taken = threading.Event(), 0
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        c = self.sock.accept()[0]
        data = c.recv(1 << 16)
        self.go.wait(LONG)
        head, _, rest = data.partition(b"\r\n\r\n")
        length = int(next(line.split(b":")[1] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length")))
        self.taken = len(rest)
        while self.taken < length and (data := c.recv(1 << 20)):
            self.taken += len(data)
        body = b'{"id":"file-1","object":"file","bytes":%d}' % self.taken
        c.sendall(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body))

    def close(self):
        self.go.set()
        self.sock.close()


def test_http2_upload_to_a_slow_provider(make):
    """The client's window closes: no more of its file is here than queues hold, and it goes on when the provider does."""
    slow = make.adopt(Slow())
    g = make.gateway(relay_config(slow.url))
    size = 64 << 20
    head, tail = field("purpose", "batch") + file_head(), END
    total = len(head) + size + len(tail)
    body = memoryview(head + bytes(size) + tail)
    c = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True))
    with socket.create_connection(g.address, timeout=LONG) as s:
        c.initiate_connection()
        c.send_headers(1, [(":method", "POST"), (":path", "/v1/files"), (":scheme", "http"), (":authority", "x"),
                           ("authorization", f"Bearer {g.key.text}"), ("content-type", TYPE[1]), ("content-length", str(total))])
        s.sendall(c.data_to_send())
        at, answer, status, over = 0, b"", None, False
        stopped = None
        while not over:
            while at < total and (room := min(c.local_flow_control_window(1), c.max_outbound_frame_size, total - at)) > 0:
                c.send_data(1, bytes(body[at:at + room]), end_stream=at + room == total)
                at += room
                s.sendall(c.data_to_send())
            s.settimeout(2 if stopped is None else LONG)
            try:
                data = s.recv(1 << 16)
            except TimeoutError:
                stopped = at  # nothing comes, and nothing may be sent
                assert not slow.taken and rss(g) < RSS
                slow.go.set()
                continue
            assert data
            for e in c.receive_data(data):
                status = dict(e.headers)[b":status"] if isinstance(e, h2.events.ResponseReceived) else status
                answer += e.data if isinstance(e, h2.events.DataReceived) else b""
                over |= isinstance(e, (h2.events.StreamEnded, h2.events.StreamReset))
            s.sendall(c.data_to_send())
    assert stopped is not None and stopped < 16 << 20
    assert status == b"200" and json.loads(answer)["bytes"] == total
    if not SANITIZED:
        assert rss(g) < RSS
