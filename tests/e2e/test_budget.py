"""Budgets of tenants: what may be spent is never passed, whoever asks at once and however the process ends; rules know how much is used."""

import contextlib
import json
import threading

import anthropic
import openai
import pytest

from conftest import Makers
from lib import ledger
from lib.client import chat, chat_body, fetch
from lib.proc import create_key, run_sluice
from lib.upstream import Answer, completion, delta, error_answer, json_answer, stream_answer
from lib.videos import Videos
from lib.wait import wait_for
from test_realtime import dial, hear, until

# An answer has 3 tokens of output: 0.003 of the dear model, of which 10 tokens are reserved where the request says 10.
PRICES = {"schema": 1, "generated": "2026-11-20", "models": [
    {"id": "dear", "provider": "openai", "price": {"input": 0, "output": 1000}},
    {"id": "dearest", "provider": "openai", "price": {"input": 0, "output": 10000}},
    {"id": "words", "provider": "openai", "price": {"input": 1, "output": 0}},
    {"id": "cheap", "provider": "openai", "price": {"input": 0, "output": 1}},
    {"id": "free", "provider": "openai", "free": True, "price": {"input": 0, "output": 0}}]}
TENANTS = {"acme": {"budget": {"usd": 0.05, "per": "month"}}, "zero": {"budget": {"usd": 0, "per": "week"}},
           "tight": {"budget": {"usd": "0.1"}}, "edge": {"budget": {"usd": 0.03}}, "kept": {"budget": {"usd": 1, "per": "day"}}}
MESSAGES = [{"role": "user", "content": "hello"}]


def config(up, directory, **more):
    (directory / "prices.json").write_text(json.dumps(PRICES))
    return {"providers": {"up": {"kind": "openai", "base_url": up.url, "keys": ["k"], "allow_private": "yes"}},
            "models": {"m": {"route": "by-budget"}, "dear": {"targets": ["up/dear"]}, "free": {"targets": ["up/free"]}, "words": {"targets": ["up/words"]},
                       "pair": {"targets": ["up/dear", "up/dearest"]},
                       "unknown": {"targets": ["up/nobody-knows"]}},
            "routes": {"by-budget": [{"when": {"budget_used": ">= 80%"}, "use": ["up/cheap"]}, {"use": ["up/dear"]}]},
            "ledger": {"prices": str(directory / "prices.json")}, "resilience": {"retry": {"attempts": 2, "backoff": {"base": "10ms", "cap": "10ms"}}}, **more, "tenants": TENANTS}


def budget_gateway(makers, tmp, up, names):
    g = makers.gateway(config(up, tmp))
    g.up = up
    g.keys_of = {name: create_key(g.state, name, "--tenant", name) for name in (*names, "else")}
    wait_for(lambda: chat(g, chat_body("free"), key=g.keys_of["else"]).status == 200 or None, "the new keys")
    return g


@pytest.fixture(scope="module")
def t(tmp_path_factory):
    makers = Makers()
    yield budget_gateway(makers, tmp_path_factory.mktemp("budget"), makers.upstream(), ("acme", "zero", "tight", "edge"))
    makers.end()


def ask(g, tenant, model="dear", **more):
    return chat(g, chat_body(model, max_tokens=10, **more), key=g.keys_of[tenant])


def used(g, tenant):
    return g.metrics().sum("sluice_tenant_budget_used_usd", {"tenant": tenant})


def booked(g, tenant):
    key = g.keys_of[tenant].id
    return sum(r.cost_p for r in ledger.attempts(g.state) if r.key == key)


def answered(tokens):
    return json_answer(completion(usage={"prompt_tokens": 9, "completion_tokens": tokens, "total_tokens": 9 + tokens}))


def test_rules_move_traffic_and_then_it_ends(t):
    assert ask(t, "acme", "m").get("x-sluice-target") == "up/dear"
    assert used(t, "acme") == pytest.approx(0.003)
    t.up.queue(answered(37))
    assert ask(t, "acme", "m").get("x-sluice-target") == "up/dear"  # 6 % were used
    answer = ask(t, "acme", "m")
    assert answer.get("x-sluice-target") == "up/cheap" and t.record(answer.id)["routing"]["budget"] == 800
    replayed = run_sluice("explain", "-c", t.config_path, "--id", answer.id, "--json")
    assert replayed.returncode == 0 and json.loads(replayed.stdout)["same"], replayed.stdout + replayed.stderr
    # The dear one would not fit any more; the cheap one may, to the last part of a dollar.
    refused = ask(t, "acme", "dear", n=2)
    assert refused.status == 402 and refused.error()["code"] == "insufficient_quota", refused
    t.up.queue(answered(9997))
    assert ask(t, "acme", "m").status == 200
    assert used(t, "acme") == pytest.approx(0.05)
    asked = len(t.up.requests)
    assert ask(t, "acme", "m").status == 402 and ask(t, "acme", "unknown").status == 402 and len(t.up.requests) == asked
    assert ask(t, "acme", "free").status == 200 and ask(t, "else", "dear").status == 200
    wait_for(lambda: booked(t, "acme") == 50_000_000_000, "the ledger to say the same to the last unit")


FACES = {
    "chat": ("/v1/chat/completions", {"messages": MESSAGES}, 402),
    "completions": ("/v1/completions", {"prompt": "a"}, 402),
    "embeddings": ("/v1/embeddings", {"input": "a"}, 402),
    "responses": ("/v1/responses", {"input": "hello"}, 429),
    "messages": ("/v1/messages", {"messages": MESSAGES, "max_tokens": 10}, 429),
    "gemini": ("/v1beta/models/{}:{}", {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}, 429),
}


@pytest.mark.parametrize("face", FACES)
def test_each_face_says_it_in_its_own_form(t, face):
    """With nothing to spend, streamed or not; the forms are those after which clients do not ask again."""
    path, body, status = FACES[face]
    asked = len(t.up.requests)
    for model in ("words" if face == "embeddings" else "dear", "unknown"):
        for stream in (False, True):
            at = path.format(model, "streamGenerateContent?alt=sse" if stream else "generateContent")
            sent = body if face == "gemini" else {"model": model, "stream": stream, **body}
            answer = fetch(t.address, "POST", at, json.dumps(sent).encode(), key=t.keys_of["zero"])
            assert answer.status == status and answer.get("x-should-retry") == "false", answer
            assert 0 < int(answer.get("retry-after")) <= 7 * 86400
            error = answer.json()["error"]
            assert "budget" in error["message"]
            if status == 402:
                assert answer.error()["type"] == error["code"] == "insufficient_quota"
            elif face == "responses":
                assert error["type"] == "usage_limit_reached" and (error["resets_at"] - 345600) % (7 * 86400) == 0  # a Monday
            elif face == "messages":
                assert answer.json()["type"] == "error" and error["type"] == "billing_error"
            else:
                assert error["status"] == "RESOURCE_EXHAUSTED" and error["code"] == 429
                assert "PerDay" in error["details"][0]["violations"][0]["quotaId"]
            assert t.record(answer.id)["status"] == status and not t.record(answer.id).get("attempts")
    assert len(t.up.requests) == asked and booked(t, "zero") == 0


def test_many_at_once_never_pass_it(t):
    """Ten reservations fit: of sixty requests at once ten go, whichever worker they come to."""
    gate = threading.Event()
    before = len(t.up.requests)
    whole = json_answer()
    t.up.answer = lambda seen: Answer(gate, *whole.steps)
    answers = []
    threads = [threading.Thread(target=lambda: answers.append(ask(t, "tight"))) for _ in range(60)]
    for thread in threads:
        thread.start()
    wait_for(lambda: len(answers) == 50 or None, "those that do not fit")
    assert {a.status for a in answers} == {402} and len(t.up.requests) - before == 10
    assert used(t, "tight") == pytest.approx(0.1)
    gate.set()
    for thread in threads:
        thread.join()
    t.up.reset()
    assert sorted(a.status for a in answers) == [200] * 10 + [402] * 50
    t_used = wait_for(lambda: used(t, "tight") < 0.0999 and used(t, "tight"), "the settlements")
    assert t_used == pytest.approx(0.03)
    assert wait_for(lambda: booked(t, "tight"), "the ledger") <= 100_000_000_000
    # What was set free may be spent, in streams, too.
    while ask(t, "tight").status == 200:
        assert ask(t, "tight", stream=True).status in (200, 402)
    wait_for(lambda: 90_000_000_000 < booked(t, "tight") <= 100_000_000_000 or None, "all that fits, and no more")


def test_nobody_goes_on_for_more_than_is_left(t):
    """In the place of a target that failed, or of one whose stream broke: an attempt like any other, and never the end of an answer."""
    t.up.reset()
    for answer, status in ((error_answer(500), 402), (stream_answer(delta("Once upon"), delta(" a time"), "rst", end=False), 200)):
        asked = len(t.up.requests)
        t.up.queue(answer)
        got = ask(t, "edge", "pair", stream=True)
        assert got.status == status and len(t.up.requests) == asked + 1, got
        assert b"insufficient_quota" in got.body and b"[DONE]" not in got.body and b'"stop"' not in got.body, got
        assert [a["model"] for a in t.record(got.id)["attempts"]] == ["dear"]
    assert 0 < used(t, "edge") < 0.01 and ask(t, "edge").status == 200
    wait_for(lambda: booked(t, "edge") / 1e12 == pytest.approx(used(t, "edge")) or None, "the ledger")


def test_what_was_used_outlives_the_process(make, tmp_path):
    g = budget_gateway(make, tmp_path, make.upstream(), ("kept",))
    for _ in range(5):
        assert ask(g, "kept").status == 200
    assert used(g, "kept") == pytest.approx(0.015)
    hang = threading.Event()
    g.up.answer = lambda seen: Answer(hang, "rst")
    def held():
        try:
            ask(g, "kept")
        except (AssertionError, OSError):
            pass
    waiting = threading.Thread(target=held)
    waiting.start()
    wait_for(lambda: used(g, "kept") > 0.024 or None, "the reservation")
    g.kill()
    hang.set()
    waiting.join()
    g.up.reset()
    keys = g.keys_of
    g = make.adopt(g.restart())
    g.keys_of = keys
    assert used(g, "kept") == pytest.approx(0.025)  # nobody knows what it cost: what was reserved stands
    assert ask(g, "kept").status == 200
    # A reload keeps it; a budget that a reload makes begins with what the ledger has of its period.
    more = {**TENANTS, "else": {"budget": {"usd": 3}}, "kept": {"budget": {"usd": 2, "per": "day"}}}
    assert ask(g, "else").status == 200
    g.reload({**g.config, "tenants": more})
    assert used(g, "kept") == pytest.approx(0.028)
    assert g.metrics().sum("sluice_tenant_budget_usd", {"tenant": "kept"}) == 2
    g.reload({**g.config, "tenants": {**more, "kept": {"budget": {"usd": 0.03, "per": "month"}}}})
    wait_for(lambda: used(g, "kept") > 0.027 or None, "the month of the ledger")
    assert used(g, "kept") == pytest.approx(0.028) and used(g, "else") == pytest.approx(0.003)
    assert ask(g, "kept").status == 402
    g.reload({**g.config, "tenants": {"zero": {"region": "eu"}}})
    assert ask(g, "kept").status == 200 and "sluice_tenant_budget" not in g.admin_get("/metrics").body.decode()


def dollars(g, tenant):
    """What the board and the ledger say, once they are one."""
    def look():
        said = used(g, tenant)
        return said if abs(said - booked(g, tenant) / 1e12) < 1e-9 else None
    return wait_for(look, "the ledger to say what the board says")


def test_whatever_costs(make, tmp_path):
    """Video jobs until they are settled, also in the next process; batches at a provider and lines of those that run here; sessions."""
    sim, videos = make.sim(), make.adopt(Videos())
    videos.finish_after = 0
    of_sim = {"kind": "openai", "base_url": sim.url + "/v1", "keys": ["sim-key-one"]}
    g = make.gateway({
        "providers": {"up": {"kind": "openai", "base_url": videos.url, "keys": ["k"], "allow_private": "yes"}, "sim": of_sim,
                      "here": {**of_sim, "files": "gateway"}},
        "models": {"clip": "up/sora-2", "voice": "sim/gpt-realtime", "gpt-4o": "here/gpt-4o", "claude": "here/gpt-4o"},
        "videos": {"poll_first": "20ms", "poll_interval": "20ms", "poll_max": "50ms", "polls_per_second": 500},
        "batches": {"retry": "10ms"},
        "tenants": {"film": {"budget": {"usd": 0.9}}, "poor": {"budget": {"usd": 0}}, "rich": {"budget": {"usd": 500}}}})
    g.keys_of = keys = {name: create_key(g.state, name, "--tenant", name) for name in ("film", "poor", "rich")}
    wait_for(lambda: fetch(g.address, "GET", "/v1/models", key=keys["rich"]).status == 200 or None, "the new keys")

    def film(g):
        body = json.dumps({"model": "clip", "prompt": "a cat", "seconds": "4", "size": "1280x720"}).encode()  # 0.4 USD
        return fetch(g.address, "POST", "/v1/videos", body, headers=[("content-type", "application/json")], key=keys["film"])
    first, second = film(g), film(g)
    assert first.status == second.status == 200 and film(g).status == 402 and len(videos.creates) == 2
    assert used(g, "film") == pytest.approx(0.8)
    g.stop()
    g = make.adopt(g.restart())
    g.keys_of = keys
    assert used(g, "film") == pytest.approx(0.8) and film(g).status == 402
    videos.finish(id=next(iter(videos.jobs)), status="failed", error={"code": "moderation_blocked", "message": "no"})
    wait_for(lambda: used(g, "film") < 0.5 or None, "the refund")
    assert film(g).status == 200
    videos.finish()
    assert dollars(g, "film") == pytest.approx(0.8)

    lines = "".join(json.dumps({"custom_id": f"l{i}", "method": "POST", "url": "/v1/chat/completions",
                                "body": {"model": "gpt-4o", "messages": MESSAGES}}) + "\n" for i in range(3)).encode()
    for tenant, where, done in (("poor", "gateway", "failed"), ("rich", "gateway", "completed"), ("rich", "sim", "completed")):
        with contextlib.closing(openai.OpenAI(base_url=g.url + "/v1", api_key=keys[tenant].text, max_retries=0)) as c:
            put = c.files.create(file=("in.jsonl", lines), purpose="batch", extra_headers={"x-sluice-provider": where})
            made = c.batches.create(input_file_id=put.id, endpoint="/v1/chat/completions", completion_window="24h")
            over = wait_for(lambda: (b := c.batches.retrieve(made.id)).status == "completed" and b, "the batch", every=0.05)
            assert getattr(over.request_counts, done) == 3, over
            if tenant == "poor":
                said = [json.loads(x)["response"] for x in c.files.content(over.error_file_id).text.splitlines()]
                assert {(r["status_code"], r["body"]["error"]["code"]) for r in said} == {(402, "insufficient_quota")}
    assert dollars(g, "rich") > 0 and booked(g, "poor") == 0
    with contextlib.closing(openai.OpenAI(base_url=g.url + "/v1", api_key=keys["poor"].text, max_retries=0)) as c:
        put = c.files.create(file=("in.jsonl", lines), purpose="batch", extra_headers={"x-sluice-provider": "sim"})
        with pytest.raises(openai.APIStatusError) as info:
            c.batches.create(input_file_id=put.id, endpoint="/v1/chat/completions", completion_window="24h")
        assert info.value.status_code == 402
    with contextlib.closing(anthropic.Anthropic(base_url=g.url, api_key=keys["poor"].text, max_retries=0)) as c:
        made = c.messages.batches.create(requests=[{"custom_id": "a", "params": {"model": "claude", "max_tokens": 10, "messages": MESSAGES}}])
        wait_for(lambda: c.messages.batches.retrieve(made.id).processing_status == "ended" or None, "the batch", every=0.05)
        assert [r.result.error.error.type for r in c.messages.batches.results(made.id)] == ["billing_error"]  # and not asked again

    before = dollars(g, "rich")
    with dial(g, key=keys["poor"].text) as ws:
        assert hear(ws)["type"] == "session.created"
        ws.send(json.dumps({"type": "response.create", "event_id": "e"}))
        error = hear(ws)["error"]
        assert error["code"] == "insufficient_quota" and error["event_id"] == "e"
    with dial(g, key=keys["rich"].text) as ws:
        hear(ws)
        ws.send(json.dumps({"type": "response.create"}))
        until(ws, "response.done")
    assert dollars(g, "rich") > before and booked(g, "poor") == 0


def test_explained_without_sending(t, tmp_path):
    """Told a value, or with what the running gateway knows."""
    body = tmp_path / "body.json"
    body.write_text(json.dumps({"model": "m", "messages": MESSAGES}))
    for more, target in (((), "dear"), (("--budget-used", "79"), "dear"), (("--budget-used", "80"), "cheap")):
        done = run_sluice("explain", "-c", t.config_path, "--request", body, "--json", *more, check=True)
        assert json.loads(done.stdout)["plan"][0]["model"] == target, done.stdout
    for key, target in (("zero", "cheap"), ("else", "dear")):
        said = fetch(t.admin, "POST", f"/api/explain?key={key}", body.read_bytes())
        assert said.status == 200 and said.json()["plan"][0]["model"] == target, said


def test_tags_of_keys(make):
    """Rules see them, a key's own team stands before what the client says, and the decision replays."""
    up = make.upstream()
    g = make.gateway({
        "providers": {"up": {"kind": "openai-compatible", "base_url": up.url, "keys": ["k"]}}, "models": {"m": {"route": "r"}},
        "routes": {"r": [{"when": {"key_tags.feature": "search"}, "use": ["up/found"]}, {"when": {"team": "web"}, "use": ["up/web"]},
                         {"use": ["up/rest"]}]}})
    search, web, bare = (create_key(g.state, name, *args) for name, args in (
        ("search", ("--tags", "feature=search, feature=chat,team=core")), ("web", ("--tags", "team=web")), ("bare", ())))
    wait_for(lambda: chat(g, chat_body("m"), key=bare).status == 200 or None, "the new keys")
    for key, team, target in ((search, "x", "found"), (web, "x", "web"), (bare, "x", "rest"), (bare, "web", "web")):
        answer = chat(g, chat_body("m", metadata={"team": team}), key=key)
        assert answer.get("x-sluice-target") == f"up/{target}"
        record = g.record(answer.id)
        assert record["routing"].get("key_tags") == {search: [["feature", "search"], ["feature", "chat"], ["team", "core"]],
                                                     web: [["team", "web"]]}.get(key)
        replayed = run_sluice("explain", "-c", g.config_path, "--id", answer.id, "--json")
        assert replayed.returncode == 0 and json.loads(replayed.stdout)["same"], replayed.stdout + replayed.stderr
    assert "key_tags" not in run_sluice("check", "-c", g.config_path).stdout
    rotated = json.loads(run_sluice("keys", "rotate", search.id, "--state", g.state, "--json", check=True).stdout)
    listed = {k["id"]: k["tags"] for k in json.loads(run_sluice("keys", "list", "--state", g.state, "--json").stdout)}
    assert listed[rotated["id"]] == ["feature=search", "feature=chat", "team=core"] and listed[bare.id] is None
    for tags in ("feature", "=x", "a=", ",", "a=" + "x" * 200, ",".join("a=b" for _ in range(40))):
        assert run_sluice("keys", "create", "--state", g.state, "--name", "bad", "--tags", tags).returncode == 1, tags


def test_findings(t, tmp_path):
    path = tmp_path / "c.yaml"
    base = {"providers": {"a": {"kind": "openai", "keys": ["k"]}},
            "routes": {"r": [{"when": {"budget_used": ">= 80%"}, "use": ["a/x"]}, {"use": ["a/y"]}]}, "models": {"m": {"route": "r"}}}
    for tenants, code, words, there in (({"acme": {"region": "eu"}}, None, "'budget_used' is known of no request", True),
                                        ({"acme": {"budget": {"usd": 5000, "per": "month"}}}, 0, "budget_used", False),
                                        ({"acme": {"budget": {"usd": -1}}}, 1, "usd", True),
                                        ({"acme": {"budget": {"usd": 1, "per": "year"}}}, 1, "month", True)):
        path.write_text(json.dumps({**base, "tenants": tenants}))
        done = run_sluice("check", "-c", path)
        assert (words in done.stdout + done.stderr) == there and code in (None, done.returncode), done
