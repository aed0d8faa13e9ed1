"""Bodies that are refused while they still come: whoever sends all of one before it reads gets the refusal, not a reset."""

import http.client
import json
import subprocess

import openai
import pytest

from conftest import Makers, relay_config
from lib.client import chat, chat_body
from lib.wait import LONG

MIB = 1 << 20
SENT = 32 * MIB


@pytest.fixture(scope="module")
def served(certs):
    makers = Makers()
    up = makers.upstream()
    pair = certs.leaf("refused-bodies")
    limits = {"limits": {"body_bytes": "64KiB"}}
    plain = makers.gateway(relay_config(up.url, listen=limits))
    secure = makers.gateway(relay_config(up.url, listen={**limits, "tls": {"cert": pair.cert, "key": pair.key}}))
    plain.up = secure.up = up
    yield plain, secure
    makers.end()


def too_large(body):
    assert json.loads(body)["error"]["code"] == "request_too_large", body


def post(g, key, chunked):
    """What urllib3, requests and http.client do: the head, all of the body, and only then a look at the answer."""
    c = http.client.HTTPConnection(*g.address, timeout=LONG)
    piece = b" " * MIB
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    if not chunked:
        headers["Content-Length"] = str(SENT)
    c.request("POST", "/v1/chat/completions", body=(piece for _ in range(SENT // MIB)), headers=headers,
              encode_chunked=chunked)
    answer = c.getresponse()
    body = answer.read()
    c.close()
    return answer.status, body


@pytest.mark.parametrize("chunked", [False, True])
def test_who_reads_last(served, chunked):
    g = served[0]
    status, body = post(g, g.key.text, chunked)
    assert status == 413
    too_large(body)
    assert g.up.requests == []


def test_who_has_no_key(served):
    status, body = post(served[0], "sk-nobody", False)
    assert status == 401 and json.loads(body)["error"], body


def test_sdk(served):
    g = served[0]
    host, port = g.address
    client = openai.OpenAI(api_key=g.key.text, base_url=f"http://{host}:{port}/v1", max_retries=0, timeout=LONG)
    with pytest.raises(openai.APIStatusError) as e:
        client.chat.completions.create(model="m", messages=[{"role": "user", "content": "x" * SENT}])
    assert e.value.status_code == 413 and e.value.body["code"] == "request_too_large", e.value.body


def test_tls(served, certs, tmp_path):
    g = served[1]
    (tmp_path / "large").write_bytes(b" " * SENT)
    done = subprocess.run(["curl", "-sS", "-m", str(LONG), "--cacert", certs.ca.cert, "--http1.1", "-H", "Expect:", "-H",
                           f"Authorization: Bearer {g.key.text}", "-H", "Content-Type: application/json", "-w",
                           "\n%{http_code}", "--data-binary", f"@{tmp_path / 'large'}",
                           f"https://localhost:{g.address[1]}/v1/chat/completions"], capture_output=True, text=True)
    assert done.returncode == 0 and done.stdout.endswith("\n413"), done
    too_large(done.stdout.splitlines()[0])


def test_http2(served, tmp_path):
    """The answer is whole, then the stream is reset without an error (RFC 9113 8.1); the connection serves on. (curl 7.88 takes that
    reset for a failure, so it is not asked here.)"""
    g = served[0]
    (tmp_path / "large").write_bytes(b" " * SENT)
    url = f"http://localhost:{g.address[1]}/v1/chat/completions"
    done = subprocess.run(["nghttp", "-v", "-H", f"Authorization: Bearer {g.key.text}", "-H",
                           "Content-Type: application/json", "-d", str(tmp_path / "large"), url], capture_output=True,
                          text=True)
    assert ":status: 413" in done.stdout and "request_too_large" in done.stdout, done.stdout[-2000:]
    assert "error_code=NO_ERROR" in done.stdout


def test_the_gateway_goes_on(served):
    assert chat(served[0], json.dumps(chat_body()).encode()).status == 200
