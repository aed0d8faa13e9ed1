"""Forms that are none, are cut short or are too large, at every operation that takes one: refused with the same words, and no
provider is asked."""

import pathlib
import re

import pytest

from conftest import Makers
from lib.client import Conn, fetch, request_bytes

BOUNDARY = "b0undary"
TYPE = ("Content-Type", f"multipart/form-data; boundary={BOUNDARY}")
END = f"--{BOUNDARY}--\r\n".encode()
LIMIT = 64 << 10


def field(name, value):
    return f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()


def file(name, n=100):
    return (f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"; filename="a.bin"\r\nContent-Type: application/octet-stream'
            "\r\n\r\n").encode() + b"x" * n + b"\r\n"


# operation: (path, fields, the part that is the file)
FORMS = {
    "OP_TRANSCRIPTION": ("/v1/audio/transcriptions", field("model", "hear"), "file"),
    "OP_TRANSLATION": ("/v1/audio/translations", field("model", "hear"), "file"),
    "OP_IMAGE_EDIT": ("/v1/images/edits", field("model", "draw") + field("prompt", "x"), "image"),
    "OP_IMAGE_VARIATION": ("/v1/images/variations", field("model", "draw"), "image"),
    "OP_VIDEO": ("/v1/videos", field("model", "clip") + field("prompt", "x"), "input_reference"),
    "OP_FILE_CREATE": ("/v1/files", field("purpose", "user_data"), "file"),
    "OP_UPLOAD_PART": ("/v1/uploads/UPLOAD/parts", b"", "data"),
}
NOT_ALONE = {"OP_IMAGE_EDIT", "OP_VIDEO"}  # take JSON, too


def takers():
    """The operations whose row says that they take a form."""
    text = (pathlib.Path(__file__).parents[2] / "src/dialect/operation.c").read_text()
    rows = re.split(r"\n    \[(?=OP_)", text.split("operation_row rows[")[-1] if "operation_row rows[" in text else text)
    return {r.split("]")[0] for r in rows[1:] if re.search(r"\.(form|upload) = true", r.split("\n    [")[0]) and ".raw = true" not in r}


@pytest.fixture(scope="module")
def served():
    makers = Makers()
    sim = makers.sim()
    g = makers.gateway({
        "providers": {"openai": {"kind": "openai", "base_url": sim.url + "/v1", "keys": ["sim-key"]}},
        "models": {"hear": "openai/whisper-1", "draw": "openai/gpt-image-2", "clip": "openai/sora-2"},
        "listen": {"limits": {"body_bytes": LIMIT, "decoded_body_bytes": LIMIT}}, "files": {"max_bytes": LIMIT}})
    g.sim = sim
    made = fetch(g.address, "POST", "/v1/uploads", {"bytes": 1, "filename": "a", "mime_type": "text/plain", "purpose": "user_data"}, [], g.key.text)
    g.upload = made.json()["id"]
    yield g
    makers.end()


def test_every_operation_with_a_form_is_here():
    assert takers() == set(FORMS)


@pytest.mark.parametrize("operation", FORMS)
def test_bad_forms(served, operation):
    path, fields, name = FORMS[operation]
    path = path.replace("UPLOAD", served.upload)
    good = fields + file(name)
    bad = {
        "no type": (good + END, [], 415),
        "no boundary": (good + END, [("Content-Type", "multipart/form-data")], 415),
        "cut behind the file": (good, [TYPE], 400),
        "cut in a head": (good + END[:-4] + b"\r\nContent-Dispo", [TYPE], 400),
        "no form": (b"x" * 1000, [TYPE], 400),
        "nothing": (b"", [TYPE], 400),
        "an announced giant": (None, [TYPE, ("Content-Length", str(100 << 30))], 413),
        "too large": (fields + file(name, LIMIT) + END, [TYPE], 413),
    }
    asked, wrong = served.sim.count()["total"], []
    for what, (body, headers, status) in bad.items():
        with Conn(served.address) as c:
            c.send(request_bytes("POST", path, body, headers, served.key.text))
            answer = c.read()
            if answer.status != status and not (status == 415 and operation in NOT_ALONE and answer.status == 400) or not answer.json()["error"]["message"]:
                wrong.append((what, answer.status, answer.body))
    with Conn(served.address) as c:  # too large, and its length is not said: refused in its middle
        c.send(request_bytes("POST", path, None, [TYPE, ("transfer-encoding", "chunked")], served.key.text))
        try:
            for piece in (good[:-2], *[b"x" * 4096] * 64):
                c.send(b"%x\r\n%s\r\n" % (len(piece), piece))
        except OSError:
            pass
        if (status := c.read().status) != 413:
            wrong.append(("too large, chunked", status))
    for cut in (len(fields) // 2, len(good) - 50):  # the client leaves
        with Conn(served.address) as c:
            c.send(request_bytes("POST", path, None, [TYPE, ("Content-Length", str(len(good + END)))], served.key.text) + good[:cut])
    served.wait_metric("sluice_requests_in_flight", 0)
    assert not wrong, "\n".join(map(str, wrong))
    if operation not in ("OP_FILE_CREATE", "OP_UPLOAD_PART"):  # what passes as it comes may have begun, and has never come whole
        assert served.sim.count()["total"] == asked
