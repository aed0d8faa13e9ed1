"""Gemini's Live API: Google's own SDKs, and those that break its rules, in front of the simulator. What turns cost is what the simulator
says that it would bill."""

import asyncio
import base64
import json
import pathlib
import shutil
import subprocess
import threading

import pytest
from google import genai
from google.genai import types
from websockets.exceptions import ConnectionClosed
from websockets.sync.server import serve

from lib import ledger
from lib.client import fetch
from lib.proc import create_key, merge, run_sluice
from lib.sessions import BREAKERS, PROVIDER_KEY, billed, close_code, ending, frame, hear, open_socket, raw, same, say, serving, settled
from lib.upstream import error_answer
from lib.wait import LONG, wait_for

NODE = pathlib.Path(__file__).parent / "node"
PATH = "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent"
CLOUD = "/ws/google.cloud.aiplatform.v1beta1.LlmBidiService/BidiGenerateContent"
SOUND = bytes(16000)  # half a second at 16 kHz
NAMES = ("input", "cache_read", "output", "reasoning", "audio_in", "audio_out")


def config(sim, **more):
    up = {"kind": "gemini", "base_url": sim.url + "/v1beta", "keys": [PROVIDER_KEY]}
    return merge({"providers": {"up": up, "other": {"kind": "openai", "base_url": sim.url + "/v1", "keys": [PROVIDER_KEY]},
                                "cloud": {"kind": "vertex", "base_url": sim.url + "/v1", "keys": [PROVIDER_KEY], "region": "europe-west4", "project": "p-1"}},
                  "models": {"live": {"targets": ["up/gemini-3.1-flash-live-preview"]}, "none": {"targets": ["up/no-such-model"]},
                             "foreign": {"targets": ["other/gpt-realtime"]}, "cloud": {"targets": ["cloud/gemini-3.1-flash-live-preview"]}}}, more)


served, g = serving(config)


def dial(g, path=PATH, key=None, **more):
    return open_socket(g, path, {"x-goog-api-key": key or g.key.text} if key != "" else {}, **more)


def begin(ws, model="live", **more):
    say(ws, setup={"model": f"models/{model}", "generationConfig": {"responseModalities": ["TEXT"]}, **more})
    assert hear(ws) == {"setupComplete": {}}
    return ws


def until_complete(ws):
    """The messages of a turn, the last of them its end."""
    heard = []
    while not heard or not heard[-1].get("serverContent", {}).get("turnComplete"):
        heard.append(hear(ws))
    return heard


def ask(ws, text):
    say(ws, clientContent={"turns": [{"role": "user", "parts": [{"text": text}]}], "turnComplete": True})
    return until_complete(ws)


def words(heard):
    return "".join(p.get("text", "") for m in heard for p in m.get("serverContent", {}).get("modelTurn", {}).get("parts", []))


def id_of(ws):
    return ws.response.headers["x-sluice-id"]


# ---- what applications do ----

def talk_by_sdk(url, key, model, context):
    """Text, text as it is typed, a function, sound in and out: what was said, and what it was told to have used."""
    async def talk():
        said = []
        live = genai.Client(api_key=key.text, http_options=types.HttpOptions(base_url=url, async_client_args={"ssl": context})).aio.live
        async with live.connect(model=model, config={"response_modalities": ["TEXT"], "system_instruction": "be kind"}) as s:
            await s.send_client_content(turns={"role": "user", "parts": [{"text": "ECHO: hello there"}]}, turn_complete=True)
            said.append([m async for m in s.receive()])
            await s.send_realtime_input(text="ECHO: as it is typed")
            said.append([m async for m in s.receive()])
            await s.send_client_content(turns={"role": "user", "parts": [{"text": "TOOL: weather"}]}, turn_complete=True)
            async for m in s.receive():
                if m.tool_call:
                    call = m.tool_call.function_calls[0]
                    await s.send_tool_response(function_responses=types.FunctionResponse(id=call.id, name=call.name, response={"output": "rain"}))
            await s.send_realtime_input(audio=types.Blob(data=SOUND, mime_type="audio/pcm;rate=16000"))
            said.append([m async for m in s.receive()])
        async with live.connect(model=model, config={"response_modalities": ["AUDIO"]}) as s:
            await s.send_client_content(turns={"role": "user", "parts": [{"text": "say something"}]}, turn_complete=True)
            said.append([m async for m in s.receive()])
        return said
    return asyncio.run(asyncio.wait_for(talk(), LONG))


def test_official_sdk(make, certs):
    """Which asks for TLS whatever it is given."""
    pair = certs.leaf("live")
    sim = make.sim("--key", PROVIDER_KEY)
    g = make.gateway(config(sim, listen={"tls": {"cert": pair.cert, "key": pair.key}}))
    first, typed, spoken, sound = talk_by_sdk(f"https://localhost:{g.address[1]}", g.key, "live", certs.client_context())
    assert "".join(m.text or "" for m in first) == "hello there" and "".join(m.text or "" for m in typed) == "as it is typed"
    assert first[-1].usage_metadata.response_token_count == 1 and first[-1].usage_metadata.thoughts_token_count == 2
    assert "[simulated]" in "".join(m.text or "" for m in spoken) and sum(len(m.data or b"") for m in sound) == 8 * 2400
    r = g.record(where=lambda r: r["operation"] == "live" and r["session"]["responses"] == 5)
    other = g.record(where=lambda r: r["operation"] == "live" and r["session"]["responses"] == 1)
    rows = settled(g, r["id"], 5) + settled(g, other["id"], 1)
    same(rows, sim.count()["served"], NAMES)
    assert all((a.model, a.target, a.outcome, a.state) == ("live", "gemini-3.1-flash-live-preview", "ok", ledger.CLOSED) and a.cost_p > 0 for a in rows)
    assert r["status"] == 101 and r["ended"] == {"by": "client", "in": "session", "why": "ok"} and r["dialect"] == "gemini"
    assert r["usage"]["output"] == sum(a.tokens["output"] for a in rows[:5]) and float(r["cost_usd"]) > 0


def test_node_sdk(g):
    if not shutil.which("node") or not (NODE / "node_modules/@google").exists():
        pytest.skip("there is no Node with Google's SDK")
    before = len(g.sim.count()["served"])
    done = subprocess.run(["node", "live.mjs"], cwd=NODE, capture_output=True, text=True, timeout=LONG,
                          env={"PATH": "/usr/local/bin:/usr/bin:/bin", "SLUICE_KEY": g.key.text, "SLUICE_URL": g.url})
    assert done.returncode == 0 and not done.stderr, done.stderr
    assert json.loads(done.stdout) == {"first": "from node", "call": "weather", "second": "[simulated]" + " word" * 7, "usage": 1}
    id = g.record(where=lambda r: r["operation"] == "live" and "node" not in r.get("model", "") and r["session"]["responses"] == 3)["id"]
    same(settled(g, id, 3), billed(g, before), NAMES)


def test_vertex(g):
    """Through Vertex AI's form, from a client of either form: the model is named with project and location there."""
    before, ids = len(g.sim.count()["served"]), []
    for path in (PATH, CLOUD):
        with dial(g, path) as ws:
            begin(ws, "cloud")
            assert words(ask(ws, "ECHO: up there")) == "up there"
            ids.append(id_of(ws))
    same([settled(g, id, 1)[0] for id in ids], billed(g, before), NAMES)
    with dial(g, CLOUD) as ws:
        say(ws, setup={"model": "projects/mine/locations/here/publishers/google/models/live", "generation_config": {"response_modalities": ["TEXT"]}})
        assert hear(ws) == {"setupComplete": {}} and words(ask(ws, "ECHO: down here")) == "down here"


def test_turns_are_told_apart(g):
    """Usage behind the end, usage that grows, a turn that is interrupted, a turn that the provider begins by itself, an empty one."""
    before = len(g.sim.count()["served"])
    with dial(g) as ws:
        begin(ws)
        assert words(ask(ws, "ECHO: late LATE")).startswith("late")
        assert hear(ws)["usageMetadata"]["responseTokenCount"] == 1
        growing = ask(ws, "GROWING")
        assert sum("usageMetadata" in m for m in growing) == 9
        say(ws, clientContent={"turns": [{"parts": [{"text": "LONG: 1000"}]}], "turnComplete": True})
        while "modelTurn" not in hear(ws).get("serverContent", {}):
            pass
        say(ws, clientContent={"turns": [{"parts": [{"text": "ECHO: stop"}]}], "turnComplete": True})
        assert any(m.get("serverContent", {}).get("interrupted") for m in until_complete(ws))
        assert words(until_complete(ws)) == "stop"
        for _ in range(2):
            say(ws, realtimeInput={"audio": {"mimeType": "audio/pcm;rate=16000", "data": base64.b64encode(SOUND[:8000]).decode()}})
        assert "[simulated]" in words(until_complete(ws))
        say(ws, clientContent={"turns": [{"parts": [{"text": "only context"}]}]})
        ask(ws, "LATE")  # its usage is heard by nobody here
        hear(ws)
        id = id_of(ws)
    rows = settled(g, id, 6)
    same(rows, billed(g, before), NAMES)
    assert g.record(id)["session"]["responses"] == 6 == len(rows)


def test_going_away_and_resuming_pass(g):
    with dial(g) as ws:
        begin(ws, sessionResumption={"handle": "handle_0"})
        heard = ask(ws, "GOAWAY")
        assert {"goAway": {"timeLeft": "10s"}} in heard and {"sessionResumptionUpdate": {"newHandle": "handle_1", "resumable": True}} in heard


def test_messages_pass_unchanged(make):
    """Byte for byte but for the model's name, as text or binary as they were; the provider's key is seen by the provider alone."""
    got, heads = [], []

    def handle(ws):
        heads.append((ws.request.path, ws.request.headers.get("x-goog-api-key"), ws.request.headers.get("authorization")))
        for message in ws:
            got.append(message)
            ws.send(message if got[1:] else b'{ "setupComplete" : {} }')

    messages = ['{"clientContent" : {"turns":[] } }', b'{"realtimeInput":{"video":{"data":"AA\\u003d\\u003d"}}}', "no JSON", "", "é" * 1000, "z" * 2_000_000]
    setup = '{ "setup": {"model" : "models/li\\u0076e", "x":1.00, "generationConfig":{} } }'
    with serve(handle, "127.0.0.1", 0, max_size=None, compression=None) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        g = make.gateway({"providers": {"up": {"kind": "gemini", "base_url": f"http://127.0.0.1:{server.socket.getsockname()[1]}/pre/v1beta", "keys": ["secret-1"]}},
                          "models": {"live": {"targets": ["up/gemini-x"]}}})
        with dial(g, PATH.replace("v1beta", "v1alpha") + "?key=" + g.key.text, key="") as ws:
            ws.send(setup)
            assert ws.recv(timeout=LONG) == b'{ "setupComplete" : {} }'
            for m in messages:
                ws.send(m)
                assert ws.recv(timeout=LONG) == m
            assert "secret-1" not in str(ws.response.headers)
        server.shutdown()
    assert got[0] == setup.replace("models/li\\u0076e", "models/gemini-x") and got[1:] == messages
    assert heads == [("/pre/ws/google.ai.generativelanguage.v1alpha.GenerativeService.BidiGenerateContent", "secret-1", None)]
    record = g.record(where=lambda r: r["operation"] == "live")
    for text in (json.dumps(record), str(g.tail(1000))):
        assert g.key.text not in text and "secret-1" not in text.replace("keys[0]", "")


# ---- what is refused ----

def test_refused_before_the_upgrade(g):
    head = {"connection": "Upgrade", "upgrade": "websocket", "sec-websocket-version": "13", "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ=="}
    no_sessions = create_key(g.state, "chat only", "--operations", "chat")
    wait_for(lambda: fetch(g.address, "GET", "/v1/models", key=no_sessions).status == 403, "the key is known")
    for status, path, headers in ((401, PATH, head), (401, PATH + "?key=sk-wrong", head), (426, PATH, {"x-goog-api-key": g.key.text}),
                                  (400, PATH, {**head, "sec-websocket-key": "short", "x-goog-api-key": g.key.text}),
                                  (403, PATH, {**head, "x-goog-api-key": no_sessions.text}),
                                  (404, PATH + "Constrained?access_token=auth_tokens/x", {**head, "x-goog-api-key": g.key.text})):
        answer = fetch(g.address, "GET", path, headers=list(headers.items()))
        assert answer.status == status and answer.json()["error"]["code"] == status and answer.json()["error"]["status"], (path, answer)


def test_refused_behind_it(g):
    """There are no events for errors: a close code and its reason."""
    only = create_key(g.state, "cloud only", "--models", "cloud")
    wait_for(lambda: fetch(g.address, "GET", "/v1/models", key=only).status == 200, "the key is known")
    for message, code, reason, key in (
            ('{"setup":{"model":"models/no-such"}}', 1008, "does not exist", None),
            ('{"setup":{"model":"models/live"}}', 1008, "does not exist", only.text),
            ('{"setup":{"model":"models/foreign"}}', 1008, "does not have the Live API", None),
            ('{"setup":{"model":"models/none"}}', 1008, "is not found for API version", None),  # the provider's own words
            ('{"setup":{}}', 1008, "must name one model", None),
            ('{"setup":{"model":"models/cloud"},"setup":{"model":"models/live"}}', 1008, "must name one model", only.text),
            ('{"clientContent":{"turnComplete":true}}', 1007, "must be setup", None), ("no JSON", 1007, "must be setup", None)):
        with dial(g, key=key) as ws:
            ws.send(message)
            assert ending(ws) == ([], code) and reason in ws.close_reason, (message, ws.close_code, ws.close_reason)
            id = id_of(ws)
        assert not [r for r in ledger.attempts(g.state) if r.exchange == id and r.cost_p]
    with dial(g, key=only.text) as ws:  # the model is said once, and what may be asked is asked of that one
        begin(ws, "cloud")
        say(ws, setup={"model": "models/live"})
        assert ending(ws) == ([], 1008) and "no other" in ws.close_reason


@pytest.mark.parametrize("bytes_, code", BREAKERS.values(), ids=BREAKERS)
def test_breakers(g, bytes_, code):
    with raw(g, PATH, b"\r\n\r\n") as s:
        s.sendall(frame(b'{"setup":{"model":"models/live"}}'))
        while b"setupComplete" not in s.recv(65536):
            pass
        s.sendall(bytes_)
        assert close_code(s) == code


def test_half_sent(g):
    """A first message in single bytes; one that never ends is nobody's."""
    with raw(g, PATH, b"\r\n\r\n") as s:
        for b in frame(b'{"setup":{"model":"models/live"}}', first=0x82):
            s.sendall(bytes([b]))
        while b"setupComplete" not in s.recv(65536):
            pass
        s.sendall(frame(b'{"clientContent":{"turnComplete":true}}', length=1000))
    record = g.record(where=lambda r: r["operation"] == "live" and r["ended"]["why"] == "client_gone" and r["session"]["messages_in"] == 1)
    assert record["session"]["responses"] == 0
    with raw(g, PATH, b"\r\n\r\n") as s:
        s.sendall(BREAKERS["text"][0])
        assert close_code(s) == 1007


# ---- when things go wrong ----

@pytest.mark.parametrize("fault", ["close", "reset", "garbage-chunk"])
def test_the_provider_breaks(g, fault):
    """Never a clean end; what was said of the turn is charged."""
    g.sim.rules({"fault": fault, "arg": 3, "times": 1})
    with dial(g) as ws:
        begin(ws)
        say(ws, clientContent={"turns": [{"parts": [{"text": "hi"}]}], "turnComplete": True})
        heard, code = ending(ws)
        id = id_of(ws)
    assert code == 1011 and "[simulated]" in words(heard)
    row, = settled(g, id, 1)
    assert row.outcome in ("truncated", "reset", "malformed") and row.tokens["output"] > 0 and row.cost_p > 0
    assert g.record(id)["ended"]["by"] == "provider"


def test_the_client_leaves(g):
    """In the middle of a turn: what was seen of it is charged. Speech that nothing followed costs nothing."""
    with dial(g) as ws:
        begin(ws)
        say(ws, clientContent={"turns": [{"parts": [{"text": "LONG: 1000"}]}], "turnComplete": True})
        while "modelTurn" not in hear(ws).get("serverContent", {}):
            pass
        id = id_of(ws)
    row, = settled(g, id, 1)
    assert row.outcome in ("cancelled", "client_gone") and row.tokens["output"] > 0 and row.cost_p > 0


def test_failover_before_the_session(make):
    """A provider that is down, and one that closes instead of setting up: the client sees neither, and is not moved later."""
    sim = make.sim()
    other = make.upstream()
    other.answer = error_answer(503)
    g = make.gateway({"providers": {"bad": {"kind": "gemini", "base_url": other.url, "keys": ["k"]},
                                    "good": {"kind": "gemini", "base_url": sim.url + "/v1beta", "keys": ["k"]}},
                      "models": {"live": {"targets": ["bad/x", "good/sim-fault-error-event", "good/gemini-3.1-flash-live-preview"]}},
                      "resilience": {"retry": {"attempts": 4, "backoff": {"base": "10ms", "cap": "50ms"}}}})
    with dial(g) as ws:
        begin(ws)
        assert words(ask(ws, "ECHO: here")) == "here"
        id = id_of(ws)
    outcomes = [a["outcome"] for a in g.record(id)["attempts"]]
    assert outcomes[-1] == "ok" and len(outcomes) >= 3, outcomes
    assert len(settled(g, id, 1)) == 1  # what never was a session costs nothing
    sim.rules({"fault": "close", "arg": 2, "times": 1})
    with dial(g) as ws:
        begin(ws)
        say(ws, clientContent={"turns": [{"parts": [{"text": "hi"}]}], "turnComplete": True})
        assert ending(ws)[1] == 1011
        id = id_of(ws)
    assert [a["outcome"] for a in g.record(id)["attempts"]][-1] == "truncated"


# ---- limits ----

def test_limits_within_a_session(make):
    sim = make.sim()
    g = make.gateway(config(sim, realtime={"responses_per_minute": 2}))
    with dial(g) as ws:
        begin(ws)
        assert [words(ask(ws, f"ECHO: {n}")) for n in range(2)] == ["0", "1"]
        say(ws, realtimeInput={"text": "a third"})
        assert ending(ws) == ([], 1013) and "Too many requests" in ws.close_reason
        id = id_of(ws)
    assert len(settled(g, id, 2)) == 2
    g.reload(config(sim, realtime={"max_cost": "0.0001"}))
    with dial(g) as ws:
        begin(ws)
        ask(ws, "x" * 4000)
        assert ending(ws) == ([], 1008) and "cost" in ws.close_reason
    g.reload(config(sim, realtime={"session": "1s"}))
    with dial(g) as ws:
        begin(ws)
        say(ws, clientContent={"turns": [{"parts": [{"text": "LONG: 80"}]}], "turnComplete": True})
        heard, code = ending(ws)
        kinds = [k for m in heard for k in m if k != "usageMetadata"]
        assert code == 1001 and kinds.count("goAway") == 1 and heard[-1]["serverContent"] == {"turnComplete": True}, heard[-3:]
    with dial(g) as ws:  # who never says which model
        assert ending(ws) == ([], 1001)
    g.reload(config(sim, realtime={"idle": "300ms"}))
    with dial(g) as ws:
        begin(ws)
        assert ending(ws) == ([], 1001)
    g.reload(config(sim, realtime={"ping": "200ms"}))
    key = create_key(g.state, "short")
    wait_for(lambda: fetch(g.address, "GET", "/v1/models", key=key).status == 200, "the key is known")
    with dial(g, key=key.text) as ws:
        begin(ws)
        run_sluice("keys", "revoke", "--state", g.state, key.id, check=True)
        assert ending(ws) == ([], 1008) and "API key" in ws.close_reason
    with dial(g) as quiet, dial(g) as busy:
        begin(quiet), begin(busy)
        say(busy, clientContent={"turns": [{"parts": [{"text": "LONG: 40"}]}], "turnComplete": True})
        hear(busy)
        g.signal(15)
        assert ending(quiet) == ([], 1001)
        heard, code = ending(busy)
        assert {"goAway": {"timeLeft": "60s"}} in heard and heard[-1]["serverContent"] == {"turnComplete": True} and code == 1001
    assert g.wait_exit() == 0


def test_budgets_within_a_session(make):
    """What a turn may cost is reserved before it is asked for, and there is no room; a transcription's cost is known behind it."""
    sim = make.sim()
    up = {"kind": "openai", "base_url": sim.url + "/v1", "keys": ["k"]}
    g = make.gateway(config(sim, providers={"openai": up}, models={"scribe": {"targets": ["openai/gpt-4o-transcribe"]}}, tenants={"zero": {"budget": {"usd": 0}}, "small": {"budget": {"usd": "0.000001"}}}))
    keys = {name: create_key(g.state, name, "--tenant", name) for name in ("zero", "small")}
    wait_for(lambda: all(fetch(g.address, "GET", "/v1/models", key=k).status == 200 for k in keys.values()), "the keys are known")
    with dial(g, key=keys["zero"].text) as ws:
        begin(ws)
        say(ws, clientContent={"turns": [{"parts": [{"text": "hi"}]}], "turnComplete": True})
        assert ending(ws) == ([], 1008) and "budget" in ws.close_reason
        id = id_of(ws)
    assert not [r for r in ledger.attempts(g.state) if r.exchange == id] and not sim.count()["served"]
    with open_socket(g, "/v1/realtime?intent=transcription&model=scribe", {"authorization": f"Bearer {keys['small'].text}"}) as ws:
        say(ws, type="input_audio_buffer.append", audio=base64.b64encode(SOUND).decode())
        say(ws, type="input_audio_buffer.commit")
        heard, code = ending(ws)
        assert [e["type"] for e in heard[-2:]] == ["conversation.item.input_audio_transcription.completed", "error"] and code == 1008
        assert heard[-1]["error"]["code"] == "insufficient_quota"


def test_synced_before_it_is_sent(make):
    """`ledger.open: synced`: a turn's open record was flushed when the provider hears of it; a crash then loses none."""
    seen, crash = [], threading.Event()

    def handle(ws):
        for message in ws:
            if "setup" in json.loads(message):
                ws.send('{"setupComplete":{}}')
                continue
            seen.append(g.metrics().sum("sluice_journal_sync_seconds_count", {}))
            if len(seen) == 3:
                g.kill()
                crash.set()
                return
            ws.send('{"serverContent":{"turnComplete":true},"usageMetadata":{"promptTokenCount":3,"responseTokenCount":4,"totalTokenCount":7}}')

    with serve(handle, "127.0.0.1", 0, compression=None) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        g = make.gateway({"providers": {"up": {"kind": "gemini", "base_url": f"http://127.0.0.1:{server.socket.getsockname()[1]}/v1beta", "keys": ["k"]}},
                          "models": {"live": {"targets": ["up/m"]}}, "ledger": {"open": "synced"}})
        with dial(g) as ws:
            begin(ws)
            for _ in range(3):
                say(ws, clientContent={"turnComplete": True})
                try:
                    until_complete(ws)
                except ConnectionClosed:
                    break
        assert crash.wait(LONG)
        server.shutdown()
    assert len(seen) == 3 and 0 < seen[0] < seen[1] < seen[2], seen
    g = make.adopt(g.restart())
    rows = wait_for(lambda: (lambda rows: len(rows) == 3 and all(r.state != ledger.OPEN for r in rows) and rows)(ledger.attempts(g.state)), "its ledger")
    assert sorted(r.state for r in rows) == [ledger.CLOSED, ledger.CLOSED, ledger.INTERRUPTED]
