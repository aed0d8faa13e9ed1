"""What holds for a tenant holds in every plan: where its requests may go, and that nothing of them is kept."""

import json

import pytest

from conftest import Makers
from lib.client import chat, chat_body, fetch
from lib.proc import create_key, run_sluice
from lib.upstream import error_answer
from lib.wait import wait_for

KIND = {"kind": "openai-compatible", "keys": ["k"]}


@pytest.fixture(scope="module")
def t():
    makers = Makers()
    up = makers.upstream()
    g = makers.gateway({
        "providers": {"us": {**KIND, "base_url": up.url, "region": "us"}, "de": {**KIND, "base_url": up.url, "region": "eu-central-1"},
                      "own": {**KIND, "base_url": up.url, "region": "eu", "zero_retention": True}},
        "models": {"m": {"targets": ["us/a", "de/a", "own/a"]}, "far": {"targets": ["us/a"]}, "ruled": {"route": "by-terms"}},
        "routes": {"by-terms": [{"when": {"zero_retention": True}, "use": ["own/z"]}, {"when": {"region": "eu"}, "use": ["de/r"]},
                                {"use": ["us/r"]}]},
        "tenants": {"acme": {"region": "eu"}, "strict": {"zero_retention": "required"}, "both": {"region": "eu", "zero_retention": "required"},
                    "nowhere": {"region": "eu-central-10"}},
        "resilience": {"retry": {"attempts": 3}}})
    g.up = up
    g.keys_of = {name: create_key(g.state, name, "--tenant", name) for name in ("acme", "strict", "both", "nowhere", "else")}
    wait_for(lambda: chat(g, chat_body("m"), key=g.keys_of["else"]).status == 200 or None, "the new keys")
    yield g
    makers.end()


def places(t, answer):
    record = t.record(answer.get("x-sluice-id"))
    return ([p["provider"] for p in record["plan"] if not p.get("excluded")],
            {p["provider"]: p["why"] for p in record["plan"] if p.get("excluded")}, record)


@pytest.mark.parametrize("tenant, left", [("else", ["us", "de", "own"]), ("acme", ["de", "own"]), ("strict", ["own"]), ("both", ["own"])])
def test_where_requests_may_go(t, tenant, left):
    """In the plan, in every fallback of it, and when the decision is replayed."""
    answer = chat(t, chat_body("m"), key=t.keys_of[tenant])
    assert answer.status == 200 and answer.get("x-sluice-target") == left[0] + "/a"
    kept, out, record = places(t, answer)
    assert kept == left and set(out) == {"us", "de", "own"} - set(left)
    assert all(why in ("outside the region that the request must stay in", "the provider keeps what it gets") for why in out.values()), out
    if out:
        done = run_sluice("explain", "-c", t.config_path, "--id", answer.get("x-sluice-id"), "--json")
        assert done.returncode == 0, done.stderr
    t.up.queue(*[error_answer(500)] * 6)
    failed = chat(t, chat_body("m", models=["far"]), key=t.keys_of[tenant])
    assert {a["provider"] for a in t.record(failed.get("x-sluice-id"))["attempts"]} <= set(left)
    t.up.reset()


def test_nobody_left(t):
    asked = len(t.up.requests)
    for tenant, model in (("acme", "far"), ("nowhere", "m"), ("strict", "far")):
        answer = chat(t, chat_body(model), key=t.keys_of[tenant])
        assert answer.status >= 400 and answer.error()["message"], answer
    assert len(t.up.requests) == asked


@pytest.mark.parametrize("tenant, model", [("strict", "own/z"), ("both", "own/z"), ("acme", "de/r"), ("else", "us/r")])
def test_rules_know_them(t, tenant, model):
    assert chat(t, chat_body("ruled"), key=t.keys_of[tenant]).get("x-sluice-target") == model


def test_nothing_is_kept(t):
    """No response is stored for a tenant that wants nothing kept, and no file is made on its behalf."""
    body = json.dumps({"model": "m", "input": "hello"}).encode()
    t.up.reset()
    for tenant, kept in (("strict", False), ("else", True)):
        answer = fetch(t.address, "POST", "/v1/responses", body, key=t.keys_of[tenant])
        assert answer.status == 200, answer
        got = fetch(t.address, "GET", "/v1/responses/" + answer.json()["id"], key=t.keys_of[tenant])
        assert (got.status == 200) == kept, got
    form = (b'--x\r\ncontent-disposition: form-data; name="purpose"\r\n\r\nuser_data\r\n--x\r\n'
            b'content-disposition: form-data; name="file"; filename="a"\r\n\r\nA\r\n--x--\r\n')
    asked = len(t.up.requests)
    refused = fetch(t.address, "POST", "/v1/files", form, headers=[("content-type", "multipart/form-data; boundary=x")],
                    key=t.keys_of["strict"])
    assert refused.status >= 400 and "stored" in refused.error()["message"] and len(t.up.requests) == asked


def test_findings(t, tmp_path):
    path = tmp_path / "c.yaml"
    path.write_text(json.dumps({"providers": {"a": {**KIND, "base_url": "http://127.0.0.1:9/v1", "region": "us"}},
                                "tenants": {"acme": {"region": "eu"}, "odd": {"region": "E U"}, "fine": {"region": "us"}}}))
    done = run_sluice("check", "-c", path)
    said = done.stdout + done.stderr
    assert done.returncode != 0 and "is no region, as in eu" in said
    assert said.count("all are refused") <= 1
    path.write_text(json.dumps({"providers": {"a": {**KIND, "base_url": "http://127.0.0.1:9/v1", "region": "us"}},
                                "tenants": {"acme": {"region": "eu"}, "fine": {"region": "us"}}}))
    done = run_sluice("check", "-c", path)
    assert done.returncode == 0 and (done.stdout + done.stderr).count("all are refused") == 1
