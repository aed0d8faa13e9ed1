"""The official OpenAI SDK for Node: runs node/client.mjs once and shows each of its cases as a test."""

import http.server
import json
import pathlib
import shutil
import subprocess
import threading

import pytest

from conftest import Makers, relay_config
from lib import provider
from lib.proc import clean_environment, merge
from lib.upstream import Answer, delta, stream_answer
from lib.wait import LONG

HERE = pathlib.Path(__file__).parent / "node"
CASES = ["chat", "stream", "usage", "helper", "many", "tools", "toolsStreamed", "embeddings", "completions", "models", "errors",
         "retries", "timeout", "leaveEarly", "abort"]


def answer(seen):
    model = seen.json()["model"]
    if model == "hang":
        return Answer("hang")
    if model == "endless":
        return stream_answer(delta("one"), "hang")
    return provider.answer(seen)


@pytest.fixture(scope="module")
def results():
    if not shutil.which("node"):
        pytest.skip("node is not installed")
    if not (HERE / "node_modules/openai").exists():
        pytest.skip("the Node packages are missing: dev/setup.sh test installs them")
    makers = Makers()
    up = makers.upstream()
    up.answer = answer
    g = makers.gateway(merge(relay_config(up.url), {"providers": {"up": {"open_models": True}},
                                                    "resilience": {"retry": {"attempts": 1}}}))

    class Count(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(str(len(up.requests)).encode())

        def log_message(self, *_):
            pass
    control = http.server.HTTPServer(("127.0.0.1", 0), Count)
    threading.Thread(target=control.serve_forever, daemon=True).start()
    done = subprocess.run(["node", "client.mjs"], cwd=HERE, capture_output=True, text=True, timeout=280,
                          env=clean_environment({"SLUICE_URL": g.url, "SLUICE_KEY": g.key.text,
                                                 "UPSTREAM_CONTROL": f"http://127.0.0.1:{control.server_port}/"}))
    control.shutdown()
    found = {r["case"]: r for r in map(json.loads, done.stdout.splitlines())}
    found["stderr"] = done.stderr
    left = [s for s in up.requests if s.json()["model"] in ("hang", "endless")]
    found["cancelled"] = len(left) == 3 and all(s.gone.wait(LONG) for s in left)
    yield found
    makers.end()


@pytest.mark.parametrize("name", CASES)
def test_node(results, name):
    assert name in results, results["stderr"]
    assert results[name]["ok"], results[name].get("why")


def test_every_case_is_shown(results):
    assert set(CASES) == set(results) - {"stderr", "cancelled"}


def test_what_clients_left_was_cancelled(results):
    assert results["cancelled"]
