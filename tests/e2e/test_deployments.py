"""Names that a provider's owner has given (deployments, endpoints, profiles): asked by them, and judged, priced and counted as the
model behind them."""

import json

import pytest

from lib import ledger
from lib.client import fetch
from lib.upstream import completion, json_answer
from lib.wait import wait_for

HI = [{"role": "user", "content": "hi"}]
ARN = "arn:aws:bedrock:eu-central-1:123456789012:application-inference-profile/abc"


def post(g, path, body):
    return fetch(g.address, "POST", path, json.dumps(body).encode(), [("Content-Type", "application/json")], g.key)


def cost_of(g, id):
    row = wait_for(lambda: [r for r in ledger.attempts(g.state) if r.exchange == id and r.state == ledger.CLOSED], "the row of the call")[-1]
    return row.target, row.cost_p


@pytest.fixture
def azure(make):
    up = make.upstream()
    up.answer = json_answer(completion())
    return up, make.gateway({
        "providers": {"az": {"kind": "azure", "base_url": up.url[:-3] + "/openai", "api_version": "2024-10-21", "keys": ["k"],
                             "deployments": {"our-gpt": "gpt-5-mini"}},
                      "openai": {"kind": "openai", "base_url": up.url, "keys": ["k"]}},
        "models": {"named": "az/our-gpt", "nameless": "az/their-gpt", "own": "openai/gpt-5-mini",
                   "either": {"targets": ["az/their-gpt", "az/our-gpt"], "order": "cheapest"}},
        "resilience": {"retry": {"attempts": 1}}})


def test_azure(azure):
    up, g = azure
    asked = {"max_tokens": 4000, "messages": HI, "thinking": {"type": "enabled", "budget_tokens": 2048}}
    answer = post(g, "/v1/messages", {"model": "named", **asked})
    sent = up.last()
    assert answer.status == 200 and answer.get("x-sluice-dropped") is None, answer
    assert sent.target == "/openai/deployments/our-gpt/chat/completions?api-version=2024-10-21"
    assert sent.json()["model"] == "our-gpt" and sent.json()["reasoning_effort"] and "max_completion_tokens" in sent.json(), sent.json()
    nameless = post(g, "/v1/messages", {"model": "nameless", **asked})
    assert "thinking" in nameless.get("x-sluice-dropped") and cost_of(g, nameless.id) == ("their-gpt", 0)
    own = post(g, "/v1/chat/completions", {"model": "own", "messages": HI})
    named = post(g, "/v1/chat/completions", {"model": "named", "messages": HI})
    assert up.last().json() == {"model": "our-gpt", "messages": HI}
    assert cost_of(g, named.id) == ("our-gpt", cost_of(g, own.id)[1]) and cost_of(g, own.id)[1] > 0


def test_what_is_told(azure):
    """The list of models has its price and sizes; the cheapest is the one that has a price."""
    up, g = azure
    rows = {r["id"]: r for r in fetch(g.address, "GET", "/v1/models", key=g.key).json()["data"]}
    for name in ("context_length", "pricing", "supported_parameters"):
        assert rows["named"][name] == rows["own"][name] and rows["named"][name] != rows["nameless"].get(name), (name, rows)
    answer = post(g, "/v1/chat/completions", {"model": "either", "messages": HI})
    assert answer.status == 200 and up.last().json()["model"] == "our-gpt", up.last().json()


def test_a_profile_of_bedrock(make):
    """Claude behind an ARN is asked in its own format, and thinks."""
    up = make.upstream()
    up.answer = json_answer({"id": "msg_1", "type": "message", "role": "assistant", "model": "claude", "stop_reason": "end_turn",
                             "content": [{"type": "text", "text": "Hello"}], "usage": {"input_tokens": 9, "output_tokens": 2}})
    g = make.gateway({"providers": {"aws": {"kind": "bedrock", "base_url": up.url[:-3], "region": "eu-central-1", "keys": ["k"],
                                            "deployments": {ARN: "eu.anthropic.claude-sonnet-4-5-20250929-v1:0"}}},
                      "models": {"m": "aws/" + ARN}})
    answer = post(g, "/v1/chat/completions", {"model": "m", "messages": HI, "reasoning_effort": "high", "max_completion_tokens": 9000})
    assert answer.status == 200 and answer.json()["choices"][0]["message"]["content"] == "Hello", answer
    assert up.last().target.endswith("application-inference-profile%2Fabc/invoke") and up.last().json()["thinking"]["type"] == "enabled"
    target, cost = cost_of(g, answer.id)
    assert target == ARN and cost > 0


def test_an_endpoint_of_ark(make):
    """What Seedance 2.0 may not be asked is refused before anything is spent, and what it costs is known."""
    sim = make.sim()
    g = make.gateway({"providers": {"ark": {"kind": "ark", "base_url": sim.url + "/api/v3", "keys": ["k"],
                                            "deployments": {"ep-20260101-abc": "doubao-seedance-2-0-260128"}}},
                      "models": {"clip": "ark/ep-20260101-abc", "own": "ark/doubao-seedance-2-0-260128"},
                      "videos": {"poll_first": "20ms", "poll_interval": "20ms", "poll_max": "50ms", "polls_per_second": 500}})
    costs = {}
    for model in ("clip", "own"):
        refused = post(g, "/v1/videos", {"model": model, "prompt": "x", "seconds": "99"})
        assert refused.status == 400 and b"15" in refused.body, refused
        made = post(g, "/v1/videos", {"model": model, "prompt": "[[video takes=50]] a film", "seconds": "5", "size": "1280x720"})
        assert made.status == 200, made
        wait_for(lambda: fetch(g.address, "GET", "/v1/videos/" + made.json()["id"], key=g.key).json()["status"] == "completed", "the film", every=0.05)
        costs[model] = wait_for(lambda: [r for r in ledger.attempts(g.state) if r.model == model and r.state == ledger.CLOSED and r.cost_p],
                                "its price", every=0.05)[0]
    assert costs["clip"].target == "ep-20260101-abc" and costs["clip"].cost_p == costs["own"].cost_p > 0
