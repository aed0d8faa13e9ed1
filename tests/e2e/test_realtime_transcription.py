"""Realtime sessions that transcribe and nothing else: the model is named by a message, each transcription is charged by itself."""

import asyncio
import base64
import json
import threading

import openai
import pytest
from websockets.sync.server import serve

from lib import ledger
from lib.client import fetch
from lib.proc import create_key, merge, run_sluice
from lib.sessions import PROVIDER_KEY, billed, ending, hear, open_socket, same, say, serving, settled
from lib.upstream import error_answer
from lib.wait import LONG, wait_for

SOUND = base64.b64encode(bytes(24000)).decode()  # half a second
INTENT = "/v1/realtime?intent=transcription"


def config(sim, **more):
    up = {"kind": "openai", "base_url": sim.url + "/v1", "keys": [PROVIDER_KEY]}
    return merge({"providers": {"up": up, "other": up, "claude": {"kind": "anthropic", "base_url": sim.url + "/v1", "keys": [PROVIDER_KEY]}},
                  "models": {"scribe": {"targets": ["up/gpt-4o-transcribe"]}, "whisper": {"targets": ["up/whisper-1"]},
                             "elsewhere": {"targets": ["other/gpt-4o-transcribe"]}, "foreign": {"targets": ["claude/claude-opus-5-5"]}}}, more)


served, g = serving(config)


def dial(g, path=INTENT, key=None, **more):
    return open_socket(g, path, {"authorization": f"Bearer {key or g.key.text}"} if key != "" else {}, **more)


def ask(ws, model="scribe", **session):
    """The session's update, and what is answered."""
    say(ws, type="session.update", session={"type": "transcription", "audio": {"input": {"transcription": {"model": model}, **session}}})
    return hear(ws)


def begin(ws, model="scribe", **session):
    assert hear(ws)["session"]["type"] == "transcription"
    assert ask(ws, model, **session)["type"] == "session.updated"


def speak(ws):
    """Half a second; its transcription."""
    say(ws, type="input_audio_buffer.append", audio=SOUND)
    say(ws, type="input_audio_buffer.commit")
    return heard_of(ws)


def heard_of(ws):
    while True:
        event = hear(ws)
        if event["type"] in ("error", "conversation.item.input_audio_transcription.completed"):
            return event


def test_official_sdk(g):
    before = len(g.sim.count()["served"])

    async def talk():
        client = openai.AsyncOpenAI(api_key=g.key.text, base_url=g.url + "/v1")
        async with client.realtime.connect(extra_query={"intent": "transcription"}) as c:
            await c.session.update(session={"type": "transcription", "audio": {"input": {"transcription": {"model": "scribe"}}}})
            for _ in range(2):
                await c.input_audio_buffer.append(audio=SOUND)
                await c.input_audio_buffer.commit()
            done = []
            async for event in c:
                if event.type == "conversation.item.input_audio_transcription.completed":
                    done.append(event)
                if len(done) == 2:
                    return done

    for event in asyncio.run(asyncio.wait_for(talk(), LONG)):
        assert event.transcript == "[simulated] said something" and event.usage.type == "tokens" and event.usage.output_tokens == 3
    r = g.record(where=lambda r: r["operation"] == "realtime" and r["session"]["responses"] == 2)
    rows = settled(g, r["id"], 2)
    same(rows, billed(g, before))
    assert all((a.model, a.target, a.outcome) == ("scribe", "gpt-4o-transcribe", "ok") and a.cost_p > 0 for a in rows)
    assert r["status"] == 101 and r["usage"]["audio_in"] == 20 and float(r["cost_usd"]) > 0 and r["session"]["closed"] == 1000


def test_tokens_seconds_and_voice_detection(g):
    """Whatever unit the model is charged by, and whoever says that a turn is over."""
    before = len(g.sim.count()["served"])
    with dial(g) as ws:
        begin(ws, turn_detection={"type": "server_vad"})
        say(ws, type="input_audio_buffer.append", audio=SOUND)  # no commit
        assert heard_of(ws)["usage"]["input_tokens"] == 10
        assert ask(ws, "whisper", turn_detection=None)["session"]["audio"]["input"]["transcription"]["model"] == "whisper-1"
        assert speak(ws)["usage"] == {"type": "duration", "seconds": 0.5}
        id = ws.response.headers["x-sluice-id"]
    rows = settled(g, id, 2)
    account = billed(g, before)
    same(rows, account)
    assert sorted(r.target for r in rows) == ["gpt-4o-transcribe", "whisper-1"] == sorted(s["model"] for s in account)
    second, = [r for r in rows if r.target == "whisper-1"]
    assert second.cost_p == 50_000_000 and [s["audio_ms_in"] for s in account if "audio_ms_in" in s] == [500]  # 0.006 $ a minute


def test_whose_models(g):
    """Messages name models of the gateway that the key may use, of the provider that the session is at; nothing slips by under another name."""
    with dial(g) as ws:
        begin(ws)
        for model in ("elsewhere", "no-such", "gpt-4o-transcribe", "foreign"):
            assert ask(ws, model)["error"]["code"] in ("invalid_value", "model_not_found"), model
        for text in ('{"type":"session.update","session":{"audio":{"input":{"transcription":{"model":"whisper","model":"x"}}}}}',
                     '{"type":"session.update","session":{"audio":{"input":{"transcription":{"model":"whisper"}}},"input_audio_transcription":{"model":"x"}}}',
                     '{"type":"session.update","session":{},"session":{"audio":{"input":{"transcription":{"model":"x"}}}}}'):
            ws.send(text)
            assert hear(ws)["error"]["code"] == "model_not_found", text
        ws.send('{"type":"session.update","session":{"audio":{"input":{"noise_reduction":null}}}}')
        assert hear(ws)["session"]["audio"]["input"]["transcription"]["model"] == "gpt-4o-transcribe"
        say(ws, type="response.create")
        assert hear(ws)["error"]["message"] == "Transcription sessions make no responses."
        assert speak(ws)["transcript"]
        id = ws.response.headers["x-sluice-id"]
    assert [r.outcome for r in settled(g, id, 1)] == ["ok"]
    only = create_key(g.state, "whisper only", "--models", "whisper")
    wait_for(lambda: fetch(g.address, "GET", "/v1/models", key=only).status == 200, "the key is known")
    for model, code in (("scribe", "model_not_found"), ("foreign", "model_not_found")):
        with dial(g, key=only.text) as ws:
            assert hear(ws)["type"] == "session.created"
            say(ws, type="input_audio_buffer.append", audio=SOUND)  # too early: it is told, and may go on
            assert "Say first" in hear(ws)["error"]["message"]
            assert ask(ws, model)["error"]["code"] == code
            assert ending(ws) == ([], 1008)
    with dial(g) as ws:
        hear(ws)
        assert "does not have the Realtime API" in ask(ws, "foreign")["error"]["message"] and ending(ws) == ([], 1008)


def test_ephemeral_keys(g):
    """For one model, in both interfaces; the provider's own are seen by nobody, and one for conversations transcribes nothing."""
    before = len(g.sim.count()["served"])
    made = openai.OpenAI(api_key=g.key.text, base_url=g.url + "/v1").realtime.client_secrets.create(
        session={"type": "transcription", "audio": {"input": {"transcription": {"model": "scribe", "language": "en"}}}})
    assert made.value.startswith("ek_") and made.session.type == "transcription"
    headers = [("content-type", "application/json")]
    beta = fetch(g.address, "POST", "/v1/realtime/transcription_sessions", b'{"input_audio_transcription":{"model":"whisper"}}', headers, key=g.key).json()
    assert beta["object"] == "realtime.transcription_session" and beta["input_audio_transcription"] == {"model": "whisper"}
    ids = []
    for secret, path, more in ((made.value, "/v1/realtime", {}), (made.value, INTENT, {}), (beta["client_secret"]["value"], INTENT, {"beta": True})):
        offer = ["realtime", f"openai-insecure-api-key.{secret}"]
        with open_socket(g, path, {"openai-beta": "realtime=v1"} if more else {}, subprotocols=offer) as ws:
            assert hear(ws)["type"] == "session.created"
            assert hear(ws)["type"] == ("transcription_session.updated" if more else "session.updated")
            assert speak(ws)["transcript"]
            ids.append(ws.response.headers["x-sluice-id"])
    rows = [settled(g, id, 1)[0] for id in ids]
    assert [(r.key, r.model, r.target) for r in rows] == [(g.key.id, m, t) for m, t in (("scribe", "gpt-4o-transcribe"),) * 2 + (("whisper", "whisper-1"),)]
    same(rows, billed(g, before))
    talk = fetch(g.address, "POST", "/v1/realtime/client_secrets", b'{"session":{"type":"realtime","model":"scribe"}}', headers, key=g.key).json()
    head = {"connection": "Upgrade", "upgrade": "websocket", "sec-websocket-version": "13", "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ=="}
    for path, secret, param in ((INTENT, talk["value"], "intent"), (INTENT + "&model=whisper", made.value, "model")):
        answer = fetch(g.address, "GET", path, headers=[*head.items(), ("authorization", f"Bearer {secret}")])
        assert answer.status == 400 and answer.json()["error"]["param"] == param, answer
    for status, param, path, body in (
            (400, "session.audio.input.transcription.model", "client_secrets", b'{"session":{"type":"transcription"}}'),
            (400, "session.type", "client_secrets", b'{"session":{"type":"translation"}}'),
            (404, "session.model", "client_secrets", b'{"session":{"type":"transcription","audio":{"input":{"transcription":{"model":"nope"}}}}}'),
            (400, "input_audio_transcription.model", "transcription_sessions", b'{}')):
        answer = fetch(g.address, "POST", f"/v1/realtime/{path}", body, headers, key=g.key)
        assert answer.status == status and answer.json()["error"]["param"] == param, answer


def test_a_model_in_the_url(g):
    """OpenAI refuses one there; here it is known which provider is meant, and the provider is not told."""
    with dial(g, INTENT + "&model=scribe") as ws:
        assert [hear(ws)["type"] for _ in range(2)] == ["session.created", "session.updated"]
        assert speak(ws)["transcript"]
    with dial(g, INTENT + "&model=no-such") as ws:
        heard, code = ending(ws)
        assert [e["type"] for e in heard] == ["session.created", "error"] and heard[1]["error"]["code"] == "model_not_found" and code == 1008


def test_limits_within_a_session(make):
    sim = make.sim()
    g = make.gateway(config(sim, realtime={"responses_per_minute": 2}))
    with dial(g) as ws:
        begin(ws)
        assert [speak(ws)["type"].split(".")[-1] for _ in range(3)] == ["completed", "completed", "error"]
        assert ask(ws, "whisper")["type"] == "session.updated"  # the session goes on
    g.reload(config(sim, realtime={"max_cost": "0.00001"}))
    with dial(g) as ws:
        begin(ws)
        speak(ws)
        heard, code = ending(ws)
        assert heard[-1]["error"]["code"] == "session_cost_limit" and code == 1008
    g.reload(config(sim, realtime={"ping": "200ms"}))
    key = create_key(g.state, "short")
    wait_for(lambda: fetch(g.address, "GET", "/v1/models", key=key).status == 200, "the key is known")
    with dial(g, key=key.text) as ws:
        begin(ws)
        run_sluice("keys", "revoke", "--state", g.state, key.id, check=True)
        heard, code = ending(ws)
        assert heard[-1]["error"]["code"] == "invalid_api_key" and code == 1008


def test_failover_before_the_session(make):
    """A provider that is down, one that does not have the model: the client sees neither, and nothing of what they said."""
    sim = make.sim()
    other = make.upstream()
    other.answer = error_answer(503)
    g = make.gateway({"providers": {"bad": {"kind": "openai", "base_url": other.url, "keys": ["k"]},
                                    "good": {"kind": "openai", "base_url": sim.url + "/v1", "keys": ["k"]}},
                      "models": {"scribe": {"targets": ["bad/x", "good/no-such-transcriber", "good/gpt-4o-transcribe"]}},
                      "resilience": {"retry": {"attempts": 4, "backoff": {"base": "10ms", "cap": "50ms"}}}})
    with dial(g) as ws:
        begin(ws)
        assert speak(ws)["transcript"]
        id = ws.response.headers["x-sluice-id"]
    outcomes = [a["outcome"] for a in g.record(id)["attempts"]]
    assert outcomes[-1] == "ok" and len(outcomes) >= 3, outcomes
    assert len(settled(g, id, 1)) == 1


def test_what_reports_no_usage_is_estimated(make):
    """By the sound that was sent."""
    seen = []

    def handle(ws):
        seen.append(ws.request.path)
        ws.send('{"type":"session.created","session":{}}')
        for message in ws:
            kind = json.loads(message)["type"]
            if kind == "session.update":
                seen.append(json.loads(message)["session"]["audio"]["input"]["transcription"]["model"])
                ws.send('{"type":"session.updated","session":{"audio":{"input":{"transcription":{"model":"whisper-1"}}}}}')
            if kind == "input_audio_buffer.commit":
                ws.send('{"type":"conversation.item.input_audio_transcription.completed","transcript":"yes"}')

    with serve(handle, "127.0.0.1", 0, compression=None) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        g = make.gateway({"providers": {"up": {"kind": "openai", "base_url": f"http://127.0.0.1:{server.socket.getsockname()[1]}/v1", "keys": ["k"]}},
                          "models": {"scribe": {"targets": ["up/whisper-1"]}}})
        with dial(g) as ws:
            begin(ws)
            assert [speak(ws)["transcript"] for _ in range(2)] == ["yes", "yes"]
            id = ws.response.headers["x-sluice-id"]
        rows = settled(g, id, 2)
        server.shutdown()
    assert seen == ["/v1/realtime?intent=transcription", "whisper-1"]
    assert [r.cost_p for r in rows] == [50_000_000] * 2 and all(r.state == ledger.CLOSED for r in rows)
