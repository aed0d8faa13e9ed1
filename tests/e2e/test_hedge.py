"""A target that is silent for longer than it ever is: another one is asked beside it, and who has output first serves the client, whatever
formats the three speak. Both attempts are in the record, and the one that lost says so."""

import concurrent.futures
import json
import time

import pytest

from conftest import Makers
from lib.client import fetch
from lib.upstream import Answer, stream_answer
from test_rescue import SCRIPTS, WHOLE

WORDS = ("Once upon", " a time there", " was", " a fox.")
STREAMS = 420


class Teller:
    """Tells all of it at once; one in 33 after half a second; or nothing at all."""

    def __init__(self, up, name):
        self.up, self.name, self.n, self.silent = up, name, 0, False
        up.answer = self.answer

    def answer(self, seen):
        self.n += 1
        if self.silent:
            return Answer("hang")
        slow = [0.5] if self.n % 33 == 0 else []
        return stream_answer(*slow, *SCRIPTS[self.name][0](WORDS, True), end=True)


@pytest.fixture(scope="module")
def g():
    makers = Makers()
    names = {"one": "chat", "two": "messages", "three": "gemini"}
    ups = {n: makers.upstream() for n in names}
    providers = {n: {"kind": SCRIPTS[kind][1], "base_url": up.url.replace("/v1", "/v1beta") if kind == "gemini" else up.url, "keys": ["k"]}
                 for (n, kind), up in zip(names.items(), ups.values())}
    target = {n: f"{n}/{SCRIPTS[kind][2]}" for n, kind in names.items()}
    gateway = makers.gateway({
        "providers": providers, "models": {"a": {"targets": [target["one"], target["two"]]}, "b": {"targets": [target["two"], target["three"]]}},
        "resilience": {"hedge": True, "breaker": True, "deadline": {"first_token": "20s", "thinking": "20s"}}})
    gateway.tellers = {n: Teller(ups[n], kind) for n, kind in names.items()}
    gateway.target = target
    yield gateway
    makers.end()


def ask(g, model):
    body = {"model": model, "stream": True, "messages": [{"role": "user", "content": "a story"}]}
    answer = fetch(g.address, "POST", "/v1/chat/completions", json.dumps(body).encode(), key=g.key)
    assert answer.status == 200 and answer.body.endswith(b"data: [DONE]\n\n"), answer.body[-300:]
    events = [json.loads(line[6:]) for line in answer.body.splitlines() if line.startswith(b"data: {")]
    assert "".join(c["delta"].get("content") or "" for e in events for c in e["choices"]) == WHOLE
    return answer


def train(g, model, n):
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: ask(g, model), range(n)))


@pytest.mark.parametrize("model,first,second", [("a", "one", "two"), ("b", "two", "three")])
def test_the_second_serves(g, model, first, second):
    train(g, model, STREAMS)
    for _ in range(5):  # on a busy machine many are late, and the budget is spent on these
        won = g.metrics().sum("sluice_hedges_won_total")
        g.tellers[first].silent = True
        began = time.monotonic()
        answer = ask(g, model)
        took = time.monotonic() - began
        g.tellers[first].silent = False
        lost, served = g.record(answer.id)["attempts"]
        if lost["outcome"] == "cancelled":
            break
        train(g, model, 100)
    assert took < 10, took  # of 20 s that a deadline would take
    assert answer.get("x-sluice-target") == g.target[second]
    assert (lost["provider"], lost["outcome"], lost["why"]) == (first, "cancelled", "another target was first")
    assert (served["provider"], served["outcome"]) == (second, "ok") and served["start_us"] >= 290_000
    assert served["usage"]["output"] == 5 and lost["usage"]["input"] > 0 and lost["estimated"]
    assert g.metrics().sum("sluice_hedges_won_total") == won + 1
