"""The primary is killed, slowed, cut, flapped and brought back under load, while a second target is well: no client sees it. Every answer
is whole, the same story, once; the ledger has what both providers said. SLUICE_LOAD=10000 makes it the long run."""

import concurrent.futures
import json
import os
import random
import threading
import time

import pytest

from conftest import Makers
from lib.client import fetch
from lib.upstream import Answer, data_event, error_answer, json_answer, completion, stream_answer

WORDS = [f"word{i}" for i in range(40)]
STORY = " ".join(WORDS)
REQUESTS = int(os.environ.get("SLUICE_LOAD", "300"))
RATE = 200 if REQUESTS > 1000 else 60


class Storyteller:
    """Tells the story, and goes on with it where an assistant's words stop, as a model does. `mode` is how it feels."""

    def __init__(self, up, seed):
        self.up, self.mode, self.random, self.lock = up, "well", random.Random(seed), threading.Lock()
        self.told = []
        up.answer = self.answer

    def rest_of(self, asked):
        said = [m["content"] for m in asked["messages"] if m["role"] == "assistant"]
        at = len(said[-1].split()) if said else 0
        return WORDS[at:], at > 0

    def answer(self, seen):
        with self.lock:
            mode = self.mode if self.mode != "flap" else self.random.choice(["well", "dead", "503", "cut"])
            where = self.random.randrange(2, 30)
        asked = json.loads(seen.body)
        words, goes_on = self.rest_of(asked)
        if mode == "dead":
            return Answer("rst")
        if mode == "503":
            return error_answer(503, "server_is_overloaded", "service_unavailable_error")
        if mode == "429":
            return error_answer(429, "rate_limit_exceeded", "rate_limit_error", headers=[("retry-after", "1")])
        if mode == "silent":
            return Answer("hang")
        if not asked.get("stream"):
            return json_answer(completion(" ".join(words)))
        frame = {"id": "chatcmpl-up", "object": "chat.completion.chunk", "created": 1764000000, "model": "up"}

        def piece(delta, finish=None):
            return data_event({**frame, "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]})
        steps = [piece({"role": "assistant", "content": ""})]
        for i, word in enumerate(words):
            steps += [piece({"content": (" " if i or goes_on else "") + word}), 0.004]
        if mode in ("cut", "stall") and len(words) > where:
            return stream_answer(*steps[:1 + 2 * where], "rst" if mode == "cut" else "hang", end=False)
        usage = {"prompt_tokens": 11, "completion_tokens": len(words), "total_tokens": 11 + len(words)}
        return stream_answer(*steps, piece({}, "stop"), data_event({**frame, "choices": [], "usage": usage}), b"data: [DONE]\n\n")


@pytest.fixture
def pair():
    makers = Makers()
    one, two = makers.upstream(), makers.upstream()
    kind = {"kind": "openai-compatible", "keys": ["k"]}
    g = makers.gateway({"providers": {"one": {**kind, "base_url": one.url}, "two": {**kind, "base_url": two.url}},
                        "models": {"m": {"targets": ["one/a", "two/b"]}},
                        "resilience": {"breaker": True, "retry": {"attempts": 4},
                                       "deadline": {"first_token": "2s", "between_tokens": "2s", "answer": "3s", "first_byte": "3s"}}})
    yield g, Storyteller(one, 1), Storyteller(two, 2)
    makers.end()


def text_of(answer, stream):
    if not stream:
        return answer.json()["choices"][0]["message"]["content"]
    assert answer.body.endswith(b"data: [DONE]\n\n") and b'"error"' not in answer.body, answer.body[-400:]
    events = [json.loads(e[6:]) for e in answer.body.split(b"\n\n") if e.startswith(b"data: {")]
    return "".join(c["delta"].get("content") or "" for e in events for c in e["choices"])


def test_no_client_sees_it(pair):
    g, first, second = pair
    modes = ["well", "dead", "well", "503", "cut", "429", "flap", "stall", "silent", "well", "flap"]
    began = time.monotonic()
    span = REQUESTS / RATE

    def conduct():
        for i, mode in enumerate(modes):
            first.mode = mode
            if mode in ("dead", "silent"):
                first.up.drop_connections()
            time.sleep(max(0, began + span * (i + 1) / len(modes) - time.monotonic()))

    def ask(i):
        time.sleep(max(0, began + i / RATE - time.monotonic()))
        stream = i % 3 != 0
        body = {"model": "m", "stream": stream, "messages": [{"role": "user", "content": f"story {i}"}]}
        answer = fetch(g.address, "POST", "/v1/chat/completions", json.dumps(body).encode(), key=g.key)
        if answer.status != 200:
            return i, f"status {answer.status}: {answer.body[:200]}", answer
        try:
            text = text_of(answer, stream)
        except AssertionError as error:
            return i, str(error)[:300], answer
        return i, None if text == STORY else f"text {text[:80]!r}...{text[-80:]!r} ({len(text)})", answer
    with concurrent.futures.ThreadPoolExecutor(48) as pool:
        conductor = threading.Thread(target=conduct)
        conductor.start()
        results = list(pool.map(ask, range(REQUESTS)))
        conductor.join()
    bad = [(i, why, g.record(answer.id)["attempts"] if answer.id else None) for i, why, answer in results if why]
    records = g.wait_records(REQUESTS)
    resumed = sum(1 for r in records if any(a.get("why") == "another target goes on" for a in r["attempts"]))
    print(f"\nnever down: {REQUESTS} requests, {len(bad)} seen by clients, {resumed} streams taken up by another target, "
          f"{sum(len(r['attempts']) for r in records) / len(records):.3f} attempts per request")
    assert not bad, bad[:3]
    assert resumed > 0 and sum(len(r["attempts"]) for r in records) > REQUESTS
    for r in records:  # each attempt once, and what the last one reported is what is booked
        assert r["attempts"][-1]["outcome"] == "ok" and r["attempts"][-1]["status"] == 200, r


def test_a_reload_forgets_nothing(pair):
    """What is known of a target goes on behind a reload: it is not asked again."""
    g, first, second = pair
    first.mode = "dead"
    body = json.dumps({"model": "m", "messages": [{"role": "user", "content": "x"}]}).encode()
    for _ in range(8):
        assert fetch(g.address, "POST", "/v1/chat/completions", body, key=g.key).status == 200
        time.sleep(0.1)
    asked = len(first.up.requests)
    g.reload({**g.config, "relay": {"hold_bytes": "128KiB"}})
    answer = fetch(g.address, "POST", "/v1/chat/completions", body, key=g.key)
    assert answer.status == 200 and answer.get("x-sluice-target") == "two/b"
    assert len(first.up.requests) == asked and g.record(answer.id)["plan"][0]["provider"] == "two"
