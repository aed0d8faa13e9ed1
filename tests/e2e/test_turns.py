"""pause_turn: Claude pauses in a long turn of its own tools. Clients of other formats get the whole turn; those of Messages what was said."""

import json
import re

import pytest
from lib.upstream import error_answer, json_answer, stream_answer
from test_translation import MESSAGE, claude, event, post

HI = [{"role": "user", "content": "hi"}]
SEARCH = [{"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "x"}},
          {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": [
              {"type": "web_search_result", "url": "https://z.test", "title": "Z", "encrypted_content": "Eo\u00e9/+"}]}]


def turn(text, why="pause_turn", blocks=(), output=3):
    return json_answer({**MESSAGE, "content": [*blocks, {"type": "text", "text": text}], "stop_reason": why,
                        "usage": {"input_tokens": 9, "output_tokens": output}})


def test_it_goes_on(make):
    up, g = claude(make)
    up.queue(turn("Looking. ", blocks=SEARCH), turn("Still. "), turn("Found.", "end_turn"))
    answer = post(g, "/v1/chat/completions", {"model": "m", "messages": HI})
    assert answer.status == 200, answer
    choice = answer.json()["choices"][0]
    assert choice["message"]["content"] == "Looking. Still. Found." and choice["finish_reason"] == "stop"
    assert answer.json()["usage"]["prompt_tokens"] == 27 and answer.json()["usage"]["completion_tokens"] == 9
    first, second, third = (json.loads(r.body) for r in up.requests)
    assert second["messages"] == first["messages"] + [{"role": "assistant", "content": [*SEARCH, {"type": "text", "text": "Looking. "}]}]
    assert third["messages"][-1]["content"] == second["messages"][-1]["content"] + [{"type": "text", "text": "Still. "}]
    r = g.record(answer.id)
    assert [a["outcome"] for a in r["attempts"]] == ["ok"] * 3 and r["attempts"][0]["why"] == "the turn goes on"
    assert r["usage"] == {"input": 27, "output": 9}


def test_other_faces(make):
    up, g = claude(make)
    for path, body, read in (("/v1/responses", {"model": "m", "input": "hi"},
                              lambda v: "".join(p["text"] for i in v["output"] for p in i.get("content", []))),
                             ("/v1beta/models/m:generateContent", {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]},
                              lambda v: "".join(p["text"] for p in v["candidates"][0]["content"]["parts"]))):
        up.queue(turn("One. "), turn("Two.", "end_turn"))
        answer = post(g, path, body)
        assert answer.status == 200 and read(answer.json()) == "One. Two.", answer


def test_messages_clients_do_it_themselves(make):
    up, g = claude(make)
    up.queue(turn("Looking. ", blocks=SEARCH))
    answer = post(g, "/v1/messages", {"model": "m", "max_tokens": 99, "messages": HI})
    assert answer.json()["stop_reason"] == "pause_turn" and len(up.requests) == 1


def test_not_for_ever(make):
    up, g = claude(make)
    up.answer = turn("again ")
    answer = post(g, "/v1/chat/completions", {"model": "m", "messages": HI})
    assert answer.status == 200 and len(up.requests) == 6, answer
    assert answer.json()["choices"][0]["message"]["content"] == "again " * 6


def test_an_error_on_the_way(make):
    """Nothing was shown, so the whole fails; another target begins anew."""
    second = make.upstream()
    up, g = claude(make, {"b": {"kind": "anthropic", "base_url": second.url, "keys": ["k-of-the-second"]}})
    up.queue(turn("Looking. "), error_answer(529, "overloaded"))
    second.queue(turn("Whole.", "end_turn"))
    answer = post(g, "/v1/chat/completions", {"model": "m", "messages": HI})
    assert answer.status == 200 and answer.json()["choices"][0]["message"]["content"] == "Whole.", answer
    assert len(json.loads(second.last().body)["messages"]) == 1


# -- Streams --

CITED = {"type": "web_search_result_location", "url": "https://z.test", "title": "Z", "encrypted_index": "Eo==", "cited_text": "zz"}
WEB = {"chat": {"web_search_options": {}}, "responses": {"tools": [{"type": "web_search"}]}, "gemini": {"tools": [{"googleSearch": {}}]}}
DATA = re.compile(rb"^data: (\{.*\})\r?$", re.M)


def piece(index, block, *deltas):
    return [event("content_block_start", index=index, content_block=block),
            *(event("content_block_delta", index=index, delta=d) for d in deltas), event("content_block_stop", index=index)]


def streamed(text, why="pause_turn", search=False, output=3, end=True):
    """A turn: what it thought, perhaps a search with its result, then text with a citation."""
    begin = {**MESSAGE, "content": [], "stop_reason": None, "usage": {"input_tokens": 9, "output_tokens": 1}}
    events = [event("message_start", message=begin)]
    if search:
        events += piece(0, {"type": "thinking", "thinking": "", "signature": ""}, {"type": "thinking_delta", "thinking": "Hm"},
                        {"type": "signature_delta", "signature": "c2ln"})
        events += piece(1, {**SEARCH[0], "input": {}}, {"type": "input_json_delta", "partial_json": '{"que'},
                        {"type": "input_json_delta", "partial_json": 'ry":"x"}'})
        events += piece(2, SEARCH[1])
    events += piece(3 if search else 0, {"type": "text", "text": ""}, {"type": "text_delta", "text": text[:2]},
                    {"type": "citations_delta", "citation": CITED}, {"type": "text_delta", "text": text[2:]})
    if end:
        events += [event("message_delta", delta={"stop_reason": why, "stop_sequence": None}, usage={"output_tokens": output}),
                   event("message_stop")]
    return events


def chat_stream(g, **more):
    return post(g, "/v1/chat/completions", {"model": "m", "messages": HI, "stream": True, "stream_options": {"include_usage": True},
                                            **WEB["chat"], **more})


def chunks(answer):
    return [json.loads(d) for d in DATA.findall(answer.body)]


def said(answer):
    return "".join(c["delta"].get("content") or "" for v in chunks(answer) for c in v.get("choices", []))


def blocks_of(text, search=False):
    first = [{"type": "thinking", "thinking": "Hm", "signature": "c2ln"}, *SEARCH] if search else []
    return [*first, {"type": "text", "text": text, "citations": [CITED]}]


@pytest.mark.parametrize("at_once", [False, True])
def test_a_stream_goes_on(make, at_once):
    up, g = claude(make)
    turns = [streamed("Looking. ", search=True), streamed("Still. "), streamed("Found.", "end_turn")]
    up.queue(*(stream_answer(b"".join(t)) if at_once else stream_answer(*t) for t in turns))
    answer = chat_stream(g)
    assert answer.status == 200 and said(answer) == "Looking. Still. Found.", (answer, answer.body)
    values = chunks(answer)
    assert len({v["id"] for v in values}) == 1 and answer.body.count(b'"role"') == 1 and answer.body.count(b"[DONE]") == 1
    assert [c["finish_reason"] for v in values for c in v["choices"] if c.get("finish_reason")] == ["stop"]
    assert b": sluice" not in answer.body
    usage = values[-1]["usage"]
    assert usage["prompt_tokens"] == 27 and usage["completion_tokens"] == 9, usage
    first, second, third = (json.loads(r.body) for r in up.requests)
    assert second["messages"] == first["messages"] + [{"role": "assistant", "content": blocks_of("Looking. ", True)}]
    assert third["messages"][-1]["content"] == second["messages"][-1]["content"] + blocks_of("Still. ")
    r = g.record(answer.id)
    assert [a["outcome"] for a in r["attempts"]] == ["ok"] * 3 and r["attempts"][0]["why"] == "the turn goes on"
    assert r["usage"] == {"input": 27, "output": 9}


def test_streams_of_other_faces(make):
    up, g = claude(make)
    up.queue(stream_answer(*streamed("One. ", search=True)), stream_answer(*streamed("Two.", "end_turn")))
    answer = post(g, "/v1/responses", {"model": "m", "input": "hi", "stream": True, **WEB["responses"]})
    assert answer.status == 200, (answer, answer.body)
    values = chunks(answer)
    kinds = [v["type"] for v in values]
    assert kinds.count("response.created") == 1 and kinds[-1] == "response.completed", kinds
    assert [v["sequence_number"] for v in values] == list(range(len(values)))
    whole = values[-1]["response"]
    texts = [p["text"] for i in whole["output"] if i["type"] == "message" for p in i["content"]]
    assert "".join(texts) == "One. Two." == "".join(v["delta"] for v in values if v["type"] == "response.output_text.delta")
    assert whole["usage"]["input_tokens"] == 18 and whole["usage"]["output_tokens"] == 6

    up.queue(stream_answer(*streamed("One. ", search=True)), stream_answer(*streamed("Two.", "end_turn")))
    answer = post(g, "/v1beta/models/m:streamGenerateContent?alt=sse", {"contents": [{"role": "user", "parts": [{"text": "hi"}]}], **WEB["gemini"]})
    values = chunks(answer)
    parts = [p for v in values for c in v.get("candidates", []) for p in c.get("content", {}).get("parts", [])]
    assert "".join(p.get("text", "") for p in parts if not p.get("thought")) == "One. Two.", values
    assert [c["finishReason"] for v in values for c in v.get("candidates", []) if "finishReason" in c] == ["STOP"]
    assert values[-1]["usageMetadata"]["promptTokenCount"] == 18 and values[-1]["usageMetadata"]["candidatesTokenCount"] == 6


def test_a_stream_of_messages_passes(make):
    up, g = claude(make)
    events = streamed("Looking. ", search=True)
    up.queue(stream_answer(*events))
    answer = post(g, "/v1/messages", {"model": "m", "max_tokens": 99, "messages": HI, "stream": True,
                                      "tools": [{"type": "web_search_20250305", "name": "web_search"}]})
    assert answer.body == b"".join(events) and len(up.requests) == 1


def test_a_stream_not_for_ever(make):
    up, g = claude(make)
    up.answer = stream_answer(*streamed("again "))
    answer = chat_stream(g)
    assert said(answer) == "again " * 6 and len(up.requests) == 6 and b"[DONE]" in answer.body
    assert [c["finish_reason"] for v in chunks(answer) for c in v["choices"] if c.get("finish_reason")] == ["stop"]


def test_a_stream_fails_on_the_way(make):
    """The client has the first turn: it is asked once more where that may help, and told when nothing does."""
    up, g = claude(make, resilience={"retry": {"attempts": 2}})
    up.queue(stream_answer(*streamed("Looking. ", search=True)), error_answer(529, "overloaded"),
             stream_answer(*streamed("Found.", "end_turn")))
    answer = chat_stream(g)
    assert said(answer) == "Looking. Found." and b"[DONE]" in answer.body and b'"error"' not in answer.body
    for broken in (error_answer(400, "no"), stream_answer(*streamed("Fou", end=False))):
        up.queue(stream_answer(*streamed("Looking. ", search=True)), broken)
        up.answer = error_answer(529, "overloaded")
        answer = chat_stream(g)
        assert said(answer).startswith("Looking. ") and b'"error"' in answer.body, answer.body
        assert not [c for v in chunks(answer) for c in v.get("choices", []) if c.get("finish_reason")]
