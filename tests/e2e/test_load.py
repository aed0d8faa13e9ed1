"""Load on providers and on the gateway itself: it moves away before a limit is reached, and keys that are refused rest alone."""

import json

import pytest

from conftest import Makers
from lib.client import fetch
from lib.proc import run_sluice
from lib.upstream import error_answer, json_answer

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
