"""Gemini's files: the resumable protocol as Google's SDKs speak it, links that lead to the gateway, ids that belong to a tenant.
docs/internals/files.md."""

import io
import json
import os
import pathlib
import shutil
import subprocess
import time
import zlib

import pytest
from google import genai
from google.genai import errors, types

from conftest import Makers
from lib.client import Conn, fetch, request_bytes
from lib.proc import SANITIZED, clean_environment, create_key
from lib.wait import LONG, wait_for

UNIT = 256 << 10
RSS = 64 << 20
MODEL = "gemini-3.8-flash"
NODE = pathlib.Path(__file__).parent / "node"


@pytest.fixture(scope="module")
def served():
    makers = Makers()
    sim = makers.sim()
    g = makers.gateway({
        "providers": {
            "google": {"kind": "gemini", "base_url": sim.url + "/v1beta", "keys": ["sim-key-one", "sim-key-two"]},
            "second": {"kind": "gemini", "base_url": sim.url + "/v1beta", "keys": ["sim-key-three"]},
            "openai": {"kind": "openai", "base_url": sim.url + "/v1", "keys": ["sim-key-four"]}},
        "models": {MODEL: {"targets": [f"google/{MODEL}", f"second/{MODEL}", "openai/gpt-4o"]}, "gpt-4o": "openai/gpt-4o"},
        "files": {"provider": "openai", "max_bytes": "1GiB"},
    })
    g.sim = sim
    g.foreign = create_key(g.state, "foreign", "--tenant", "elsewhere")
    g.same = create_key(g.state, "same")
    wait_for(lambda: fetch(g.address, "GET", "/v1/models", None, [], g.same.text).status == 200, "the new keys")
    yield g
    makers.end()


def sdk(g, key=None):
    return genai.Client(api_key=(key or g.key).text, http_options={"base_url": g.url})


def upload(client, content, mime="text/plain", **more):
    return client.files.upload(file=io.BytesIO(content), config={"mime_type": mime, **more})


def test_sdk(served):
    content = os.urandom(9 << 20)  # more than one of the SDK's pieces
    c = sdk(served)
    made = upload(c, content, display_name="notes")
    assert made.name.startswith("files/") and made.size_bytes == len(content) and made.display_name == "notes"
    assert made.state == types.FileState.ACTIVE
    small = upload(c, b"some text")
    assert c.files.get(name=made.name).uri == made.uri
    listed = list(c.files.list(config={"page_size": 1}))
    assert [f.name for f in listed] == [small.name, made.name]  # page by page
    with pytest.raises(errors.ClientError):
        c.files.download(file=small.name)  # as the vendor: only what was generated
    said = c.models.generate_content(model=MODEL, contents=["say", small, made])
    assert "simulated" in said.text
    same = sdk(served, served.same)
    assert same.files.get(name=made.name).size_bytes == len(content)  # of the same tenant
    c.files.delete(name=made.name)
    with pytest.raises(errors.ClientError) as e:
        c.files.get(name=made.name)
    assert e.value.code == 404 and e.value.status == "NOT_FOUND"
    assert [f.name for f in c.files.list()] == [small.name]


def start(g, key, length=None, *headers, body=b'{"file": {"displayName": "x"}}'):
    length = [] if length is None else [("X-Goog-Upload-Header-Content-Length", str(length))]
    return fetch(g.address, "POST", "/upload/v1beta/files", body,
                 [("Host", g.url[7:]), ("X-Goog-Upload-Protocol", "resumable"), ("X-Goog-Upload-Command", "start"), *length,
                  ("X-Goog-Upload-Header-Content-Type", "text/plain"), ("x-goog-api-key", key), *headers])


def send(g, link, command, offset=None, data=b"", *headers):
    assert link.startswith(g.url + "/upload/v1beta/files?upload_id=")
    offset = [] if offset is None else [("X-Goog-Upload-Offset", str(offset))]
    return fetch(g.address, "POST", link[len(g.url):], data, [("X-Goog-Upload-Command", command), *offset, *headers])


def state(answer):
    return answer.get("x-goog-upload-status"), int(answer.get("x-goog-upload-size-received"))


def test_resumed_by_its_link(served):
    """Without a key, as curl does it in the vendor's examples; what broke is asked for and goes on."""
    content = os.urandom(3 * UNIT + 1000)
    begun = start(served, served.key.text, len(content))
    assert begun.status == 200
    link = begun.get("x-goog-upload-url")
    secrets = ("sim-key", "ADPy", str(served.sim.address[1]))
    assert begun.get("x-guploader-uploadid") is None and not any(s in v for s in secrets for _, v in begun.headers)
    assert state(send(served, link, "upload", 0, content[:UNIT])) == ("active", UNIT)
    before = served.sim.count()["uploaded"]
    with Conn(served.address) as c:  # cut in the middle of the third unit
        c.send(request_bytes("POST", link[len(served.url):], None, [("X-Goog-Upload-Command", "upload, finalize"),
                                                                    ("X-Goog-Upload-Offset", str(UNIT)),
                                                                    ("Content-Length", str(len(content) - UNIT))]))
        c.send(content[UNIT:2 * UNIT + 5000])
        wait_for(lambda: served.sim.count()["uploaded"] >= before + UNIT, "bytes at the simulator")
        gone = served.sim.count()["cancelled"]
        c.reset()
    wait_for(lambda: served.sim.count()["cancelled"] > gone, "the simulator to see it")
    said, got = state(send(served, link, "query"))
    assert (said, got) == ("active", 2 * UNIT)
    wrong = send(served, link, "upload, finalize", got + 1, content[got + 1:])
    assert wrong.status == 400 and state(wrong) == ("active", got)
    assert send(served, link, "upload", got, content[got:got + 1000]).status == 400  # no whole unit
    done = send(served, link, "upload, finalize", got, content[got:])
    assert done.status == 200 and state(done) == ("final", len(content))
    assert done.get("x-sim-crc32") == f"{zlib.crc32(content):08x}"
    name = done.json()["file"]["name"]
    assert fetch(served.address, "GET", f"/v1beta/{name}", None, [], served.key.text).json()["sizeBytes"] == str(len(content))
    again = send(served, link, "query")
    assert state(again) == ("final", len(content)) and again.json()["file"]["name"] == name
    assert send(served, link, "upload, finalize", len(content), b"x").status == 400


def test_cancelled(served):
    link = start(served, served.key.text, 1000).get("x-goog-upload-url")
    assert send(served, link, "cancel").get("x-goog-upload-status") == "cancelled"
    assert send(served, link, "query").status == 404


def test_links_of_others(served):
    """Another tenant's key, a link that nobody signed, one of a key that was changed: as one that never was."""
    link = start(served, served.key.text, 10).get("x-goog-upload-url")
    before = served.sim.count()["total"]
    for key in (served.foreign.text, "sk-sluice-wrong"):
        answer = send(served, link, "upload, finalize", 0, b"0123456789", ("x-goog-api-key", key))
        unknown = send(served, link[:-60] + "0" * 40, "query", None, b"", ("x-goog-api-key", key))
        assert answer.status == unknown.status == (404 if key == served.foreign.text else 401)
        assert answer.json()["error"]["message"] == unknown.json()["error"]["message"]
    at = link.index("upload_id=") + 10
    theirs = start(served, served.foreign.text, 10).get("x-goog-upload-url")
    for forged in (link[:at] + "x", link[:at] + "7" + link[at + 1:], link[:at + 27] + theirs[at + 27:at + 53] + link[at + 53:],
                   link[:at + 54] + "0" * 32, link[:at], link[:at] + "%00"):
        answer = send(served, forged, "upload, finalize", 0, b"0123456789")
        assert answer.status in (401, 404), forged
    assert served.sim.count()["total"] == before + 1  # `theirs`; nobody else was asked
    assert send(served, link, "upload, finalize", 0, b"0123456789", ("x-goog-api-key", served.same.text)).status == 200


def test_ids_of_others_are_unknown(served):
    c = sdk(served)
    made = upload(c, b"secret")
    taken = upload(c, b"mine", name="chosen-name")
    assert taken.name == "files/chosen-name"
    foreign = sdk(served, served.foreign)
    before = served.sim.count()["total"]
    assert list(foreign.files.list()) == []
    for call in (foreign.files.get, foreign.files.delete):
        said = []
        for name in (made.name, "files/0000000000aa"):
            with pytest.raises(errors.ClientError) as e:
                call(name=name)
            said.append((e.value.code, e.value.message.replace(name[6:], "ID")))
        assert said[0] == said[1] and said[0][0] == 404
    assert served.sim.count()["total"] == before  # nobody was asked
    # the name is deleted and chosen by somebody else: it is nobody else's any more
    c.files.delete(name=taken.name)
    assert upload(foreign, b"theirs", name="chosen-name").name == taken.name
    with pytest.raises(errors.ClientError):
        c.files.get(name=taken.name)


def generate(g, key, *uris, model=MODEL, member="fileUri", verb="generateContent"):
    parts = [{"fileData": {"mimeType": "text/plain", member: uri}} for uri in uris]
    body = json.dumps({"contents": [{"role": "user", "parts": [{"text": "say"}, *parts]}]}).replace("\\\\u", "\\u")
    answer = fetch(g.address, "POST", f"/v1beta/models/{model}:{verb}", body.encode(), [], key.text)
    return answer, g.record(answer.id)


def test_requests_that_name_files(served):
    """They go to the account that has it, however the name is spelt, and somebody else's is none."""
    def uri(provider, key=served.key):
        link = start(served, key.text, 1, ("x-sluice-provider", provider)).get("x-goog-upload-url")
        return send(served, link, "upload, finalize", 0, b"x").json()["file"]["uri"]

    here, there = uri("google"), uri("second")
    for verb in ("generateContent", "countTokens"):
        for _ in range(2):
            answer, record = generate(served, served.key, there, verb=verb)
            assert answer.status == 200 and [a["provider"] for a in record["attempts"]] == ["second"], answer
    assert [a["provider"] for a in generate(served, served.key, here, member="file_uri")[1]["attempts"]] == ["google"]
    answer, record = generate(served, served.key, here, there)
    assert answer.status == 400 and record["attempts"] == []
    answer, record = generate(served, served.key, here, model="gpt-4o")
    assert answer.status == 400 and "file" in answer.json()["error"]["message"] and record["attempts"] == []
    for member in ("fileUri", "file_uri", "file\\u0055ri", "\\u0066ile_uri"):
        answer, record = generate(served, served.foreign, here, member=member)
        assert answer.status == 404 and record["attempts"] == []
    answer, record = generate(served, served.foreign, here.replace("/files/", "/%66iles/"))
    assert answer.status == 404 and record["attempts"] == []
    assert generate(served, served.key, "https://www.youtube.com/watch?v=9hE5-98ZeCg")[0].status == 200


@pytest.mark.parametrize("name", ["protocol", "command", "no body", "number", "declared too large", "too large", "beyond",
                                  "no command", "compressed"])
def test_bad_uploads(served, name):
    key, status = served.key.text, 400
    if name == "protocol":
        answer = start(served, key, 1, ("X-Goog-Upload-Protocol", "multipart"))
        answer = fetch(served.address, "POST", "/upload/v1beta/files", b"{}",
                       [("X-Goog-Upload-Protocol", "multipart"), ("X-Goog-Upload-Command", "start")], key)
    elif name == "command":
        answer = fetch(served.address, "POST", "/upload/v1beta/files", b"{}", [("X-Goog-Upload-Protocol", "resumable")], key)
    elif name == "no body":
        answer = start(served, key, 1, body=None)
    elif name == "number":
        answer = start(served, key, "many")
    elif name == "declared too large":
        answer, status = start(served, key, 2 << 30), 413
    else:
        link = start(served, key, 10).get("x-goog-upload-url")
        if name == "too large":
            answer, status = send(served, link, "upload", 0, None, ("Content-Length", str(2 << 30))), 413
        elif name == "beyond":
            answer, status = send(served, link, "upload", 1 << 30, b"0123456789"), 413
        elif name == "no command":
            answer = send(served, link, "", 0, b"0123456789")
        else:
            answer, status = send(served, link, "upload", 0, b"x", ("Content-Encoding", "gzip")), 415
    assert answer.status == status, answer
    assert answer.json()["error"]["code"] == status


def test_large_upload(served):
    """In constant memory."""
    size = (1 << 30) - UNIT if os.environ.get("SLUICE_NIGHTLY") else 64 << 20
    piece, crc = os.urandom(1 << 20), 0
    link = start(served, served.key.text, size).get("x-goog-upload-url")
    with Conn(served.address, timeout=LONG) as c:
        c.send(request_bytes("POST", link[len(served.url):], None, [
            ("X-Goog-Upload-Command", "upload, finalize"), ("X-Goog-Upload-Offset", "0"), ("Content-Length", str(size))]))
        for at in range(0, size, 1 << 20):
            data = piece[:min(1 << 20, size - at)]
            c.send(data)
            crc = zlib.crc32(data, crc)
        done = c.read()
    assert done.status == 200 and done.get("x-sim-crc32") == f"{crc:08x}" and state(done) == ("final", size)
    with open(f"/proc/{served.pid}/status") as f:
        rss = next(int(line.split()[1]) * 1024 for line in f if line.startswith("VmHWM"))
    if not SANITIZED:
        assert rss < RSS


def test_video_is_waited_for(served):
    c = sdk(served)
    made = upload(c, b"x" * 1000, "video/mp4")
    assert made.state == types.FileState.PROCESSING
    with pytest.raises(errors.ClientError) as e:
        c.models.generate_content(model=MODEL, contents=["say", made])
    assert "not in an ACTIVE state" in e.value.message
    while c.files.get(name=made.name).state != types.FileState.ACTIVE:
        time.sleep(0.05)
    assert "simulated" in c.models.generate_content(model=MODEL, contents=["say", made]).text


def test_nothing_is_stored_for_some(make):
    sim = make.sim()
    g = make.gateway({"providers": {"google": {"kind": "gemini", "base_url": sim.url + "/v1beta", "keys": ["k"]}},
                      "models": {MODEL: f"google/{MODEL}"}, "responses": {"except": ["default"]}})
    answer = start(g, g.key.text, 1)
    assert answer.status == 400 and sim.count()["total"] == 0


def test_node(served):
    if not shutil.which("node") or not (NODE / "node_modules/@google").exists():
        pytest.skip("node or its packages are missing: dev/setup.sh test installs them")
    done = subprocess.run(["node", "files.mjs"], cwd=NODE, capture_output=True, text=True, timeout=120,
                          env=clean_environment({"SLUICE_URL": served.url, "SLUICE_KEY": served.key.text}))
    assert done.returncode == 0, done.stderr
    out = json.loads(done.stdout)
    assert out["google"] == {"size": 300000, "state": "ACTIVE", "listed": True, "said": True, "gone": 404}
    assert out["openai"] == {"status": "completed", "content": "abcdef"}
