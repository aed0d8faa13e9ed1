"""Probes of the gateway's own: only when asked for, by one prober however many workers there are, never counted as a client's, and what they
learn is what requests are planned with."""

import json
import time

from lib import ledger
from lib.client import fetch
from lib.upstream import completion, error_answer, json_answer
from lib.wait import wait_for


class Target:
    """Well or not; counts who asks for what."""

    def __init__(self, up):
        self.up, self.well, self.lists, self.chats = up, True, 0, 0
        up.answer = self.answer

    def answer(self, seen):
        is_list = seen.method == "GET"
        self.lists += is_list
        self.chats += not is_list
        if not self.well:
            return error_answer(503, "server_is_overloaded", "service_unavailable_error")
        return json_answer({"object": "list", "data": []} if is_list else completion("hello"))


def pair(make, **resilience):
    one, two = Target(make.upstream()), Target(make.upstream())
    kind = {"kind": "openai-compatible", "keys": ["k"]}
    g = make.gateway({"providers": {"one": {**kind, "base_url": one.up.url}, "two": {**kind, "base_url": two.up.url}},
                      "models": {"m": {"targets": ["one/a", "two/b"]}}, "listen": {"workers": 3},
                      "resilience": {"breaker": True, **resilience}})
    return g, one, two


def ask(g):
    body = {"model": "m", "messages": [{"role": "user", "content": "x"}]}
    answer = fetch(g.address, "POST", "/v1/chat/completions", json.dumps(body).encode(), key=g.key)
    assert answer.status == 200, answer.body
    return answer.get("x-sluice-target")


def test_a_target_that_comes_back(make):
    g, one, two = pair(make, probe={"ask": "models", "interval": "1s", "jitter": 0})
    wait_for(lambda: one.lists >= 2 or None, "probes of an idle provider")
    one.well = False
    wait_for(lambda: g.metrics().sum("sluice_probes_failed_total") >= 5 or None, "probes that fail")
    asked = one.chats
    wait_for(lambda: ask(g) == "two/b" or None, "the first target is passed over")
    served = one.chats
    for _ in range(5):
        assert ask(g) == "two/b"
    assert one.chats == served and served - asked <= 3
    one.well = True
    lists, began = one.lists, time.monotonic()
    wait_for(lambda: one.lists >= lists + 4 or None, "probes behind the recovery")
    wait_for(lambda: ask(g) == "one/a" or None, "the first target serves again")
    assert g.metrics().sum("sluice_probes_failed_total") >= 5
    # one prober, three workers: with an interval of a second, one list a second and not three
    assert one.lists - lists <= 2 * (time.monotonic() - began) + 3
    records = g.wait_records(1)
    assert all(a["outcome"] in ("ok", "overloaded") for r in records for a in r["attempts"])
    assert all(r["key"] == "test" for r in records)
    lists = one.lists
    g.reload({**g.config, "resilience": {"breaker": True}})
    lists = one.lists
    for _ in range(3):
        ask(g)
    time.sleep(1.5)  # nothing is to happen: there is no event to wait for
    assert one.lists == lists


def test_completions_are_booked(make):
    sim = make.sim()
    g = make.gateway({"providers": {"s": {"kind": "openai", "base_url": sim.url + "/v1", "keys": ["k"]}},
                      "models": {"m": {"targets": ["s/gpt-4o-mini"]}},
                      "resilience": {"breaker": True, "probe": {"ask": "completion", "interval": "1s"}}})
    g.wait_metric("sluice_probes_total", lambda n: n >= 2)
    g.wait_metric("sluice_journal_pending_bytes", 0)
    assert g.metrics().sum("sluice_requests_total") == 0 and g.records() == []
    g.stop()
    rows = ledger.attempts(g.state)
    assert len(rows) >= 2 and {(r.model, r.target, r.key, r.outcome) for r in rows[:2]} == {("sluice:probe", "gpt-4o-mini", None, "ok")}
    assert all(r.state == ledger.CLOSED for r in rows)
    told = [(s["input"], s["output"]) for s in sim.count()["served"] if s["complete"] and s["usage_sent"]]
    booked = [(r.tokens["input"], r.tokens["output"]) for r in rows if r.outcome == "ok"]
    assert booked and told[:len(booked)] == booked and booked[0][1] > 0
    assert "sluice:probe" in json.dumps(ledger.usage(g.state, "--by", "model"))
