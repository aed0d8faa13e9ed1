"""Routes and rules in a running gateway: who gets a request, why, and that the record can say it again."""

import json

import pytest

from conftest import Makers
from lib.client import Conn, chat, chat_body, fetch
from lib.proc import create_key, run_sluice
from lib.upstream import error_answer
from lib.wait import wait_for

KIND = {"kind": "openai-compatible", "keys": ["${RELAY_PROVIDER_KEY}"]}

ROUTES = {
    "by-intent": [
        {"when": {"input_tokens": "> 5000"}, "use": ["c/claude-sonnet", "g/gemini-pro"]},
        {"when": {"task": ["summarization", "extraction"]}, "use": ["g/flash-lite", "o/mini"]},
        {"when": {"tags.latency": "critical"}, "use": ["o/mini", "g/flash"], "order": "fastest"},
        {"when": {"tags.budget": "low"}, "use": ["g/flash-lite"]},
        {"when": {"headers.x-team": "red"}, "use": ["c/red"]},
        {"use": ["o/gpt-4o", "c/claude-opus"]},
    ],
    "open": {"on_request": True, "rules": [{"use": ["c/open"]}]},
    "closed": [{"use": ["c/closed"]}],
}
MODELS = {
    "assistant": {"route": "by-intent"},
    "plain": {"targets": ["o/a", "g/b"]},
    "trial": {"targets": [{"to": "o/old", "percent": 90}, {"to": "o/new", "percent": 10}], "sticky": "user"},
    "talk": {"targets": ["o/one", "o/two", "o/three"], "order": "cache-affine"},
    "cheap": {"targets": ["dear/gpt-4o", "dear/gpt-4o-mini"], "order": "cheapest"},
}


@pytest.fixture(scope="module")
def routed():
    makers = Makers()
    up = makers.upstream()
    provider = {**KIND, "base_url": up.url}
    g = makers.gateway({
        "providers": {"o": provider, "g": provider, "c": provider, "dear": {**provider, "kind": "openai"}},
        "models": MODELS, "routes": ROUTES,
        "resilience": {"retry": {"attempts": 3, "backoff": {"base": "10ms", "cap": "50ms"}}},
    })
    g.up = up
    yield g
    makers.end()


@pytest.fixture
def r(routed):
    routed.up.reset()
    return routed


def target(answer):
    assert answer.status == 200, answer
    return answer.get("x-sluice-target")


LONG_TEXT = [{"role": "user", "content": "word " * 8000}]

WISHES = [
    ({}, (), "o/gpt-4o"),
    ({"task": "extraction"}, (), "g/flash-lite"),
    ({"task": "poetry of our own"}, (), "o/gpt-4o"),
    ({}, [("x-sluice-task", "summarization")], "g/flash-lite"),
    ({"metadata": {"latency": "critical"}}, (), "o/mini"),
    ({"metadata": {"budget": "low"}}, (), "g/flash-lite"),
    ({}, [("x-sluice-tags", "a=b, budget=low")], "g/flash-lite"),
    ({}, [("x-team", "red")], "c/red"),
    ({}, [("x-team", "blue")], "o/gpt-4o"),
    ({"messages": LONG_TEXT}, (), "c/claude-sonnet"),
    ({"messages": LONG_TEXT, "task": "extraction"}, (), "c/claude-sonnet"),
    ({"route": "by-intent", "task": "extraction"}, (), "g/flash-lite"),
    ({"route": "open"}, (), "c/open"),
    ({}, [("x-sluice-route", "open")], "c/open"),
    ({"models": ["plain"]}, (), "o/gpt-4o"),
    ({"model": "cheap"}, (), "dear/gpt-4o-mini"),
]


@pytest.mark.parametrize("body,headers,want", WISHES)
def test_who_gets_it(r, body, headers, want):
    answer = chat(r, chat_body("assistant") | body, headers=headers)
    assert target(answer) == want
    sent = r.up.last().json()
    assert sent["model"] == want.split("/", 1)[1]
    assert not {"task", "route", "models", "fallback"} & set(sent)


def test_a_script(make, tmp_path):
    """The user's own function: asked, replayed, reloaded; a broken one is refused with its place and the running one stays."""
    script = tmp_path / "route.lua"
    script.write_text("function route(r) if r.header('authorization') then return {'c/leak'} end "
                      "if r.tags.who == 'me' then return {'c/mine'} end\n"
                      "if r.task == 'code' then while true do end end end\n")
    up = make.upstream()
    provider = {**KIND, "base_url": up.url}
    g = make.gateway({"providers": {"o": provider, "c": provider}, "models": {"m": {"route": "r"}},
                      "routes": {"r": [{"script": str(script)}, {"use": ["o/rest"]}]}})
    assert target(chat(g, chat_body("m"))) == "o/rest"
    mine = chat(g, chat_body("m", metadata={"who": "me"}))
    assert target(mine) == "c/mine"
    looped = chat(g, chat_body("m", task="code"))
    assert target(looped) == "o/rest"
    record = g.record(looped.get("x-sluice-id"))
    assert "the script ran too long" in [p["why"] for p in record["plan"]]
    g.wait_metric("sluice_route_scripts_failed_total", 2)
    for answer in (mine, looped):
        g.record(answer.get("x-sluice-id"))
        done = run_sluice("explain", "-c", g.config_path, "--id", answer.get("x-sluice-id"), "--json")
        assert json.loads(done.stdout)["same"], done.stdout
    script.write_text("function route(r)\n return {'c/x'\nend\n")
    checked = run_sluice("check", "-c", g.config_path)
    assert checked.returncode == 1 and "route.lua:3: '}' expected" in checked.stderr, checked
    g.reload(expect="config.refused")
    assert target(chat(g, chat_body("m", metadata={"who": "me"}))) == "c/mine"
    script.write_text("function route(r) return {'o/new'} end\n")
    g.reload()
    assert target(chat(g, chat_body("m"))) == "o/new"


def test_refusals(r):
    def code(**body):
        answer = chat(r, chat_body("assistant") | body)
        return answer.status, answer.error()["code"]
    assert code(route="closed") == (400, "route_not_found")  # nobody said that requests may name it
    assert code(route="nothing") == (400, "route_not_found")
    assert code(model="asistant") == (404, "model_not_found")
    assert code(models=["x"] * 1000)[0] == 400
    assert code(route=5)[0] == 400
    assert r.up.requests == []


def test_a_thousand_models(r):
    """In each face's own form, in a body; a header's are as many as a plan has places."""
    many = ["x"] * 1000
    said = [("/v1/chat/completions", {"messages": [{"role": "user", "content": "x"}]}),
            ("/v1/responses", {"input": "x"}), ("/v1/messages", {"max_tokens": 5, "messages": [{"role": "user", "content": "x"}]}),
            ("/v1beta/models/plain:generateContent", {"contents": [{"parts": [{"text": "x"}]}]})]
    for path, body in said:
        model = {} if "beta" in path else {"model": "plain"}
        answer = fetch(r.address, "POST", path, json.dumps({**body, **model, "models": many}).encode(), key=r.key)
        assert answer.status == 400 and "models" in json.dumps(answer.json()["error"]), (path, answer.body)
    assert r.up.requests == []
    answer = chat(r, chat_body("plain"), headers=[("x-sluice-models", ",".join(["cheap", "trial", "talk"] * 333))])
    assert answer.status == 200 and len(r.record(answer.get("x-sluice-id"))["plan"]) <= 64


def test_grants_hold_in_every_fallback(r):
    narrow = create_key(r.state, "narrow", "--models", "plain,route:open").text

    def ask(**body):
        return chat(r, chat_body() | body, key=narrow)
    wait_for(lambda: ask(model="plain").status == 200 or None, "the new key")
    assert ask(model="assistant").status == 404
    assert ask(model="assistant", route="by-intent").error()["code"] == "route_not_found"
    assert target(ask(model="assistant", route="open")) == "c/open"
    r.up.queue(*[error_answer(500)] * 8)
    last = ask(model="plain", models=["assistant", "trial"])
    assert last.status >= 500
    record = r.record(last.get("x-sluice-id"))
    assert {a["provider"] + "/" + a["model"] for a in record["attempts"]} <= {"o/a", "g/b"}
    assert [p["why"] for p in record["plan"] if p.get("excluded")] == ["not granted to this key"] * 2


def test_models_in_a_header(r):
    r.up.queue(*[error_answer(500)] * 2)
    answer = chat(r, chat_body("plain"), headers=[("x-sluice-models", "nobody, , trial," + "x" * 300 + ", cheap")])
    record = r.record(answer.get("x-sluice-id"))
    places = [p["provider"] + "/" + p["model"] for p in record["plan"] if not p.get("excluded")]
    assert places[:2] == ["o/a", "g/b"] and set(places[2:4]) == {"o/old", "o/new"} and len(places) == 6
    assert answer.status == 200 and len(record["attempts"]) == 3
    own = chat(r, chat_body("plain", models=["cheap"]), headers=[("x-sluice-models", "trial")])
    assert len([p for p in r.record(own.get("x-sluice-id"))["plan"]]) == 4  # what the body says goes first


def test_failing_over_stays_in_the_rule(r):
    r.up.queue(error_answer(503))
    answer = chat(r, chat_body("assistant", task="extraction"))
    assert target(answer) == "o/mini"
    record = r.record(answer.get("x-sluice-id"))
    assert [(p["provider"], p["route"], p["rule"]) for p in record["plan"]] == [("g", "by-intent", 2), ("o", "by-intent", 2)]
    r.up.queue(error_answer(503), error_answer(503))
    alone = chat(r, chat_body("assistant", task="extraction", fallback=False))
    assert target(alone) == "g/flash-lite" and alone.get("x-sluice-attempts") == "3"


def test_shares_stick_to_users(r):
    """A tenth of the users get the new model, to a percent and a half of 2,000, and each stays with theirs."""
    hits, n = {}, 2000
    conn = Conn(r.address)
    for i in range(n + 40):
        user = f"user-{i % n}"
        answer = conn.request("POST", "/v1/chat/completions", chat_body("trial", user=user), key=r.key.text)
        got = target(answer)
        assert hits.setdefault(user, got) == got
    share = sum(t == "o/new" for t in hits.values()) / n
    assert abs(share - 0.10) < 0.015 + 0.005, share


def test_conversations_keep_their_place(r):
    for talk in range(6):
        turns, places = [{"role": "system", "content": "Be brief."}], set()
        for turn in range(3):
            turns.append({"role": "user", "content": f"talk {talk}, turn {turn}"})
            places.add(target(chat(r, chat_body("talk", messages=turns))))
            turns.append({"role": "assistant", "content": "Yes."})
        assert len(places) == 1
    record = r.records()[-1]
    assert "talk" not in json.dumps(record.get("routing", {}).get("tags", "")) and "turn 0" not in json.dumps(record)


# -- Explanations ---------------------------------------------------------------------------------------------------


def explain(g, body, *args, code=0):
    done = run_sluice("explain", "-c", g.config_path, "--request", "-", "--json", *args, input=json.dumps(body))
    assert done.returncode == code, done
    return json.loads(done.stdout) if done.stdout else done.stderr


def test_explain_without_sending(r):
    told = explain(r, chat_body("assistant", task="extraction"))
    assert [(p["provider"], p["model"], p["rule"]) for p in told["plan"]] == [("g", "flash-lite", 2), ("o", "mini", 2)]
    told = explain(r, chat_body("assistant"), "--header", "x-sluice-tags: budget=low")
    assert [p["model"] for p in told["plan"]] == ["flash-lite"]
    told = explain(r, chat_body("nothing"), code=1)
    assert not told["ok"] and told["excluded"][0]["why"] == "unknown model"
    assert "must be a JSON object" in explain(r, "no request", code=1)
    table = run_sluice("explain", "-c", r.config_path, "--request", "-", input=json.dumps(chat_body("cheap")))
    assert "  1  dear/gpt-4o-mini  cheapest USD: cost 0." in table.stdout, table.stdout
    messages = {"model": "assistant", "max_tokens": 10, "messages": [{"role": "user", "content": "hi"}]}
    assert explain(r, messages, "--path", "/v1/messages")["ok"]
    assert r.up.requests == []


def post_explain(g, body, query="", headers=()):
    return fetch(g.admin, "POST", "/api/explain" + query, body, headers)


def test_explain_on_the_admin_port(r):
    told = post_explain(r, chat_body("assistant", task="extraction"))
    assert told.status == 200
    assert [p["model"] for p in told.json()["plan"]] == ["flash-lite", "mini"]
    assert post_explain(r, chat_body("assistant"), headers=[("x-sluice-task", "extraction")]).json()["plan"][0]["rule"] == 2
    assert post_explain(r, chat_body("assistant"), "?key=nobody").status == 404
    assert post_explain(r, chat_body("assistant"), "?key=test").status == 200
    assert post_explain(r, b"{", "").status == 400
    assert post_explain(r, chat_body("assistant"), "?path=/nothing").status == 400
    assert post_explain(r, chat_body("assistant"), "?path=%zz").status == 400
    assert fetch(r.admin, "GET", "/api/explain").status == 405


REPLAYED = [chat_body("assistant"), chat_body("assistant", task="extraction"), chat_body("cheap", max_tokens=50),
            chat_body("trial", user="user-7"), chat_body("trial"), chat_body("talk"), chat_body("plain"),
            chat_body("assistant", models=["plain", "cheap"], metadata={"latency": "critical", "x": "y"}),
            chat_body("assistant", fallback=False), chat_body("assistant", route="open")]


@pytest.mark.parametrize("body", REPLAYED)
def test_a_decision_replays(r, body):
    answer = chat(r, body, headers=[("x-team", "red")])
    id = answer.get("x-sluice-id")
    r.record(id)
    done = run_sluice("explain", "-c", r.config_path, "--id", id, "--json")
    told = json.loads(done.stdout)
    assert done.returncode == 0 and told["same"] and told["same_config"] and told["differences"] == [], told


def test_a_decision_of_another_configuration(r, tmp_path):
    answer = chat(r, chat_body("assistant", task="extraction"))
    id = answer.get("x-sluice-id")
    r.record(id)
    config = json.loads(r.config_path.read_text())
    config["routes"]["by-intent"][1]["use"] = ["o/mini", "g/flash-lite"]
    other = tmp_path / "other.yaml"
    other.write_text(json.dumps(config))
    done = run_sluice("explain", "-c", other, "--id", id, "--json")
    told = json.loads(done.stdout)
    assert done.returncode == 1 and not told["same"] and not told["same_config"]
    assert told["differences"][0].startswith("place 1 was g/flash-lite"), told
    assert run_sluice("explain", "-c", r.config_path, "--id", "nothing").returncode == 1
