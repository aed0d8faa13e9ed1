"""Who is asking: every header form, refusals that tell nothing, grants, revocation at once."""

import json
import re
import time

import pytest

from conftest import Makers, relay_config
from lib.client import Conn, chat, chat_body, fetch, request_bytes
from lib.proc import PATIENCE, create_key, run_sluice
from lib.wait import quickest, wait_for


@pytest.fixture(scope="module")
def keyed():
    """A gateway whose state has keys of all kinds before it starts."""
    makers = Makers()
    up = makers.upstream()
    from lib.proc import scratch
    directory = scratch("keys")
    state = directory / "state"
    keys = {"revoked": create_key(state, "revoked"),
            "chat-only": create_key(state, "chat-only", "--operations", "chat"),
            "one-model": create_key(state, "one-model", "--models", "m")}
    run_sluice("keys", "revoke", "--state", state, keys["revoked"].id, check=True)
    config = relay_config(up.url, models={"secret-model": {"targets": ["up/other"]}})
    g = makers.gateway(config, directory=directory)
    g.own_directory = True
    g.up, g.keys = up, keys
    yield g
    makers.end()


@pytest.mark.parametrize("form", ["Authorization: Bearer {}", "authorization: bearer {}", "x-api-key: {}", "api-key: {}",
                                  "x-goog-api-key: {}", "X-API-KEY: {}"])
def test_header_forms(keyed, form):
    name, value = form.format(keyed.key.text).split(": ", 1)
    answer = chat(keyed, key=None, headers=[(name, value)])
    assert answer.status == 200, answer
    assert keyed.up.last().get("authorization") == "Bearer provider-secret-1"


def test_query_form(keyed):
    answer = fetch(keyed.address, "POST", f"/v1/chat/completions?key={keyed.key.text}", chat_body())
    assert answer.status == 200, answer
    path = keyed.record(answer.id)["path"]
    assert keyed.key.text not in path


def test_several_that_agree_and_that_do_not(keyed):
    text = keyed.key.text
    assert chat(keyed, headers=[("x-api-key", text), ("api-key", text)]).status == 200
    assert chat(keyed, headers=[("x-api-key", text + "x")]).status in (400, 401)


def answers_of(keyed):
    never = re.sub(r".{6}$", "AAAAAA", keyed.key.text)
    return {"unknown": chat(keyed, key=never), "malformed": chat(keyed, key="hunter2"),
            "revoked": chat(keyed, key=keyed.keys["revoked"])}


def test_wrong_keys_get_the_same_answer(keyed):
    shapes = set()
    for name, answer in answers_of(keyed).items():
        assert answer.status == 401, (name, answer)
        error = answer.error()
        assert error["code"] == "invalid_api_key" and answer.get("x-should-retry") == "false"
        body = answer.body.replace((answer.id or "-").encode(), b"ID")
        headers = sorted(n.lower() for n, _ in answer.headers)
        shapes.add((body, tuple(headers), answer.get("content-type")))
    assert len(shapes) == 1, shapes


def test_no_key(keyed):
    answer = chat(keyed, key=None)
    assert answer.status == 401 and answer.error()["code"] in ("missing_api_key", "invalid_api_key")
    for value in ("", "Bearer", "Bearer ", "Basic eDp5", "Bearer a b", "Bearer " + "x" * 5000):
        refused = chat(keyed, key=None, headers=[("authorization", value)])
        assert refused.status == 401, (value, refused)


def test_body_is_not_read_before_the_key_is_known(keyed):
    """The refusal comes although the announced body never does, and the connection does not take it for a request."""
    with Conn(keyed.address) as c:
        c.send(request_bytes("POST", "/v1/chat/completions", None, [("content-length", "1000000")], "sk-sluice-no"))
        assert c.read().status == 401
        c.send(request_bytes("GET", "/v1/models", key=keyed.key))  # is body, or falls on a closed connection
        assert c.at_end()
        assert bytes(c.received).count(b"HTTP/1.1 ") == 1


def test_expired_key(keyed):
    short = create_key(keyed.state, "short", "--expires", "1s")
    wait_for(lambda: chat(keyed, key=short).status == 401, "the key to expire", every=0.05)
    answer = chat(keyed, key=short)
    assert answer.error()["code"] == "invalid_api_key"


def test_grants(keyed):
    only = keyed.keys["chat-only"]
    assert chat(keyed, key=only).status == 200
    refused = fetch(keyed.address, "POST", "/v1/embeddings", {"model": "m", "input": "x"}, key=only)
    assert refused.status == 403 and refused.error()["code"] == "operation_not_allowed", refused
    one = keyed.keys["one-model"]
    assert chat(keyed, key=one).status == 200
    unseen = chat(keyed, key=one, model="secret-model")
    never = chat(keyed, key=one, model="no-such-model")
    assert unseen.status == never.status == 404
    assert unseen.error()["code"] == never.error()["code"] == "model_not_found"
    direct = chat(keyed, key=one, model="up/other")
    assert direct.status == 404, "a grant of one model must not be by-passed by naming the target"
    listed = fetch(keyed.address, "GET", "/v1/models", key=one).json()
    assert [m["id"] for m in listed["data"]] == ["m"]
    assert fetch(keyed.address, "GET", "/v1/models/secret-model", key=one).status == 404


def test_revoked_within_a_second(keyed):
    def revoked_after():
        key = create_key(keyed.state, "short-lived")
        wait_for(lambda: chat(keyed, key=key).status == 200, "the new key to be known")
        with Conn(keyed.address) as c:
            assert c.request("POST", "/v1/chat/completions", chat_body(), key=key).status == 200
            run_sluice("keys", "revoke", "--state", keyed.state, key.id, check=True)
            told = time.monotonic()

            def refused():
                return c.request("POST", "/v1/chat/completions", chat_body(), key=key).status == 401
            wait_for(refused, "the revoked key to be refused")
            return time.monotonic() - told
    quickest(revoked_after, 1.0 * PATIENCE, "a revoked key")


def test_rotated(keyed):
    old = create_key(keyed.state, "rotating", "--operations", "chat")
    done = run_sluice("keys", "rotate", "--state", keyed.state, old.id, "--json", check=True)
    new = json.loads(done.stdout)["key"]
    wait_for(lambda: chat(keyed, key=new).status == 200, "the rotated key")
    assert new != old.text
    assert fetch(keyed.address, "POST", "/v1/embeddings", {"model": "m", "input": "x"}, key=new).status == 403
    listed = json.loads(run_sluice("keys", "list", "--state", keyed.state, "--json", check=True).stdout)
    text = json.dumps(listed)
    assert new not in text and old.text not in text


def test_keys_are_stored_as_hashes_only(keyed):
    text = keyed.key.text.encode()
    for path in keyed.state.rglob("*"):
        if path.is_file():
            assert text not in path.read_bytes() and text[10:] not in path.read_bytes(), path
    assert (keyed.state / "pepper").stat().st_mode & 0o077 == 0


def test_key_name_is_in_the_record(keyed):
    answer = chat(keyed)
    record = keyed.record(answer.id)
    assert record["key"] == "test" and record["key_id"] == keyed.key.id


def test_hostile_key_texts(keyed):
    """SQL, UTF-8, long ones: refused as any other, and nowhere to be found afterwards."""
    for i, text in enumerate(["' OR 1=1 --canary", "\xff\xfecanary", "%00canary", "a" * 3000 + "canary", "canary\tx"]):
        answer = chat(keyed, key=None, headers=[("x-api-key", text)])
        assert answer.status in (400, 401), (text, answer)
        assert b"canary" not in answer.body
    assert not [line for line in keyed.lines if "canary" in line]
    assert b"canary" not in keyed.access_path.read_bytes()


def test_cli_mistakes_are_explained(tmp_path):
    for wrong in ("01arz3ndektsv4rrffq69g5fav", "no-id", ""):
        done = run_sluice("keys", "revoke", "--state", tmp_path / "state", wrong)
        assert done.returncode in (1, 2) and done.stderr, done
    assert run_sluice("keys", "create", "--nonsense").returncode == 2
    assert run_sluice("keys", "frobnicate").returncode == 2


def test_priorities_name_somebody(keyed):
    """`sluice check` looks whether keys and tenants that limits.priority names are there (any more); the record says the class that counted."""
    before = keyed.config
    priority = {"high": ["key:chat-only", "key:revoked", "key:nobody"], "low": ["tenant:nowhere", "model:secret-model"]}
    keyed.write({**keyed.config, "limits": {"priority": priority}})
    said = run_sluice("check", "-c", keyed.config_path, check=True).stderr
    for name, why in [("high[1]", "there is no key 'revoked'"), ("high[2]", "there is no key 'nobody'"),
                      ("low[0]", "there is no key of a tenant 'nowhere'")]:
        assert f"limits.priority.{name}: has no effect now: {why}" in said, said
    assert "chat-only" not in said and "secret-model" not in said
    keyed.reload(keyed.config)
    for key, model, headers, want in [(keyed.keys["chat-only"], "secret-model", [], "high"), (keyed.key, "secret-model", [], "low"),
                                      (keyed.key, "m", [], None), (keyed.key, "m", [("x-sluice-priority", "low")], "low")]:
        answer = chat(keyed, key=key.text, model=model, headers=headers)
        assert answer.status == 200 and keyed.record(answer.id).get("priority") == want
    keyed.reload(before)
