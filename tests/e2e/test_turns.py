"""pause_turn: Claude pauses in a long turn of its own tools. Clients of other formats get the whole turn; those of Messages what was said."""

import json

from lib.client import fetch
from lib.upstream import error_answer, json_answer
from test_translation import MESSAGE, claude, post

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
    assert fetch
