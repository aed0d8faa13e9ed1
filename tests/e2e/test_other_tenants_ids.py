"""Ids of another tenant are worth what unknown ids are: the same answer, and no provider is asked. Over the table of operations: one
that is new must say here whether it takes an id."""

import json
import pathlib
import re

import pytest

from conftest import Makers
from lib.client import fetch
from lib.proc import create_key
from lib.videos import Videos
from lib.wait import wait_for

OPERATIONS = re.findall(r"^ {4}(OP_[A-Z_]+)\b", (pathlib.Path(__file__).parents[2] / "src/dialect/operation.h").read_text()
                        .split("enum operation {")[1].split("OP_COUNT")[0], re.M)

# What takes no id of something that a tenant made: makes something new of its own, or lists only what is the caller's.
NO_ID = {"OP_NONE", "OP_HELLO", "OP_LIVE", "OP_TRANSCRIPTION_SESSION", "OP_WRONG_METHOD", "OP_NOT_SERVED", "OP_MODELS_LIST", "OP_MODEL_GET", "OP_COMPLETIONS", "OP_EMBEDDINGS", "OP_MODERATIONS",
         "OP_RERANK", "OP_IMAGES", "OP_SPEECH", "OP_TRANSCRIPTION", "OP_TRANSLATION", "OP_IMAGE_EDIT", "OP_IMAGE_VARIATION", "OP_EMBED_CONTENT",
         "OP_EMBED_BATCH", "OP_REALTIME", "OP_REALTIME_SECRET", "OP_REALTIME_SESSION", "OP_VIDEO", "OP_FILE_CREATE", "OP_MESSAGE_BATCH_CREATE",
         "OP_GFILE_START", "OP_UPLOAD_CREATE", "OP_RESPONSES_COUNT", "OP_MESSAGES_COUNT", "OP_GENERATE_COUNT"}
HELD = {"OP_VIDEO_CALLBACK": "test_video_jobs.py",  # its token is a secret, and what comes with it is not believed
        "OP_RESPONSES_SOCKET": "test_responses_socket.py"}  # what a message of it names: shown there

USER = [{"role": "user", "content": "hi"}]
FORM = ("Content-Type", "multipart/form-data; boundary=b")
PART = b'--b\r\nContent-Disposition: form-data; name="data"; filename="a"\r\n\r\nx\r\n--b--\r\n'
SEND = [("x-goog-upload-command", "query")]

# operation: (what is made first, method, path, body, headers); {id} is its id. Those that end something stand last.
NAMED = {
    "OP_RESPONSE_GET": ("response", "GET", "/v1/responses/{id}", None, []),
    "OP_RESPONSE_ITEMS": ("response", "GET", "/v1/responses/{id}/input_items", None, []),
    "OP_RESPONSES": ("response", "POST", "/v1/responses", {"model": "gpt-4o", "input": "go on", "previous_response_id": "{id}"}, []),
    "OP_FILE_GET": ("file", "GET", "/v1/files/{id}", None, []),
    "OP_FILE_CONTENT": ("file", "GET", "/v1/files/{id}/content", None, []),
    "OP_CHAT": ("file", "POST", "/v1/chat/completions", {"model": "gpt-4o", "messages": [{"role": "user", "content": [
        {"type": "file", "file": {"file_id": "{id}"}}]}]}, []),
    "OP_MESSAGES": ("claude file", "POST", "/v1/messages", {"model": "claude-opus-5-5", "max_tokens": 9, "messages": [{"role": "user", "content": [
        {"type": "document", "source": {"type": "file", "file_id": "{id}"}}]}]}, []),
    "OP_BATCH_CREATE": ("file", "POST", "/v1/batches", {"input_file_id": "{id}", "endpoint": "/v1/chat/completions", "completion_window": "24h"}, []),
    "OP_BATCH_GET": ("batch", "GET", "/v1/batches/{id}", None, []),
    "OP_MESSAGE_BATCH_GET": ("message batch", "GET", "/v1/messages/batches/{id}", None, []),
    "OP_MESSAGE_BATCH_RESULTS": ("message batch", "GET", "/v1/messages/batches/{id}/results", None, []),
    "OP_GFILE_GET": ("gemini file", "GET", "/v1beta/files/{id}", None, []),
    "OP_GFILE_CONTENT": ("gemini file", "GET", "/v1beta/files/{id}:download?alt=media", None, []),
    "OP_GENERATE": ("gemini file", "POST", "/v1beta/models/gemini-3.8-flash:generateContent", {"contents": [{"role": "user", "parts": [
        {"fileData": {"fileUri": "files/{id}", "mimeType": "text/plain"}}]}]}, []),
    "OP_GFILE_SEND": ("gemini upload", "POST", "/upload/v1beta/files?upload_id={id}&upload_protocol=resumable", None, SEND),
    "OP_VIDEO_GET": ("video", "GET", "/v1/videos/{id}", None, []),
    "OP_VIDEO_CONTENT": ("video", "GET", "/v1/videos/{id}/content", None, []),
    "OP_VIDEO_REMIX": ("video", "POST", "/v1/videos/{id}/remix", {"prompt": "x"}, []),
    "OP_VIDEO_FETCH": ("video", "POST", "/v1/projects/p/locations/us-central1/publishers/google/models/clip:fetchPredictOperation",
                       {"operationName": "projects/p/locations/us-central1/publishers/google/models/clip/operations/{id}"}, []),
    "OP_UPLOAD_PART": ("upload", "POST", "/v1/uploads/{id}/parts", PART, [FORM]),
    # cursors of lists: refused as one that is none of the caller's list
    "OP_FILE_LIST": ("file", "GET", "/v1/files?after={id}", None, []),
    "OP_BATCH_LIST": ("batch", "GET", "/v1/batches?after={id}", None, []),
    "OP_MESSAGE_BATCH_LIST": ("message batch", "GET", "/v1/messages/batches?before_id={id}", None, []),
    "OP_GFILE_LIST": ("gemini file", "GET", "/v1beta/files?pageToken={id}", None, []),
    "OP_VIDEO_LIST": ("video", "GET", "/v1/videos?after={id}", None, []),
    # ends
    "OP_RESPONSE_CANCEL": ("response", "POST", "/v1/responses/{id}/cancel", None, []),
    "OP_RESPONSE_DELETE": ("response", "DELETE", "/v1/responses/{id}", None, []),
    "OP_BATCH_CANCEL": ("batch", "POST", "/v1/batches/{id}/cancel", None, []),
    "OP_MESSAGE_BATCH_CANCEL": ("message batch", "POST", "/v1/messages/batches/{id}/cancel", None, []),
    "OP_MESSAGE_BATCH_DELETE": ("message batch", "DELETE", "/v1/messages/batches/{id}", None, []),
    "OP_UPLOAD_COMPLETE": ("upload", "POST", "/v1/uploads/{id}/complete", {"part_ids": ["part_x"]}, []),
    "OP_UPLOAD_CANCEL": ("upload", "POST", "/v1/uploads/{id}/cancel", None, []),
    "OP_VIDEO_CANCEL": ("video", "POST", "/v1/videos/{id}/cancel", None, []),
    "OP_VIDEO_DELETE": ("video", "DELETE", "/v1/videos/{id}", None, []),
    "OP_FILE_DELETE": ("file", "DELETE", "/v1/files/{id}", None, []),
    "OP_GFILE_DELETE": ("gemini file", "DELETE", "/v1beta/files/{id}", None, []),
}
PASSED_ON = {"OP_RESPONSES"}  # an id that nobody made here is the provider's to judge (named files likewise): only compared with 404
NO_OWNER = {"OP_UPLOAD_COMPLETE", "OP_GFILE_CONTENT"}  # even the owner's is refused: an unknown part; the provider gives no uploaded bytes


@pytest.fixture(scope="module")
def served():
    makers = Makers()
    sim, v = makers.sim(), makers.adopt(Videos())
    g = makers.gateway({
        "providers": {
            "openai": {"kind": "openai", "base_url": sim.url + "/v1", "keys": ["sim-key-one"]},
            "anthropic": {"kind": "anthropic", "base_url": sim.url + "/v1", "keys": ["sim-key-two"]},
            "google": {"kind": "gemini", "base_url": sim.url + "/v1beta", "keys": ["sim-key-three"]},
            "clips": {"kind": "openai-compatible", "base_url": v.url, "keys": ["the-provider-key"]}},
        "models": {"gpt-4o": "openai/gpt-4o", "claude-opus-5-5": "anthropic/claude-opus-5-5",
                   "gemini-3.8-flash": "google/gemini-3.8-flash", "clip": "clips/sora-2"},
        "files": {"provider": "openai"}, "batches": {"poll": "1h"},
        "videos": {"poll_first": "10m", "poll_interval": "10m"}})
    g.sim, g.videos = sim, v
    g.foreign = create_key(g.state, "foreign", "--tenant", "elsewhere")
    wait_for(lambda: fetch(g.address, "GET", "/v1/models", None, [], g.foreign.text).status == 200, "the new key")
    g.ids = make_all(g)
    yield g
    makers.end()


def make_all(g):
    def ask(method, path, body=None, headers=()):
        answer = fetch(g.address, method, path, body, list(headers), g.key.text)
        assert answer.status == 200, answer.body
        return answer
    form = (b'--b\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nbatch\r\n--b\r\nContent-Disposition: form-data; '
            b'name="file"; filename="in.jsonl"\r\n\r\n' + json.dumps({"custom_id": "a", "method": "POST", "url": "/v1/chat/completions", "body": {
                "model": "gpt-4o", "messages": USER}}).encode() + b"\r\n--b--\r\n")
    ids = {"response": ask("POST", "/v1/responses", {"model": "gpt-4o", "input": "hi", "store": True}).json()["id"],
           "file": ask("POST", "/v1/files", form, [FORM]).json()["id"],
           "claude file": ask("POST", "/v1/files", form, [FORM, ("anthropic-version", "2023-06-01"),
                                                          ("anthropic-beta", "files-api-2025-04-14")]).json()["id"],
           "upload": ask("POST", "/v1/uploads", {"bytes": 1, "filename": "a", "mime_type": "text/plain", "purpose": "user_data"}).json()["id"],
           "message batch": ask("POST", "/v1/messages/batches", {"requests": [{"custom_id": "a", "params": {
               "model": "claude-opus-5-5", "max_tokens": 1, "messages": USER}}]}).json()["id"],
           "video": ask("POST", "/v1/videos", {"model": "clip", "prompt": "x", "seconds": "4"}).json()["id"]}
    ids["batch"] = ask("POST", "/v1/batches", {"input_file_id": ids["file"], "endpoint": "/v1/chat/completions",
                                               "completion_window": "24h"}).json()["id"]
    start = [("x-goog-upload-protocol", "resumable"), ("x-goog-upload-command", "start")]
    link = ask("POST", "/upload/v1beta/files", {"file": {}}, start).get("x-goog-upload-url")
    ids["gemini upload"] = link.split("upload_id=")[1].split("&")[0]
    link = ask("POST", "/upload/v1beta/files", {"file": {}}, start).get("x-goog-upload-url")
    done = ask("POST", "/upload" + link.split("/upload", 1)[1], b"x", [("x-goog-upload-command", "upload, finalize"), ("x-goog-upload-offset", "0")])
    ids["gemini file"] = done.json()["file"]["name"].removeprefix("files/")
    return ids


def test_every_operation_says_whether_it_takes_an_id():
    assert sorted(OPERATIONS) == sorted({*NO_ID, *HELD, *NAMED})


def call(g, operation, id, key):
    _, method, path, body, headers = NAMED[operation]
    if isinstance(body, dict):
        body = json.loads(json.dumps(body).replace("{id}", id))
    extra = [("anthropic-version", "2023-06-01")] if "/messages" in path else []
    answer = fetch(g.address, method, path.replace("{id}", id), body, [*headers, *extra], key.text)
    return answer.status, re.sub(r'"request_id":"[^"]*"', "", answer.body.decode("latin-1").replace(id, "ID"))


def other(id):
    """One of the same form that nobody has."""
    at = 12 if len(id) > 60 else len(id) - 1
    return id[:at] + ("a" if id[at] != "a" else "b") + id[at + 1:]


def test_another_tenants_are_as_good_as_none(served):
    g = served
    wrong = []
    for operation, (what, *_) in NAMED.items():
        id, lists = g.ids[what], operation.endswith("_LIST")
        asked = g.sim.count()["total"], len(g.videos.calls)
        theirs = call(g, operation, id, g.foreign)
        quiet = (g.sim.count()["total"], len(g.videos.calls)) == asked
        unknown = call(g, operation, other(id), g.foreign)
        refused = theirs[0] == 404 or (theirs[0] == 400 and (lists or "previous_response_not_found" in theirs[1]))
        if not (refused or (lists and json.loads(theirs[1])["data"] == [])) or not quiet:
            wrong.append((operation, "another's", theirs, quiet))
        judged = operation in PASSED_ON or operation in ("OP_CHAT", "OP_MESSAGES", "OP_GENERATE")
        if not judged and theirs != unknown:
            wrong.append((operation, "unknown", theirs, unknown))
    for operation, (what, *_) in NAMED.items():  # the paths are right: the owner is served
        status, body = call(g, operation, g.ids[what], g.key)
        if status in (404, 405) and operation not in NO_OWNER and not (operation == "OP_RESPONSE_CANCEL" or "RESULTS" in operation):
            wrong.append((operation, "the owner's", status, body))
    assert not wrong, "\n".join(map(str, wrong))
