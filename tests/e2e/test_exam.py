"""The failure exam with the official SDKs as clients: 22 scenarios, four faces, streamed and not. The first target of each model fails as
the scenario says, the second is well: no client sees an error, and each reads the text that it would have read undisturbed. Where it
may not be so, because the vendor's filter refuses or nobody is left, the error is one of the SDK's own. (`sluice drill` is the same
exam on anybody's configuration: test_drill.py.)"""

import concurrent.futures
import json

import anthropic
import openai
import pytest
from google.genai import errors as genai_errors

from conftest import Makers
from lib import ledger, sdk_python
from lib.client import fetch
from lib.proc import PATIENCE
from lib.upstream import Upstream
from lib.wait import wait_for

FACES = ("chat", "responses", "messages", "gemini")
KINDS = {"chat": ("openai-compatible", "/v1"), "responses": ("openai", "/v1"), "messages": ("anthropic", "/v1"), "gemini": ("gemini", "/v1beta")}
WELL = {"chat": ("messages", "claude-haiku-4-5"), "responses": ("chat", "up"), "messages": ("gemini", "gemini-2.5-flash"),
        "gemini": ("responses", "gpt-4o")}  # another dialect than the face's: the second target of each
ERRORS = (openai.APIError, anthropic.APIError, genai_errors.APIError)
ONCE = object()
PERSISTENT = {  # scenario: the fault of streams, and of answers that are not
    "rate-limit": (ONCE, "429"), "rate-limit-stays": ("429", "429"), "error-once": (ONCE, "500"), "overload": ("503", "503"),
    "reset": ("reset-before-head",) * 2, "silence": ("hang",) * 2, "slow-first-token": ("slow-60000",) * 2,
    "stream-cut": ("reset-8", "reset-mid-body-40"), "stream-stalls": ("stall-8", "hang-mid-body-40"),
    "malformed": ("garbage-chunk-8", "garbage-body"), "missing-end": ("missing-end", "length-long-10"), "context-overflow": ("context",) * 2,
    "content-filter": ("content-policy",) * 2, "prefill-refused": ("reset-8", "reset-mid-body-40"), "flapping": ("flap-2",) * 2,
    "accounting": ("500",) * 2, "no-credit": ("credit",) * 2, "revoked-key": ("401",) * 2, "region-outage": ("503",) * 2,
    "all-down": ("503",) * 2, "expired-certificate": None, "name-lookup": None}
REQUESTS = {"rate-limit-stays": 3, "overload": 3, "flapping": 6, "accounting": 3}
FORMS = (False, True)


def name_of(scenario, face, stream):
    return f"{scenario}-{face}-{'s' if stream else 'w'}"


class World:
    """Every scenario, face and form has a provider of its own in the first place: what is known of one's health tells nothing of others."""

    def __init__(self, certs):
        self.makers = Makers()
        self.first, self.second = self.makers.sim("--seed", "7"), self.makers.sim("--seed", "7")
        expired = certs.leaf("exam-expired", end="200201000000Z")
        self.tls = Upstream(tls=certs.server_context(expired))
        self.makers.made.append(self.tls)
        providers = {f"well-{n}": {"kind": kind, "base_url": self.second.url + path, "keys": ["k"]} for n, (kind, path) in KINDS.items()}
        models, rules = {f"undisturbed-{face}": f"well-{face}/{'claude-haiku-4-5' if face == 'messages' else 'up'}" for face in FACES}, []
        for scenario, faults in PERSISTENT.items():
            for face in FACES:
                for stream in FORMS:
                    name = name_of(scenario, face, stream)
                    kind, path = KINDS[face]
                    base = self.first.url
                    more = {"region": "eu"}
                    model = f"sim-{name}"
                    if scenario == "expired-certificate":
                        base, more = self.tls.url.removesuffix("/v1"), {"tls": {"ca": certs.ca.cert}, "allow_private": "yes"}
                    elif scenario == "name-lookup":
                        base = "http://nobody.invalid"
                    elif faults[0] is ONCE:
                        rules.append({"fault": faults[1], "times": 1, "model": model})
                    else:
                        model = f"sim-fault-{faults[0] if stream else faults[1]}"
                    providers[name] = {"kind": kind, "base_url": base + path, "keys": ["k"], **more}
                    well = WELL[face] if scenario != "prefill-refused" else ("messages", "claude-opus-4-6")
                    targets = [f"{name}/{model}", f"well-{well[0]}/{well[1]}"]
                    if scenario == "region-outage":
                        providers[name + "-2"] = providers[name]
                        targets.insert(1, f"{name}-2/{model}")
                    if scenario == "all-down":
                        targets[1] = f"{name}/sim-fault-529"
                    models[name] = {"targets": targets}
        self.first.rules(*rules)
        wait = f"{1500 * PATIENCE:.0f}ms"
        self.gateway = self.makers.gateway({
            "providers": providers, "models": models,
            "resilience": {"breaker": True, "deadline": {"first_byte": wait, "answer": wait, "first_token": wait, "thinking": wait, "between_tokens": wait,
                                        "between_bytes": wait}}})
        self.faces = {face: sdk_python.FACES[face](self.gateway.url, self.gateway.key.text) for face in FACES}
        self.text = {self.ask(face, f"undisturbed-{face}", stream)["text"] for face in FACES for stream in FORMS}
        assert len(self.text) == 1, self.text
        self.text = self.text.pop()

    def ask(self, face, model, stream):
        return self.faces[face].ask({"model": model, "text": "tell me", "stream": stream})

    def end(self):
        for face in self.faces.values():
            face.close()
        self.makers.end()


@pytest.fixture(scope="module")
def world(certs):
    w = World(certs)
    yield w
    w.end()


def sit(w, scenario, face, stream):
    """What the SDK gave, or raised, for each request."""
    name, out = name_of(scenario, face, stream), []
    for _ in range(REQUESTS.get(scenario, 1)):
        try:
            out.append(w.ask(face, name, stream))
        except ERRORS as error:
            out.append(error)
    return face, stream, out


@pytest.mark.parametrize("scenario", PERSISTENT)
def test_scenario(world, scenario):
    with concurrent.futures.ThreadPoolExecutor(8 if scenario != "flapping" else 1) as pool:  # every second request of all is a 503
        sat = [pool.submit(sit, world, scenario, face, stream) for face in FACES for stream in FORMS]
        results = [s.result() for s in sat]
    for face, stream, answers in results:
        where = (scenario, face, "streamed" if stream else "whole")
        for answer in answers:
            if scenario == "all-down":
                assert isinstance(answer, ERRORS), (where, answer)
                status = getattr(answer, "status_code", None) or getattr(answer, "code", None)
                assert status in (429, 502, 503, 529), (where, repr(answer))
            elif scenario == "content-filter":
                refused = isinstance(answer, ERRORS) or (answer["text"] == "" and answer["finish"] in ("content_filter", "refusal"))
                assert refused, (where, answer)
            else:
                assert not isinstance(answer, Exception) and "text" in answer, (where, repr(answer))
                assert answer["text"] == world.text and answer["finish"] == "stop", (where, answer)
    for face in FACES:
        for stream in FORMS:
            met = world.gateway.wait_records(REQUESTS.get(scenario, 1), lambda r: r["model"] == name_of(scenario, face, stream))
            whole_anyway = scenario == "missing-end" and stream  # its finish was told: nothing was lost
            failed = [a for r in met for a in r["attempts"] if a["outcome"] != "ok"]
            assert failed or whole_anyway or scenario == "content-filter", (scenario, face, stream, met[0]["attempts"])


def test_accounts(world):
    """All of it together: what the providers that were well told of their answers is in the ledger, class by class, and nothing besides;
    and what the access records say of all attempts is what the ledger has."""
    def whole():
        counts = [sim.count() for sim in (world.first, world.second)]
        return all(c["live"] == 0 and c["next"] is None for c in counts) and counts
    told = {name: 0 for name in ("input", "cache_read", "cache_write", "output", "reasoning")}
    for count in wait_for(whole, "simulators without live requests"):
        for served in count["served"]:
            if served["complete"] and served["usage_sent"] and not served["model"].startswith("sim-fault-"):
                for name in told:
                    told[name] += served[name]
    def booked(which=lambda attempt: True):
        tries = [a for r in world.gateway.records() for a in r["attempts"] if which(a)]
        return {name: sum(a.get("usage", {}).get(name, 0) for a in tries) for name in told}

    def is_told(attempt):
        return attempt["outcome"] == "ok" and attempt.get("reported") and not attempt["model"].startswith("sim-fault-")
    # records and rows are written a moment behind the answers
    wait_for(lambda: booked(is_told) == told, f"the records to say {told}", every=0.2)
    assert told["output"] > 0

    def rows():
        tokens = ledger.usage(world.gateway.state, "--by", "all")["total"]["tokens"]
        return {name: tokens[name] for name in told}
    wait_for(lambda: rows() == booked(), "the ledger to say what the records say", every=0.2)


def test_error_by_policy(world):
    """Nobody is left: typed, in time, with a time to come again, and the SDK is told not to try at once."""
    body = {"model": name_of("all-down", "chat", False), "messages": [{"role": "user", "content": "x"}]}
    answer = fetch(world.gateway.address, "POST", "/v1/chat/completions", json.dumps(body).encode(), key=world.gateway.key)
    assert answer.status in (503, 529) and answer.json()["error"]["type"], answer
