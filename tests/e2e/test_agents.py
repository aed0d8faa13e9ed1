"""Real coding agents, headless, each with a task that edits a file, in front of providers of other formats than their own. The model is
simulated and follows the task's script: parallel calls, one of which reads an image, an edit with their results, a last word. The settings are those of
docs/reference/clients.md. Agents that are not installed (dev/setup.sh) are skipped; all runs together take about a minute."""

import collections
import concurrent.futures
import json
import re

import pytest

from lib import agents
from lib.agents import SECTIONS, guide, missing, pinned

pytestmark = pytest.mark.timeout(900, method="thread")

PATCH = "*** Begin Patch\n*** Update File: greeting.txt\n@@\n-hello old world\n+hello new world\n*** End Patch\n"
SHELL = "echo beside > beside.txt && cat beside.txt"


def call(name, **arguments):
    return {"call": name, "with": arguments}


TURNS = {  # by agent, from the folder that it works in
    "claude": lambda d: ([call("Read", file_path=f"{d}/greeting.txt"), call("Bash", command=SHELL, description="a file beside it"),
                          call("Read", file_path=f"{d}/dot.png")],
                         call("Edit", file_path=f"{d}/greeting.txt", old_string="old", new_string="new"), "all done"),
    # the second call is to a tool in a namespace, the last to one that takes a text instead of JSON
    "codex": lambda d: ([call("exec_command", cmd=SHELL + " && cat greeting.txt"),
                         call("multi_agent_v1__close_agent", target="nobody"), call("view_image", path=f"{d}/dot.png")],
                        call("apply_patch", input=PATCH), "all done"),
    "gemini": lambda d: ([call("read_file", file_path=f"{d}/greeting.txt"), call("run_shell_command", command=SHELL),
                          call("read_file", file_path=f"{d}/dot.png")],
                         call("replace", file_path=f"{d}/greeting.txt", instruction="make it new", old_string="old", new_string="new"),
                         "all done"),
    "cline": lambda d: ([call("read_files", files=[{"path": f"{d}/greeting.txt"}, {"path": f"{d}/dot.png"}]), call("run_commands", commands=[SHELL])],
                        call("editor", path=f"{d}/greeting.txt", old_text="old", new_text="new"), "all done"),
    "opencode": lambda d: ([call("read", filePath=f"{d}/greeting.txt"), call("bash", command=SHELL), call("read", filePath=f"{d}/dot.png")],
                           call("edit", filePath=f"{d}/greeting.txt", oldString="old", newString="new"), "all done"),
}
ELSEWHERE = {"claude": 0, "codex": 0, "gemini": 0, "cline": 2, "opencode": 5}  # hosts asked behind the gateway's back, tries included
MESSAGES, RESPONSES, CHAT = "POST /v1/messages", "POST /v1/responses", "POST /v1/chat/completions"
GEMINI, COUNT = "POST /v1beta/models/{}:streamGenerateContent", "POST /v1beta/models/{}:countTokens"
Case = collections.namedtuple("Case", "agent upstream asked dropped more", defaults=({},))
CASES = {
    # what was asked: the number of times; dropped: all that the answers may name, and must
    "claude-gemini": Case("claude", "gemini", {MESSAGES: 3, "GET /v1/models": 1},
                          {"cache_control", "messages[];moved", "context_management", "metadata.user_id"}, {"model": "claude-opus-4-8"}),
    "claude-responses": Case("claude", "responses", {MESSAGES: 3, "GET /v1/models": 1}, {"context_management"}),
    "codex-anthropic": Case("codex", "anthropic", {RESPONSES: 3, "GET /v1/models": 1},
                            {"tools[];grammar in the description", "client_metadata", "prompt_cache_key"}),
    "codex-gemini": Case("codex", "gemini", {RESPONSES: 3, "GET /v1/models": 1},
                         {"tools[];as a function", "tools[];the model takes either functions or tools of its provider",
                          "client_metadata", "prompt_cache_key", "input[].output[].detail"}),
    "codex-chat": Case("codex", "chat", {RESPONSES: 3, "GET /v1/models": 1}, {"tools[]", "tools[];grammar in the description", "client_metadata", "prompt_cache_key",
                                                                              "input[];moved"}),
    "gemini-chat": Case("gemini", "chat", {GEMINI.format("my-model"): 3, COUNT.format("my-model"): 1}, {"generationConfig.topK"}),
    "gemini-anthropic": Case("gemini", "anthropic", {"POST /v1beta/models/gemini-3.5-flash-lite:generateContent": 1,
                                                     GEMINI.format("gemini-3.8-flash"): 3, COUNT.format("gemini-3.8-flash"): 1}, {"generationConfig.topK"},
                             {"model": "gemini-3.8-flash", "models": ("gemini-3.5-flash-lite",),
                              "change": lambda text: text.replace(" -m my-model", "")}),
    "cline-anthropic": Case("cline", "anthropic", {CHAT: 3}, set()),
    "cline-gemini": Case("cline", "gemini", {CHAT: 3}, set()),
    "opencode-gemini": Case("opencode", "gemini", {CHAT: 4}, set()),
    "opencode-responses": Case("opencode", "responses", {MESSAGES: 4}, set(),
                               {"change": lambda text: text.replace("@ai-sdk/openai-compatible", "@ai-sdk/anthropic")}),
}


def last(events, **members):
    return [e for e in events if all(e.get(k) == v for k, v in members.items())][-1]


def told(run):
    """What the agent printed: its last words, tokens of all prompts, tokens of all answers with their reasoning."""
    out = run.lines() if run.agent in ("codex", "cline", "opencode") else json.loads(run.done.stdout)
    if run.agent == "claude":
        u = out["usage"]
        return out["result"], u["input_tokens"] + u["cache_read_input_tokens"] + u["cache_creation_input_tokens"], u["output_tokens"]
    if run.agent == "codex":
        words = [e["item"]["text"] for e in out if e["type"] == "item.completed" and e["item"]["type"] == "agent_message"][-1]
        u = last(out, type="turn.completed")["usage"]
        return words, u["input_tokens"], u["output_tokens"]
    if run.agent == "gemini":
        u = [m["tokens"] for m in out["stats"]["models"].values()]
        return out["response"], sum(t["prompt"] for t in u), sum(t["candidates"] + t["thoughts"] for t in u)
    if run.agent == "cline":
        result = last(out, type="run_result")
        return result["text"], result["usage"]["inputTokens"], result["usage"]["outputTokens"]
    u = [e["part"]["tokens"] for e in out if e["type"] == "step_finish"]
    return (last(out, type="text")["part"]["text"], sum(t["input"] + t["cache"]["read"] + t["cache"]["write"] for t in u),
            sum(t["output"] + t["reasoning"] for t in u))


@pytest.fixture(scope="module")
def runs(request, tmp_path_factory):
    """The chosen runs, two at a time, each begun before it is asked for."""
    pool = concurrent.futures.ThreadPoolExecutor(2)
    wanted = {item.callspec.params["name"] for item in request.session.items
              if item.module is request.module and hasattr(item, "callspec") and "name" in item.callspec.params}
    started = {name: pool.submit(agents.Run, case.agent, case.upstream, TURNS[case.agent], tmp_path_factory.mktemp(name), **case.more)
               for name, case in CASES.items() if name in wanted and missing(case.agent) is None}
    yield started
    pool.shutdown(cancel_futures=True)


@pytest.mark.parametrize("name", CASES)
def test_task(runs, name):
    case = CASES[name]
    if missing(case.agent):
        pytest.skip(missing(case.agent))
    run = runs[name].result()
    print(f"{name}: {run.seconds:.1f} s")

    # the task is done, and its agent says so
    assert run.done.returncode == 0, str(run)
    assert run.files["greeting.txt"] == "hello new world\n" and run.files.get("beside.txt") == "beside\n", str(run)
    words, prompt, answer = told(run)
    assert words.startswith(f"[simulated] all done 1 image (image/png {len(agents.DOT)} bytes) results: "), str(run)

    # by way of the gateway, in the agent's format on one side and the provider's on the other, without an error
    assert run.asked() == case.asked, str(run)
    assert all(x.status == 200 for x in run.exchanges) and all(r["status"] == 200 for r in run.records), str(run)
    assert all(r["key"] == "test" and r["ended"]["why"] == "ok" for r in run.calls()), run.records
    assert [s["format"] for s in run.served["served"]] == [run.format] * len(run.calls()), run.served
    streams = [x for x in run.exchanges if x.answer_headers["content-type"].startswith("text/event-stream")]
    assert len(streams) >= 3, str(run)
    assert run.key.encode() not in run.sent_bytes
    assert len(run.elsewhere.asked) <= ELSEWHERE[case.agent], run.elsewhere.asked

    # with the results of both calls of the first turn
    assert any(b"hello old world" in x.body and b"beside" in x.body for x in run.sent[1:]), str(run)

    # what was lost on the way is known
    assert run.dropped() == case.dropped, str(run)

    # the simulator's account, the gateway's and the agent's are one
    served = run.served["served"]
    assert run.tokens("input", "cache_read", "cache_write") == sum(s["prompt"] for s in served)
    assert run.tokens("cache_read") == sum(s["cached"] for s in served)
    assert run.tokens("output", "reasoning") == sum(s["completion"] for s in served)
    # the title, asked for at the same time and without tools, is not in what opencode prints
    side = min(served, key=lambda s: s["prompt"]) if case.agent == "opencode" else {"prompt": 0, "completion": 0}
    assert prompt == sum(s["prompt"] for s in served) - side["prompt"], str(run)
    assert answer == sum(s["completion"] for s in served) - side["completion"], str(run)


@pytest.mark.parametrize("agent", SECTIONS)
def test_the_page_names_what_is_tested(agent):
    assert guide(agent).version == pinned(agent)
    assert guide(agent).script
    row = [line for line in agents.PAGE.read_text().splitlines() if line.startswith(f"| {SECTIONS[agent]} |")][0]
    names = {"chat": "OpenAI chat", "responses": "OpenAI Responses", "anthropic": "Anthropic", "gemini": "Gemini"}
    assert sorted(row.split("|")[3].strip().split(", ")) == sorted(names[c.upstream] for c in CASES.values() if c.agent == agent)


def run_now(agent, *args, **more):
    if missing(agent):
        pytest.skip(missing(agent))
    return agents.Run(agent, *args, **more)


def test_claude_counts_its_context(tmp_path):
    """/context: some twenty counts at once, answered without a provider and without an error, and the list of models as it reads it."""
    run = run_now("claude", "gemini", lambda d: (), tmp_path, change=lambda text: text.replace('"$TASK"', "/context"))
    assert run.done.returncode == 0 and "Context Usage" in json.loads(run.done.stdout)["result"], str(run)
    asked = run.asked()
    assert asked["POST /v1/messages/count_tokens"] >= 10 and asked["GET /v1/models"] == 1, str(run)
    assert len(asked) == 2 and all(x.status == 200 for x in run.exchanges), str(run)
    assert all(json.loads(x.answer)["input_tokens"] > 0 for x in run.exchanges if x.target.startswith("/v1/messages"))
    assert not run.sent and not any(r.get("usage") or r.get("cost_usd") for r in run.records)


def own_provider(text):
    if text.startswith("codex "):
        return "export CODEX_API_KEY=$SLUICE_KEY\n" + text
    return 'openai_base_url = "http://127.0.0.1:8080/v1"\n' + re.sub(r"^model_provider = .*\n|^\[model_providers.*", "", text,
                                                                     flags=re.MULTILINE | re.DOTALL)


BY_SOCKET = [call("exec_command", cmd="sed -i s/old/new/ greeting.txt"), "all done"]


def test_codex_by_websocket(tmp_path):
    """All of it by one connection: what it warms up with, and each turn with what is new only."""
    run = run_now("codex", "responses", lambda d: BY_SOCKET, tmp_path, change=own_provider)
    assert run.done.returncode == 0 and run.files["greeting.txt"] == "hello new world\n", str(run)
    assert told(run)[0].startswith("[simulated] all done"), str(run)
    assert [(x.method, x.status) for x in run.exchanges if "responses" in x.target] == [("GET", 101)], str(run)
    record, = [r for r in run.records if r["operation"] == "responses_websocket"]
    served = run.served["served"]
    assert record["session"]["responses"] == len(served) == 3 and record["ended"]["why"] in ("ok", "client_gone")
    assert record["usage"]["output"] + record["usage"].get("reasoning", 0) == sum(s["completion"] for s in served)


def test_codex_falls_back_where_its_model_has_no_websocket(tmp_path):
    """Other models of the key have one; it says with the handshake which model it will ask."""
    also = {"providers": {"openai": {"kind": "openai", "base_url": "http://127.0.0.1:9/v1", "keys": ["k"], "direct": True}}}
    run = run_now("codex", "anthropic", lambda d: BY_SOCKET, tmp_path, change=own_provider, also=also)
    assert run.done.returncode == 0 and run.files["greeting.txt"] == "hello new world\n", str(run)
    assert [(x.method, x.status) for x in run.exchanges] == [("GET", 426), ("POST", 200), ("POST", 200)], str(run)


def test_codex_by_its_own_provider(tmp_path):
    """It asks for a WebSocket first, and after a 426 at once by POST."""
    run = run_now("codex", "anthropic", lambda d: BY_SOCKET, tmp_path, change=own_provider)
    assert run.done.returncode == 0 and run.files["greeting.txt"] == "hello new world\n", str(run)
    assert [(x.method, x.status) for x in run.exchanges] == [("GET", 426), ("POST", 200), ("POST", 200)], str(run)
    assert told(run)[0].startswith("[simulated] all done"), str(run)


def test_codex_is_stopped_by_an_error(tmp_path):
    """A provider that stays overloaded is asked as often as the gateway wants, not thirty times as often."""
    run = run_now("codex", "anthropic", TURNS["codex"], tmp_path, rules=[{"fault": "529", "times": 1000}])
    assert run.done.returncode == 1 and run.asked()["POST /v1/responses"] == 1, str(run)
    assert 1 <= len(run.sent) <= 4, run.sent
    assert run.calls()[0]["ended"]["why"] == "overloaded", run.records
