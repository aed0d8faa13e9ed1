"""Responses over a WebSocket: with OpenAI's SDK, with Codex, and with those that break the rules. What it costs is what the simulator says
that it would bill."""

import asyncio
import json
import threading

import openai
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect
from websockets.sync.server import serve

from lib import ledger
from lib.client import fetch
from lib.proc import create_key, merge, run_sluice
from lib.sessions import BINARY, BREAKERS, PROVIDER_KEY, billed, ending, hear, open_socket, same, serving, settled
from lib.wait import LONG, wait_for


def config(sim, **more):
    return merge({"providers": {"up": {"kind": "openai", "base_url": sim.url + "/v1", "keys": [PROVIDER_KEY]},
                                "other": {"kind": "openai", "base_url": sim.url + "/v1", "keys": [PROVIDER_KEY]},
                                "claude": {"kind": "anthropic", "base_url": sim.url + "/v1", "keys": [PROVIDER_KEY]}},
                  "models": {"work": {"targets": ["up/gpt-4o"]}, "small": {"targets": ["up/gpt-4o-mini"]},
                             "elsewhere": {"targets": ["other/gpt-4o"]}, "foreign": {"targets": ["claude/claude-opus-5-5"]}}}, more)


served, g = serving(config)


def dial(g, key=None, headers=()):
    return open_socket(g, "/v1/responses", {"authorization": f"Bearer {key or g.key.text}", **dict(headers)})


def ask(ws, text, model="work", **more):
    ws.send(json.dumps({"type": "response.create", "model": model, "input": text, **more}))
    return answer(ws)


def answer(ws):
    """The events of one response."""
    heard = []
    while not heard or heard[-1]["type"] not in ("response.completed", "response.failed", "response.incomplete", "error"):
        heard.append(hear(ws))
    return heard


def words(heard):
    return "".join(e["delta"] for e in heard if e["type"] == "response.output_text.delta")


NAMES = ("input", "cache_read", "output", "reasoning")


def test_official_sdk(g):
    before = len(g.sim.count()["served"])

    async def talk():
        client = openai.AsyncOpenAI(api_key=g.key.text, base_url=g.url + "/v1")
        answers, previous = [], None
        async with client.responses.connect() as c:
            for text in ("ECHO: hello there", "and then?"):
                await c.response.create(model="work", input=text, store=False, **({"previous_response_id": previous} if previous else {}))
                said = ""
                async for event in c:
                    if event.type == "response.output_text.delta":
                        said += event.delta
                    elif event.type == "response.completed":
                        break
                    assert event.type != "error", event
                previous = event.response.id
                answers.append((said, event.response.usage))
        return answers

    (first, usage), (second, later) = asyncio.run(asyncio.wait_for(talk(), LONG))
    assert first == "[simulated] hello there" and second.startswith("[simulated]") and later.input_tokens > usage.input_tokens
    r = g.record(where=lambda r: r["operation"] == "responses_websocket" and r["session"]["responses"] == 2)
    rows = settled(g, r["id"], 2)
    same(rows, billed(g, before), NAMES)
    assert all(a.outcome == "ok" and a.model == "work" and a.target == "gpt-4o" and a.cost_p > 0 for a in rows)
    assert r["status"] == 101 and r["ended"]["by"] == "client" and r["session"]["closed"] == 1000
    assert r["usage"]["output"] == sum(a.tokens["output"] for a in rows) and float(r["cost_usd"]) > 0


def test_models_of_a_connection(g):
    """Each message says which model it asks: by the gateway's names, at the provider that the first message led to. What lies elsewhere
    needs another connection, and clients know the code that says so."""
    with dial(g) as ws:
        assert words(ask(ws, "ECHO: one")).endswith("one")
        last = ask(ws, "ECHO: two", model="small")[-1]
        assert last["response"]["model"].startswith("gpt-4o-mini")
        assert words(ask(ws, "ECHO: three", previous_response_id=last["response"]["id"])).endswith("three")
        refused = ask(ws, "ECHO: four", model="elsewhere", stream_id="lane")[-1]
        assert refused["error"]["code"] == "websocket_connection_limit_reached" and refused["status"] == 400 and refused["stream_id"] == "lane"
        assert ending(ws) == ([], 1001)
        id = ws.response.headers["x-sluice-id"]
    rows = settled(g, id, 3)
    assert sorted((r.model, r.target, r.outcome) for r in rows) == [("small", "gpt-4o-mini", "ok"), ("work", "gpt-4o", "ok"), ("work", "gpt-4o", "ok")]
    cheap, = [r for r in rows if r.model == "small"]
    assert 0 < cheap.cost_p < min(r.cost_p for r in rows if r.model == "work")
    with dial(g) as ws:
        assert words(ask(ws, "ECHO: four", model="elsewhere")).endswith("four")


def test_where_there_is_no_websocket(g):
    """426 with the handshake, where it says which model will be asked or where no model of the key has one; else by an event."""
    def shake(query="", key=g.key, headers=()):
        head = {"connection": "Upgrade", "upgrade": "websocket", "sec-websocket-version": "13", "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==", **dict(headers)}
        return fetch(g.address, "GET", "/v1/responses" + query, headers=list(head.items()), key=key)
    for answer in (shake("?model=foreign"), shake(headers={"x-codex-turn-metadata": '{"turn":1,"model":"foreign"}'}.items()), shake("?model=no-such-model")):
        assert answer.status == 426 and answer.get("x-should-retry") == "false" and answer.json()["error"]["code"] == "upgrade_not_served"
    only = create_key(g.state, "foreign only", "--models", "foreign")
    wait_for(lambda: fetch(g.address, "GET", "/v1/models", key=only).status == 200, "the key is known")
    assert shake(key=only).status == 426 and shake(key=None).status == 401
    assert fetch(g.address, "GET", "/v1/responses", key=g.key).status == 405
    with pytest.raises(InvalidStatus) as raised, openai.OpenAI(api_key=g.key.text, base_url=g.url + "/v1").responses.connect(
            extra_query={"model": "foreign"}):
        pass
    assert raised.value.response.status_code == 426
    for model, status, code in (("foreign", 426, "upgrade_not_served"), ("no-such-model", 404, "model_not_found"), ("small", 400, "invalid_type")):
        with dial(g, headers={"x-codex-turn-metadata": "no JSON"}.items()) as ws:
            ws.send(json.dumps({"type": "response.create", "model": model if status != 400 else 7, "input": "hi"}))
            heard, closed = ending(ws)
            assert [(e["type"], e["status"], e["error"]["code"]) for e in heard] == [("error", status, code)] and closed == 1008
            id = ws.response.headers["x-sluice-id"]
        record = g.record(id)
        assert record["status"] == 101 and record["session"]["responses"] == 0 and record["session"]["closed"] == 1008
    assert not [r for r in ledger.attempts(g.state) if r.exchange == id]


def test_errors_of_the_provider(g):
    """What is wrong with a message is the client's to know, and the connection stays; what is wrong with a provider is tried elsewhere."""
    with dial(g) as ws:
        ws.send('{"type":"response.steer"}')
        assert answer(ws)[-1]["error"]["message"].startswith("Nothing was asked")
        refused = ask(ws, "hi", previous_response_id="resp_of_nobody")[-1]
        assert refused["error"]["code"] == "previous_response_not_found" and refused["status"] == 400
        assert words(ask(ws, "ECHO: again")).endswith("again")
        assert ask(ws, "hi", temperature=9)[-1]["type"] == "error"
        assert words(ask(ws, "ECHO: still here")).endswith("still here")
        id = ws.response.headers["x-sluice-id"]
    rows = settled(g, id, 4)
    assert sorted(r.outcome for r in rows) == ["client_fault", "client_fault", "ok", "ok"]
    assert all(r.cost_p == 0 for r in rows if r.outcome == "client_fault")


def test_failover_of_the_first_message(make):
    """A provider that has no WebSocket, one that refuses the message, one that answers: the client sees the last of them only."""
    sim, other = make.sim(), make.sim()
    other.rules({"fault": "429", "times": 1000})
    g = make.gateway({"providers": {"full": {"kind": "openai", "base_url": other.url + "/v1", "keys": ["k"]},
                                    "claude": {"kind": "anthropic", "base_url": sim.url + "/v1", "keys": ["k"]},
                                    "good": {"kind": "openai", "base_url": sim.url + "/v1", "keys": ["k"]}},
                      "models": {"work": {"targets": ["full/gpt-4o", "claude/claude-opus-5-5", "good/gpt-4o"]}},
                      "resilience": {"retry": {"attempts": 4, "backoff": {"base": "10ms", "cap": "50ms"}}}})
    with dial(g) as ws:
        assert words(ask(ws, "ECHO: there")).endswith("there")
        id = ws.response.headers["x-sluice-id"]
    record = g.record(id)
    assert [a["provider"] for a in record["attempts"]][-1] == "good" and record["attempts"][0]["outcome"] == "rate_limited"
    rows = settled(g, id, len(record["attempts"]))
    assert [r.outcome for r in rows if r.provider == "good"] == ["ok"] and all(r.cost_p == 0 for r in rows if r.provider == "full")
    sim.rules({"fault": "503", "times": 1000})
    with dial(g) as ws:
        ws.send(json.dumps({"type": "response.create", "model": "work", "input": "hi"}))
        heard, closed = ending(ws)
    assert [e["type"] for e in heard] == ["error"] and heard[0]["status"] in (429, 503) and closed == 1013


@pytest.mark.parametrize("fault,outcome", [("close", "truncated"), ("reset", "reset")])
def test_a_response_that_breaks(make, fault, outcome):
    """Never a clean end."""
    sim = make.sim()
    g = make.gateway(config(sim))
    with dial(g) as ws:
        ask(ws, "hi")
        sim.rules({"fault": fault, "arg": 6, "times": 1})
        ws.send(json.dumps({"type": "response.create", "model": "work", "input": "tell me more"}))
        heard, closed = ending(ws)
        assert heard[-1]["type"] == "error" and closed == 1011, heard[-1]
        id = ws.response.headers["x-sluice-id"]
    rows = settled(g, id, 2)
    assert {r.outcome for r in rows} == {"ok", outcome}


def test_the_client_leaves(make):
    """In the middle of a response: what was seen of it is charged."""
    sim = make.sim("--tps", "20")
    g = make.gateway(config(sim))
    with dial(g) as ws:
        ws.send(json.dumps({"type": "response.create", "model": "work", "input": "a long story"}))
        while json.loads(ws.recv(timeout=LONG))["type"] != "response.output_text.delta":
            pass
        id = ws.response.headers["x-sluice-id"]
    row, = settled(g, id, 1)
    assert row.outcome in ("cancelled", "client_gone") and row.cost_p > 0
    assert g.record(id)["ended"]["by"] == "client"


def test_limits(make):
    sim = make.sim()
    g = make.gateway(config(sim, realtime={"responses_per_minute": 2}))
    with dial(g) as ws:
        assert [ask(ws, "hi")[-1]["type"] for _ in range(2)] == ["response.completed"] * 2
        refused = ask(ws, "hi")[-1]
        assert refused["status"] == 429 and refused["error"]["code"] == "rate_limit_exceeded"
        id = ws.response.headers["x-sluice-id"]
    assert len(settled(g, id, 2)) == 2
    g.reload(config(sim, realtime={"max_cost": "0.000001"}))
    with dial(g) as ws:
        ask(ws, "hi")
        heard, closed = ending(ws)
        assert [e["error"]["code"] for e in heard] == ["session_cost_limit"] and closed == 1008
    g.reload(config(sim, realtime={"session": "1s"}))
    with dial(g) as ws:
        ask(ws, "hi")
        heard, closed = ending(ws)
        assert [e["error"]["code"] for e in heard] == ["websocket_connection_limit_reached"] and closed == 1001
    with dial(g) as ws:  # one that never asks for anything
        assert ending(ws) == ([], 1001)
    g.reload(config(sim, realtime={"ping": "200ms"}))
    key = create_key(g.state, "short")
    wait_for(lambda: fetch(g.address, "GET", "/v1/models", key=key).status == 200, "the key is known")
    with dial(g, key=key.text) as ws:
        ask(ws, "hi")
        run_sluice("keys", "revoke", "--state", g.state, key.id, check=True)
        heard, closed = ending(ws)
        assert heard[-1]["error"]["code"] == "invalid_api_key" and closed == 1008


@pytest.mark.parametrize("payload,code", [BINARY, *(BREAKERS[name] for name in ("unmasked", "oversize", "text"))], ids=["binary", "unmasked", "oversize", "text"])
def test_breakers(g, payload, code):
    with dial(g) as ws:
        ws.socket.sendall(payload)
        assert ending(ws) == ([], code)


def test_invited_to_drain(make):
    sim = make.sim()
    g = make.gateway(config(sim))
    with dial(g) as quiet, dial(g) as asked:
        ask(asked, "hi")
        g.signal(15)
        assert ending(quiet) == ([], 1001) and ending(asked) == ([], 1001)
    assert g.wait_exit() == 0


@pytest.mark.parametrize("path", ["responses", "realtime"])
def test_synced_before_it_is_sent(make, path):
    """`ledger.open: synced`: when a provider is asked for a response, its open record was flushed; a crash then loses none."""
    seen, crash = [], threading.Event()

    def handle(ws):
        if path == "realtime":
            ws.send('{"type":"session.created"}')
        for n, message in enumerate(ws):
            if json.loads(message)["type"] != "response.create":
                continue
            seen.append(g.metrics().sum("sluice_journal_sync_seconds_count", {}))
            if len(seen) == 3:
                g.kill()
                crash.set()
                return
            response = {"id": f"resp_{n}", "status": "completed", "usage": {"input_tokens": 3, "output_tokens": 4, "total_tokens": 7}}
            ws.send(json.dumps({"type": "response.created", "response": {"id": f"resp_{n}", "status": "in_progress"}}))
            ws.send(json.dumps({"type": "response.done" if path == "realtime" else "response.completed", "response": response}))

    with serve(handle, "127.0.0.1", 0, compression=None) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        g = make.gateway({"providers": {"up": {"kind": "openai", "base_url": f"http://127.0.0.1:{server.socket.getsockname()[1]}/v1", "keys": ["k"]}},
                          "models": {"work": {"targets": ["up/m"]}}, "ledger": {"open": "synced"}})
        with connect(f"ws://127.0.0.1:{g.address[1]}/v1/{path}?model=work", open_timeout=LONG, close_timeout=LONG, ping_interval=None, compression=None,
                     proxy=None, additional_headers={"authorization": f"Bearer {g.key.text}"}) as ws:
            for _ in range(3):
                ws.send(json.dumps({"type": "response.create", "model": "work", "input": "hi"}))
                # what comes behind a message that waits for the disk keeps its place
                ws.send(json.dumps({"type": "input_audio_buffer.clear"})) if path == "realtime" else ws.ping()
                try:
                    while json.loads(ws.recv(timeout=LONG))["type"] not in ("response.done", "response.completed"):
                        pass
                except ConnectionClosed:
                    break
        assert crash.wait(LONG)
        server.shutdown()
    assert len(seen) == 3 and 0 < seen[0] < seen[1] < seen[2], seen
    g = make.adopt(g.restart())
    rows = wait_for(lambda: (lambda rows: len(rows) == 3 and all(r.state != ledger.OPEN for r in rows) and rows)(ledger.attempts(g.state)), "its ledger")
    assert sorted(r.state for r in rows) == [ledger.CLOSED, ledger.CLOSED, ledger.INTERRUPTED]
