"""The first minute of a newcomer: one command, and what it prints works when pasted. Also the commands around it."""

import json
import re
import subprocess
import sys
import time

import pytest

from lib.client import fetch
from lib.proc import PATIENCE, SLUICE, Process, address_of, clean_environment, run_sluice, scratch
from lib.wait import LONG, quickest, wait_for


class FirstRun(Process):
    """`sluice serve --dev`, without a configuration; ports from the environment."""

    def __init__(self, directory, **env):
        environment = clean_environment({"SLUICE_STATE_DIR": str(directory / "state"), "SLUICE_LISTEN": "127.0.0.1:0",
                                         "SLUICE_ADMIN_LISTEN": "127.0.0.1:0", "HOME": str(directory), **env})
        super().__init__("first run", [SLUICE, "serve", "--dev"], env=environment, cwd=directory)
        self.wait_event("serve.ready")
        self.ready_after = time.monotonic() - self.started
        self.address = address_of(self.find("listen.ready")[0]["address"])
        wait_for(lambda: any("client.chat" in line for line in self.out_lines), "the banner")
        self.wait_event("keys.loaded", where=lambda e: e["count"] > 0)
        self.text = "\n".join(self.out_lines)


def snippets(text):
    curl = re.search(r"^\s*(curl .*(?:\\\n.*)*)$", text, re.MULTILINE)[1]
    python = re.search(r"^(\s*)from openai import OpenAI\n(?:\1.*\n?){1,4}", text, re.MULTILINE)
    lines = [line.strip() for line in python[0].strip().splitlines()]
    return curl, "\n".join(lines)


@pytest.fixture
def home():
    import shutil
    directory = scratch("home")
    yield directory
    shutil.rmtree(directory, ignore_errors=True)


def test_what_is_printed_works(home, make):
    first = make.adopt(FirstRun(home))
    assert "simulated" in first.text.lower() and f"{first.address[1]}" in first.text
    key = re.search(r"sk-sluice-[A-Za-z0-9]+", first.text)[0]
    assert key not in "\n".join(first.lines), "the key is on the screen and in no log"
    curl, python = snippets(first.text)
    done = subprocess.run(["sh", "-c", curl], capture_output=True, text=True, timeout=LONG, env=clean_environment())
    assert done.returncode == 0, curl + done.stderr
    answer = json.loads(done.stdout)
    assert answer["choices"][0]["message"]["content"], answer
    assert "simulat" in done.stdout.lower(), "it says plainly that it is simulated"
    assert len(python.splitlines()) == 3
    done = subprocess.run([sys.executable, "-c", python], capture_output=True, text=True, timeout=LONG, env=clean_environment())
    assert done.returncode == 0 and done.stdout.strip(), python + done.stderr
    listed = fetch(first.address, "GET", "/v1/models", key=key).json()
    assert listed["data"]
    assert first.stop() == 0
    # Again: quick, the same key, and the ledger still knows.
    again = []

    def starts_in():
        if again:
            assert again[-1].stop() == 0
        again.append(make.adopt(FirstRun(home)))
        return again[-1].ready_after
    quickest(starts_in, 2.0 * PATIENCE, "a second start", tries=5)
    second = again[-1]
    assert key not in second.text
    model = listed["data"][0]["id"]
    again = fetch(second.address, "POST", "/v1/chat/completions",
                  {"model": model, "messages": [{"role": "user", "content": "x"}]}, key=key)
    assert again.status == 200, again
    assert second.stop() == 0
    said = json.loads(run_sluice("usage", "--state", home / "state", "--json", check=True).stdout)
    assert said["total"]["attempts"] == 3 and said["total"]["open"] == 0


def test_key_in_the_environment_serves_that_provider(home, make):
    up = make.upstream()
    first = make.adopt(FirstRun(home, OPENAI_API_KEY="sk-env-secret", OPENAI_BASE_URL=up.url))
    assert "simulated" not in first.text.lower() and "sk-env-secret" not in first.text
    curl, _ = snippets(first.text)
    done = subprocess.run(["sh", "-c", curl], capture_output=True, text=True, timeout=LONG, env=clean_environment())
    assert "choices" in json.loads(done.stdout), done.stdout
    assert up.last().get("authorization") == "Bearer sk-env-secret"


def test_ctrl_c_ends_it(home, make):
    import signal
    first = make.adopt(FirstRun(home))
    first.signal(signal.SIGINT)
    assert first.wait_exit() == 0


# ---- check, explain, and other commands ----

BAD = """providers:
  openai: {kind: openia, keys: ["${NO_SUCH_VARIABLE_HERE}"]}
  local: {kind: openai-compatible, base_uri: http://127.0.0.1:1/v1}
models:
  m: {targets: [nobody/x]}
listn:
  address: 127.0.0.1:0
resilience:
  deadline: {total: 5 parsecs}
"""


def test_check_shows_all_errors_at_once(tmp_path):
    path = tmp_path / "sluice.yaml"
    path.write_text(BAD)
    done = run_sluice("check", "-c", path)
    text = done.stdout + done.stderr
    assert done.returncode == 1
    for place, words in (("2:", "openia"), ("3:", "base_ur"), ("6:1", "listen"), ("9:", "parsecs"), ("2:", "NO_SUCH_VARIABLE_HERE")):
        assert re.search(re.escape(f"{path.name}:{place}") + r".*", text), (place, text)
        assert words in text, (words, text)
    path.write_text(BAD.split("models:")[0].replace("openia", "openai").replace("base_uri", "base_url")
                    .replace("${NO_SUCH_VARIABLE_HERE}", "sk-secret-in-file-1234567890"))
    done = run_sluice("check", "-c", path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "secret-in-file" not in done.stdout + done.stderr


@pytest.mark.parametrize("text", ["", "[]", "a: [", "\t", "a: &x *x", "a: 1\na: 2\n", "\xff\xfe", "providers: 7", "- a\n- b",
                                  "a" * 100000, "{" * 5000, "providers: !!python/object:os.system x", "\x00"])
def test_malformed_configuration(tmp_path, text):
    path = tmp_path / "sluice.yaml"
    path.write_bytes(text.encode("latin-1"))
    done = run_sluice("check", "-c", path)
    assert done.returncode in (0, 1), done
    if done.returncode:
        assert "sluice.yaml" in done.stderr + done.stdout


def test_alias_bomb_is_refused(tmp_path):
    path = tmp_path / "sluice.yaml"
    lines = ["a: &a [x,x,x,x,x,x,x,x,x]"] + [f"{b}: &{b} [{','.join(['*' + a] * 9)}]" for a, b in zip("abcdefgh", "bcdefghi")]
    path.write_text("\n".join(lines))

    def refused_after():
        began = time.monotonic()
        assert run_sluice("check", "-c", path).returncode == 1
        return time.monotonic() - began
    quickest(refused_after, 3.0 * PATIENCE, "refusing it", tries=5)


def test_explain(tmp_path):
    done = run_sluice("explain", "listen.limits.body_bytes", check=True)
    assert "64MiB" in done.stdout
    done = run_sluice("explain", "listen.limits.body_byte")
    assert done.returncode != 0 and "body_bytes" in done.stdout + done.stderr
    path = tmp_path / "sluice.yaml"
    path.write_text('providers:\n  o: {kind: openai, keys: ["sk-secret-shown-nowhere-123"]}\n')
    done = run_sluice("explain", "-c", path, "providers")
    assert "shown-nowhere" not in done.stdout + done.stderr


def test_version_help_and_wrong_usage():
    assert "sluice" in run_sluice("version", check=True).stdout
    assert "serve" in run_sluice("help", check=True).stdout
    for command in ("serve", "check", "explain", "keys", "usage", "sim"):
        done = run_sluice(command, "--help", check=True)
        lines = done.stdout.splitlines()
        assert lines and len(lines) <= 40 and all(len(line) <= 100 for line in lines), done.stdout
        assert run_sluice(command, "--no-such-option").returncode == 2
    assert run_sluice("no-such-command").returncode == 2
    schema = json.loads(run_sluice("schema", check=True).stdout)
    assert "providers" in schema["properties"]


def test_missing_file_is_told():
    done = run_sluice("serve", "-c", "/nonexistent/sluice.yaml")
    assert done.returncode != 0 and "/nonexistent/sluice.yaml" in done.stderr


def test_open_operators_port_is_refused(home):
    """With no token only loopback may connect, so listening elsewhere is refused."""
    path = home / "sluice.yaml"
    path.write_text("admin: {address: 0.0.0.0:0}\nproviders:\n  s: {kind: sim}\n")
    done = run_sluice("check", "-c", path)
    assert done.returncode == 1 and "admin" in done.stdout + done.stderr
