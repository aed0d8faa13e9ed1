"""`sluice drill`: the failure exam on a configuration, with nothing but simulators behind it."""

import json
import os
import subprocess

import pytest

from lib.client import fetch
from lib.proc import PATIENCE, address_of, clean_environment, run_sluice, scratch
from lib.wait import LONG

SCENARIOS = ["rate-limit", "rate-limit-stays", "error-once", "overload", "reset", "silence", "slow-first-token", "stream-cut",
             "stream-stalls", "malformed", "missing-end", "context-overflow", "content-filter", "prefill-refused", "flapping",
             "accounting", "expired-certificate", "name-lookup", "no-credit", "revoked-key", "region-outage", "all-down"]
TWO = {"providers": {"one": {"kind": "openai", "keys": ["sk-the-real-key-1"]}, "two": {"kind": "anthropic", "keys": ["sk-the-real-key-2"]}},
       "models": {"main": {"targets": ["one/gpt-4o", "two/claude-haiku-4-5"]}}}
WAIT = f"{1 * PATIENCE:.0f}s"


@pytest.fixture
def folder():
    path = scratch("drilltest")
    yield path
    subprocess.run(["rm", "-rf", str(path)], check=True)


def drill(folder, config, *args, env=None):
    file = folder / "drilled.yaml"
    file.write_text(json.dumps(config))
    env = clean_environment({"TMPDIR": str(folder), **(env or {})})
    done = run_sluice("drill", "-c", str(file), "--wait", WAIT, *args, env=env, timeout=300)
    assert [p.name for p in folder.iterdir() if p.name.startswith("sluice-drill")] == [], "the temporary directory is left"
    return done


def card_of(done):
    return json.loads(done.stdout)


def test_two_healthy_targets(folder):
    """22 of 22 for the defaults; and what the JSON holds stays what it is."""
    done = drill(folder, TWO, "--json")
    card = card_of(done)
    rows = card["routes"][0]["scenarios"]
    assert [r["name"] for r in rows] == SCENARIOS
    assert not [r for r in rows if not r["pass"]] and done.returncode == 0, (done.stdout, done.stderr)
    assert (card["version"], card["passed"], card["of"], card["not_drilled"], card["pass"]) == (1, 22, 22, 0, True)
    assert set(card) == {"version", "config", "longest_deadline_ms", "took_ms", "passed", "of", "not_drilled", "pass", "routes"}
    route = card["routes"][0]
    assert set(route) == {"route", "model", "targets", "drilled", "passed", "of", "undisturbed", "scenarios"}
    assert route["targets"] == [{"provider": "one", "model": "gpt-4o"}, {"provider": "two", "model": "claude-haiku-4-5"}]
    for row in rows:
        assert set(row) == {"name", "text", "pass", "advice", "runs"} and row["advice"] == ""
        for run in row["runs"]:
            assert set(run) == {"stream", "pass", "by_policy", "fault_met", "requests", "failed", "status", "saw", "why", "first", "answered",
                                "attempts", "outcome", "took_ms", "deadline_ms", "tokens", "cost_usd"}
            assert run["fault_met"] and run["failed"] == 0
    by_name = {r["name"]: r for r in rows}
    for run in by_name["overload"]["runs"]:
        assert run["answered"] == route["targets"][1] and run["first"] == route["targets"][0]
    for run in by_name["accounting"]["runs"]:
        assert run["tokens"]["ledger"] == run["tokens"]["providers"] > 0 and run["requests"] == 8
    assert by_name["silence"]["runs"][1]["deadline_ms"] == 30000  # as it is configured, not as it was shortened
    assert [r["name"] for r in rows if any(run["by_policy"] for run in r["runs"])] == ["content-filter", "all-down"]


def test_one_target(folder):
    done = drill(folder, {"providers": TWO["providers"], "models": {"main": {"targets": ["one/gpt-4o"]}}}, "--scenario", "overload")
    assert done.returncode == 1 and "FAIL overload" in done.stdout
    assert "model `main` has one target: add a second, at another provider than `one`" in done.stdout, done.stdout


@pytest.mark.parametrize("rescue", ["error", "restart"])
def test_declared_policy(folder, rescue):
    """An error within the stream is what `rescue: error` promises, and so passes."""
    card = card_of(drill(folder, {**TWO, "resilience": {"rescue": rescue}}, "--scenario", "stream-cut", "--json"))
    run = card["routes"][0]["scenarios"][0]["runs"][0]
    assert card["pass"] and run["by_policy"] and run["stream"], card
    assert ("error" if rescue == "error" else "anew") in run["saw"]


def test_what_is_drilled(folder):
    """Each route once, by whichever model leads there; one that nobody leads to by its name. Advice names what is shared."""
    config = {"providers": TWO["providers"],
              "models": {"a": {"route": "r"}, "b": {"route": "r"}, "c": {"targets": ["one/gpt-4o", "one/gpt-4o-mini"]}},
              "routes": {"r": [{"use": ["one/gpt-4o", "two/claude-haiku-4-5"]}], "inner": [{"use": ["one/gpt-4o"]}],
                         "lonely": {"on_request": True, "rules": [{"use": ["two/claude-haiku-4-5"]}]}}}
    card = card_of(drill(folder, config, "--scenario", "no-credit", "--json"))
    assert [(r["route"], r["model"], r["passed"]) for r in card["routes"]] == [("r", "a", 1), ("", "c", 0), ("lonely", "a", 0)]
    assert card["routes"][1]["scenarios"][0]["advice"] == "all targets of model `c` are at `one`: add one at another provider"
    assert "route `lonely` has one target" in card["routes"][2]["scenarios"][0]["advice"]
    small = {**config, "models": {"d": {"targets": ["two/claude-haiku-4-5", "one/gpt-4o"]}, "e": {"targets": ["one/gpt-4o"]},
                                  "f": {"targets": ["one/gpt-4o", "two/claude-haiku-4-5"]}}, "routes": {}}
    card = card_of(drill(folder, small, "--scenario", "context-overflow", "--json"))
    told = {r["model"]: r["scenarios"][0] for r in card["routes"]}
    assert [(r["pass"], r["by_policy"], r["saw"]) for r in told["d"]["runs"]] == [(True, True, "the refusal: no target takes more")] * 2
    assert not told["e"]["pass"] and told["f"]["pass"] and not told["f"]["runs"][0]["by_policy"]
    only = card_of(drill(folder, config, "--scenario", "no-credit", "--json", "--route", "lonely"))
    assert [r["route"] for r in only["routes"]] == ["lonely"]


def test_nothing_leaves_the_machine(folder):
    """No lookup, no connection but to this machine, no key of the user's in what is sent: seen from the system calls."""
    if subprocess.run(["which", "strace"], capture_output=True).returncode != 0:
        pytest.skip("no strace here")
    trace = folder / "trace"
    config = {"providers": {**TWO["providers"],
                            "cloud": {"kind": "bedrock", "region": "eu-central-1", "aws": {"access_key_id": "AKIATHEREALKEY000000",
                                                                                          "secret_access_key": "s" * 40}},
                            "goo": {"kind": "gemini", "keys": ["AIza-the-real-key"], "proxy": {"url": "http://192.0.2.1:3128"}}},
              "models": {"main": {"targets": ["one/gpt-4o", "two/claude-haiku-4-5"]},
                         "other": {"targets": ["goo/gemini-2.5-flash", "cloud/amazon.nova-pro-v1:0"]}}}
    file = folder / "drilled.yaml"
    file.write_text(json.dumps(config))
    from lib.proc import SLUICE
    for scenario in ("name-lookup", "overload"):
        done = subprocess.run(["strace", "-f", "-qq", "-s", "4096", "-e", "trace=connect,sendto,sendmsg,write,writev", "-o", str(trace), SLUICE, "drill",
                               "-c", str(file), "--scenario", scenario], env=clean_environment({"TMPDIR": str(folder)}), capture_output=True,
                              text=True, timeout=300)
        seen = trace.read_text(errors="replace")
        if "PTRACE" in done.stderr or not seen:
            pytest.skip("nobody may be traced here")
        assert done.returncode == 0, done.stdout + done.stderr
        connects = [line for line in seen.splitlines() if "connect(" in line]
        assert connects and not [line for line in connects if "127.0.0.1" not in line], connects
        assert "the-real-key" not in seen and "THEREALKEY" not in seen


def test_wrong_usage(folder):
    for args in (["--scenario", "no-such"], ["--wait", "1ms"], ["--parallel", "0"]):
        assert run_sluice("drill", *args).returncode == 2
    listed = run_sluice("drill", "--list").stdout.splitlines()
    assert [line.split()[0] for line in listed] == SCENARIOS
    file = folder / "bad.yaml"
    file.write_text("providers: {}\n")
    done = run_sluice("drill", "-c", str(file))
    assert done.returncode == 1 and "there is no provider" in done.stderr
    assert run_sluice("drill", "-c", str(drilled(folder)), "--route", "none").returncode == 1


def drilled(folder):
    file = folder / "drilled.yaml"
    file.write_text(json.dumps(TWO))
    return os.fspath(file)


# ---- on live traffic ----

@pytest.fixture
def staging(make):
    sims = [make.sim(), make.sim()]
    kind = {"kind": "openai-compatible", "keys": ["k"]}
    return make.gateway({"providers": {n: {**kind, "base_url": s.url + "/v1"} for n, s in zip(("one", "two"), sims)},
                         "models": {"both": {"targets": ["one/a", "two/b"]}, "lone": {"targets": ["one/a"]}},
                         "resilience": {"breaker": False, "retry": {"attempts": 2}}, "drill": {"live": True}})


def ask_live(g, model):
    body = json.dumps({"model": model, "messages": [{"role": "user", "content": "x"}]}).encode()
    return fetch(g.address, "POST", "/v1/chat/completions", body, key=g.key)


def order(g, **more):
    body = more.pop("body", None) or {"target": "one/a", "fault": "503", "percent": 100, "for_ms": 60000, **more}
    answer = fetch(address_of(g.find("admin.ready")[0]["address"]), "POST", "/api/drill", json.dumps(body).encode(), [("content-type", "application/json")])
    return answer.status, answer.json()


def test_live(staging):
    """The fault is real for everybody but the provider: another target answers, nothing is sent or paid, and everywhere it is said."""
    g = staging
    assert order(g)[0] == 200
    assert order(g)[0] == 409
    answer = ask_live(g, "both")
    assert answer.status == 200 and answer.get("x-sluice-target") == "two/b"
    first = g.record(answer.id)["attempts"][0]
    assert (first["outcome"], first["detail"], first["sent"]) == ("overloaded", "a drill", False) and not first["cost_usd"]
    status, told = order(g, body={"stop": True})
    assert (told["running"], told["ended"], told["attempts"], told["faults"], told["client_failures"]) == (False, "stopped", 1, 1, 0)
    assert ask_live(g, "both").get("x-sluice-target") == "one/a"
    assert "sluice_drill_faults_total 1" in g.admin_get("/metrics").body.decode()
    began, ended = g.wait_event("drill.began"), g.wait_event("drill.ended")
    assert (began["target"], began["fault"], began["percent"], ended["why"]) == ("one/a", "503", 100, "stopped") and began["by"].startswith("127.")


def test_live_bounds(staging):
    """It ends when clients see more of it than was allowed, and when its time is over."""
    g = staging
    assert order(g, max_failures=1)[0] == 200
    seen = [ask_live(g, "lone").status for _ in range(3)]
    assert seen == [503, 503, 200]
    assert g.wait_event("drill.ended")["why"] == "failures"
    done = run_sluice("drill", "-c", str(g.directory / "sluice.yaml"), "--live", "one", "--fault", "reset", "--share", "50", "--for", "100ms",
                      "--json", env=clean_environment({"SLUICE_ADMIN_LISTEN": g.find("admin.ready")[0]["address"]}))
    assert done.returncode == 0 and json.loads(done.stdout)["ended"] == "time", done
    for wrong in ({"fault": "x"}, {"percent": 0}, {"percent": 101}, {"for_ms": 4000000}, {"for_ms": 0}, {"target": ""}, {"max_failures": -1}):
        assert order(g, **wrong)[0] in (400, 403), wrong
    assert ask_live(g, "lone").status == 200


BEHIND = {"stream-cut": "reset", "stream-stalls": ("stalled", "between_bytes_timeout"), "malformed-chunk": "malformed", "missing-end": "truncated"}


def test_live_behind_the_first_byte(make):
    """The provider is asked and answers; what breaks is on this side. Another target goes on; with nobody left the client is told."""
    sims = [make.sim("--seed", "7") for _ in range(2)]
    kind = {"kind": "openai-compatible", "keys": ["k"]}
    wait = f"{1000 * PATIENCE:.0f}ms"
    g = make.gateway({"providers": {n: {**kind, "base_url": s.url + "/v1"} for n, s in zip(("one", "two"), sims)},
                      "models": {"both": {"targets": ["one/a", "two/a"]}, "lone": {"targets": ["one/a"]}},
                      "resilience": {"breaker": False, "retry": {"attempts": 3}, "deadline": {"between_tokens": wait, "between_bytes": wait}},
                      "drill": {"live": True}})

    def ask(model, stream):
        body = {"model": model, "stream": stream, "messages": [{"role": "user", "content": "tell me"}]}
        answer = fetch(g.address, "POST", "/v1/chat/completions", json.dumps(body).encode(), key=g.key, timeout=LONG)
        if not stream or answer.status != 200:
            return answer, answer.json().get("choices", [{"message": {"content": None}}])[0]["message"]["content"], answer.status == 200
        events = [line[6:] for line in answer.body.decode().split("\n") if line.startswith("data: ")]
        values = [json.loads(e) for e in events if e != "[DONE]"]
        text = "".join(c["delta"].get("content") or "" for v in values for c in v.get("choices", []))
        return answer, text, events[-1] == "[DONE]" and not any("error" in v for v in values)

    want = ask("both", True)[1]
    assert want and ask("lone", False)[1] == want
    for fault, outcome in BEHIND.items():
        assert order(g, fault=fault, max_failures=1)[0] == 200, fault
        for stream in (True, False):
            answer, text, whole = ask("both", stream)
            first = g.record(answer.id)["attempts"][0]
            assert first["sent"] and first["detail"] == "a drill" and first["outcome"] in (outcome if isinstance(outcome, tuple) else (outcome,)), (fault, stream, first)
            assert text == want and whole, (fault, stream, text)
        seen = []
        for stream in (True, False):
            seen.append(ask("lone", stream)[2])
        assert seen == [False, False], (fault, seen)  # the second one was one too many
        ended = g.wait_event("drill.ended", where=lambda e: e["fault"] == fault)  # noqa: B023
        assert (ended["fault"], ended["why"], ended["failures"]) == (fault, "failures", 2) and ended["faults"] >= 4, ended
        assert ask("lone", True)[1:] == (want, True)


def test_live_is_off(staging):
    """Without the setting nobody can; a page in a browser cannot at all."""
    g = staging
    g.reload({**g.config, "drill": {"live": False}})
    status, told = order(g)
    assert status == 403 and "drill.live" in told["error"]
    plain = fetch(address_of(g.find("admin.ready")[0]["address"]), "POST", "/api/drill", b"{}", [("content-type", "text/plain")])
    assert plain.status == 415
    assert ask_live(g, "both").get("x-sluice-target") == "one/a"
