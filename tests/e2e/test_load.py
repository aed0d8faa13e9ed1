"""Load on providers and on the gateway itself: it moves away before a limit is reached, and keys that are refused rest alone."""

import json

import pytest

from conftest import Makers
from lib.client import fetch
from lib.proc import run_sluice
from lib.upstream import Answer, data_event, error_answer, json_answer, stream_answer

KIND = {"kind": "openai-compatible"}
BODY = {"model": "m", "messages": [{"role": "user", "content": "hello"}]}


def limits(left, limit=100, reset="60m"):
    return [("x-ratelimit-limit-requests", str(limit)), ("x-ratelimit-remaining-requests", str(left)),
            ("x-ratelimit-reset-requests", reset)]


class Bed:
    """Two providers, the first with three keys, and a gateway that asks them in order. A case has models of its own, so that it
    meets nothing of the others' limits."""

    def __init__(self, makers):
        self.one, self.two = makers.upstream(), makers.upstream()
        models = ["m", "lies", "keys"]
        self.g = makers.gateway({
            "resilience": {"breaker": True},
            "providers": {"one": {**KIND, "base_url": self.one.url, "keys": ["sk-first", "sk-second", "sk-third"]},
                          "solo": {**KIND, "base_url": self.one.url, "keys": ["sk-only"]},
                          "two": {**KIND, "base_url": self.two.url, "keys": ["sk-two"]}},
            "models": {"keys": {"targets": ["one/keys", "two/b"]},
                       **{name: {"targets": [f"solo/{name}", "two/b"]} for name in models[:2]}}})

    def chat(self, model, status=200):
        answer = fetch(self.g.address, "POST", "/v1/chat/completions", json.dumps({**BODY, "model": model}).encode(), key=self.g.key)
        assert answer.status == status, answer.body
        return answer


@pytest.fixture(scope="module")
def bed():
    makers = Makers()
    yield Bed(makers)
    makers.end()


def test_load_moves_before_the_limit(bed):
    """The target that has nothing left is behind the other one, with the reason in a record that replays; explain says so, too."""
    bed.one.answer = json_answer(headers=limits(0))
    assert bed.chat("m").get("x-sluice-target") == "solo/m"
    asked = len(bed.one.requests)
    moved = [bed.chat("m") for _ in range(3)]
    assert [a.get("x-sluice-target") for a in moved] == ["two/b"] * 3
    assert len(bed.one.requests) == asked
    record = bed.g.record(moved[-1].get("x-sluice-id"))
    why = {p["provider"]: p["why"] for p in record["plan"]}
    assert why["solo"] == "no room under the provider's limits: for when nothing else is left", record["plan"]
    done = run_sluice("explain", "-c", bed.g.config_path, "--id", moved[-1].get("x-sluice-id"), "--json")
    assert json.loads(done.stdout)["same"], done.stdout
    told = fetch(bed.g.admin, "POST", "/api/explain", json.dumps(BODY).encode()).json()
    assert told["plan"][0]["provider"] == "two", told


@pytest.mark.parametrize("left,limit", [("-1", "-1"), ("0", "0"), ("9" * 30, "1"), ("soon", "100"), ("0", "1e9")])
def test_limits_that_lie(bed, left, limit):
    bed.one.answer = json_answer(headers=limits(left, limit))
    for _ in range(2):
        assert bed.chat("lies").get("x-sluice-target") == "solo/lies"


def test_a_bad_key_rests_alone(bed):
    """Refused once, within a request that another key serves; then nobody asks with it, and the operator is told which it is."""
    def answer(seen):
        bad = seen.get("authorization") == "Bearer sk-second"
        return error_answer(401, "invalid_api_key", message="Incorrect API key provided: sk-sec*nd") if bad else json_answer()
    bed.one.answer = answer
    before = len(bed.one.requests)
    answers = [bed.chat("keys") for _ in range(9)]
    assert {a.get("x-sluice-target") for a in answers} == {"one/keys"}
    used = [r.get("authorization") for r in bed.one.requests[before:]]
    assert used.count("Bearer sk-second") == 1 and used.count("Bearer sk-first") >= 3 and used.count("Bearer sk-third") >= 3, used
    assert "same target, with another key" in json.dumps([bed.g.record(a.get("x-sluice-id"))["attempts"] for a in answers])
    event = bed.g.wait_event("provider.key_rests")
    assert event["provider"] == "one" and event["key"] == 2 and event["because"] == "bad_credentials", event
    metrics = fetch(bed.g.admin, "GET", "/metrics").body.decode()
    assert 'sluice_provider_keys_resting{provider="one",keys="3"} 1' in metrics
    assert "sk-second" not in json.dumps(event) + metrics


@pytest.fixture(scope="module")
def routed():
    makers = Makers()
    one, two = makers.upstream(), makers.upstream()
    g = makers.gateway({
        "providers": {"one": {**KIND, "base_url": one.url, "keys": ["k"]}, "two": {**KIND, "base_url": two.url, "keys": ["k"]}},
        "models": {"plain": {"targets": ["one/a", "two/b"]}, "told": {"route": "told"}, "held": {"route": "held"}},
        "resilience": {"hold": {"pieces": 1000, "time": "30s"}},
        "routes": {"told": {"rules": [{"use": ["one/a", "two/b"]}], "rescue": "error", "deadline": {"answer": "300ms", "total": "20s"}},
                   "held": {"rules": [{"use": ["one/a", "two/b"]}], "rescue": "hold"}}})
    yield g, one, two
    makers.end()


def piece(text, finish=None):
    return data_event({"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "x",
                       "choices": [{"index": 0, "delta": {"content": text} if text else {}, "finish_reason": finish}]})


def test_routes_say_how_streams_are_rescued(routed):
    """The same broken stream: by default another target goes on; one route wants the error; one has held it back."""
    g, one, two = routed
    one.answer = stream_answer(piece("Once upon a time"), 0.05, "rst", end=False)
    two.answer = stream_answer(piece(" there was a fox."), piece("", "stop"), b"data: [DONE]\n\n")
    seen = {}
    for model in ("plain", "told", "held"):
        body = json.dumps({**BODY, "model": model, "stream": True}).encode()
        seen[model] = fetch(g.address, "POST", "/v1/chat/completions", body, key=g.key).body
    assert b"Once upon" in seen["plain"] and b"a fox" in seen["plain"] and b'"error"' not in seen["plain"], seen["plain"]
    assert b"Once upon" in seen["told"] and b"a fox" not in seen["told"] and b'"error"' in seen["told"], seen["told"]
    for model, rescue in (("plain", None), ("told", "error"), ("held", "hold")):
        told = run_sluice("explain", "-c", g.config_path, "--request", "-", "--json", input=json.dumps({**BODY, "model": model}))
        assert json.loads(told.stdout).get("rescue") == rescue, told
    assert b"Once upon" not in seen["held"] and b"a fox" in seen["held"] and b'"error"' not in seen["held"], seen["held"]


def test_routes_have_deadlines(routed):
    g, one, two = routed
    one.answer, two.answer = Answer("hang"), json_answer()
    answer = fetch(g.address, "POST", "/v1/chat/completions", json.dumps({**BODY, "model": "told"}).encode(), key=g.key)
    assert answer.status == 200 and answer.get("x-sluice-target") == "two/b"
    assert g.record(answer.get("x-sluice-id"))["attempts"][0]["outcome"] == "first_byte_timeout"


def test_what_a_route_may_not_say(routed, tmp_path):
    g = routed[0]
    for wrong, told in (({"rescue": "pray"}, "pray"), ({"deadline": {"total": "-1s"}}, "total"), ({"deadline": {"connect": "1s"}}, "connect")):
        path = tmp_path / "wrong.yaml"
        path.write_text(json.dumps({**g.config, "routes": {**g.config["routes"], "told": {**g.config["routes"]["told"], **wrong}}}))
        done = run_sluice("check", "-c", str(path))
        assert done.returncode == 1 and told in done.stderr, done


def test_a_body_of_the_largest_size_is_asked_for_again(make):
    """What a client sends is kept until nobody has to be asked any more, however large it may be."""
    one, two = make.upstream(), make.upstream()
    g = make.gateway({
        "listen": {"limits": {"body_bytes": "24MiB"}},
        "providers": {"one": {**KIND, "base_url": one.url, "keys": ["k"]}, "two": {**KIND, "base_url": two.url, "keys": ["k"]}},
        "models": {"m": {"targets": ["one/a", "two/b"]}}})
    one.answer, two.answer = error_answer(503), json_answer()
    text = "word " * (24 * 1024 * 1024 // 5 - 100)
    body = json.dumps({"model": "m", "messages": [{"role": "user", "content": text}]}).encode()
    assert 24 << 20 > len(body) > 23 << 20
    answer = fetch(g.address, "POST", "/v1/chat/completions", body, key=g.key)
    assert answer.status == 200 and answer.get("x-sluice-target") == "two/b", answer.body[:300]
    assert one.last().json()["messages"][0]["content"] == text == two.last().json()["messages"][0]["content"]
