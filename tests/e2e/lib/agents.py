"""Coding agents as docs/reference/clients.md says to set them up, each run with a home, a folder to work in, a gateway and a
simulated provider of its own, everything between them kept (lib/tap.py)."""

import collections
import json
import os
import re
import shutil
import struct
import subprocess
import time
import zlib

from . import proc
from .client import fetch
from .tap import Nowhere, Tap

HERE = proc.ROOT / "tests/e2e/agents"
PAGE = proc.ROOT / "docs/reference/clients.md"
PACKAGES = HERE / "node_modules"
PROGRAMS = {  # command: package as package.json names it, executable in it
    "claude": ("@anthropic-ai/claude-code-linux-x64", "claude"),
    "codex": ("@openai/codex-linux-x64", "vendor/x86_64-unknown-linux-musl/bin/codex"),
    "gemini": ("@google/gemini-cli", "bundle/gemini.js"),
    "cline": ("@cline/cli-linux-x64", "bin/cline"),
    "opencode": ("opencode-linux-x64-baseline", "bin/opencode"),
}
SECTIONS = {"claude": "Claude Code", "codex": "Codex CLI", "gemini": "Gemini CLI", "cline": "Cline", "opencode": "opencode"}
UPSTREAMS = {  # kind, behind the simulator's address, model, format in the simulator's account
    "chat": ("openai-compatible", "/v1", "gpt-4o", "openai-chat"),
    "responses": ("openai", "/v1", "gpt-5.2", "openai-responses"),
    "anthropic": ("anthropic", "/v1", "claude-opus-4-6", "anthropic"),
    "gemini": ("gemini", "/v1beta", "gemini-2.5-flash", "gemini"),
}
SECONDS = 240 * proc.PATIENCE  # an agent that is stuck; they need 1 to 6 s, and 20 on a busy machine

def png(pixels):
    """A grey square."""
    def chunk(kind, data):
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))
    rows = zlib.compress(b"".join(b"\0" + b"\x80" * pixels for _ in range(pixels)))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", pixels, pixels, 8, 0, 0, 0, 0)) + chunk(b"IDAT", rows) + chunk(
        b"IEND", b"")


DOT = png(64)
Guide = collections.namedtuple("Guide", "version files script")


def guide(agent):
    """What the page says about an agent: its version, files by name, the shell's text."""
    text = PAGE.read_text().split(f"\n## {SECTIONS[agent]}\n", 1)[1].split("\n## ", 1)[0]
    files = dict(re.findall(r"^`~/([^`]+)`:\n\n```\w+\n(.*?)^```$", text, re.MULTILINE | re.DOTALL))
    script = "".join(re.findall(r"^```sh\n(.*?)^```$", text, re.MULTILINE | re.DOTALL))
    return Guide(re.search(r"^Version (\S+)\.$", text, re.MULTILINE)[1], files, script)


def pinned(agent):
    """The version in package.json; the platform's packages of Codex have theirs in the version."""
    wanted = json.loads((HERE / "package.json").read_text())["optionalDependencies"][PROGRAMS[agent][0]]
    return re.sub(r"^npm:[^@]*@[^@]+@|-linux-x64$", "", wanted)


def missing(agent):
    """Why it cannot be run; None: it can."""
    package, path = PROGRAMS[agent]
    program = PACKAGES / package / path
    if not program.exists():
        return f"{SECTIONS[agent]} is not installed: {package} (dev/setup.sh test takes it from the npm registry where that has it)"
    if program.suffix == ".js" and shutil.which("node") is None:
        return f"{SECTIONS[agent]} needs node"
    return None


def task(agent, *turns):
    """A prompt with a script for the simulated model. opencode puts what has a blank between quotes, and escapes it."""
    script = json.dumps(turns, separators=(",", ":")).replace(" ", "\\u0020")
    return f"Please:[[sim{script}]]" if agent == "opencode" else f"Please do this: [[sim {script}]]"


class Run:
    """One task done by one agent; all that can be asked about it afterwards."""

    def __init__(self, agent, upstream, turns, directory, model="my-model", models=(), change=lambda text: text, env=None,
                 rules=(), sim=(), also=None):
        self.agent, self.upstream, self.home, self.work = agent, upstream, directory / "home", directory / "work"
        self.work.mkdir(parents=True)
        (self.work / "greeting.txt").write_text("hello old world\n")
        (self.work / "dot.png").write_bytes(DOT)
        kind, path, up_model, self.format = UPSTREAMS[upstream]
        self.elsewhere = Nowhere()
        sim_args, sim, gateway, up_tap, tap = sim, None, None, None, None
        try:
            sim = proc.Sim(*sim_args)
            for rule in rules:  # faults (docs/reference/simulator.md)
                assert fetch(sim.address, "POST", "/sim/rules", json.dumps(rule).encode()).status < 300
            up_tap = Tap(sim.address)
            gateway = proc.Gateway(proc.merge({
                "providers": {"up": {"kind": kind, "base_url": up_tap.url + path, "keys": ["key-of-the-gateway"], "direct": True}},
                "models": {m: {"targets": ["up/" + up_model]} for m in (model, *models)}}, also or {}))
            tap = Tap(gateway.address)
            self.key = gateway.key.text
            self._run(guide(agent), turns, directory, lambda text: change(text).replace("my-model", model).replace(
                "http://127.0.0.1:8080", tap.url), env or {})
            self.exchanges, self.sent = tap.exchanges(), up_tap.exchanges()
            self.sent_bytes = b"".join(bytes(wire[0]) for wire in up_tap.wires)
            self.records = gateway.wait_records(len(self.exchanges)) if self.exchanges else []
            self.served = sim.count()
        finally:
            for thing in (tap, up_tap, self.elsewhere):
                if thing is not None:
                    thing.close()
            for process in (gateway, sim):
                if process is not None:
                    process.stop(grace=3.0)
            if gateway is not None:
                gateway.cleanup()

    def _run(self, how, turns, directory, fill, more):
        programs = directory / "bin"
        programs.mkdir()
        package, path = PROGRAMS[self.agent]
        program = PACKAGES / package / path
        if program.suffix == ".js":
            (programs / self.agent).write_text(f'#!/bin/sh\nexec node "{program}" "$@"\n')
            (programs / self.agent).chmod(0o755)
        else:
            (programs / self.agent).symlink_to(program)
        for name, text in how.files.items():
            file = self.home / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(fill(text))
        self.home.mkdir(exist_ok=True)
        env = {"PATH": f"{programs}:{os.environ['PATH']}", "HOME": str(self.home), "TMPDIR": str(directory), "LANG": "C.UTF-8",
               "TERM": "xterm-256color", "SLUICE_KEY": self.key, "TASK": task(self.agent, *turns(self.work)),
               "HTTPS_PROXY": self.elsewhere.url, "HTTP_PROXY": self.elsewhere.url, "NO_PROXY": "127.0.0.1,localhost", **more}
        began = time.monotonic()
        self.done = subprocess.run(["sh", "-euc", fill(how.script)], cwd=self.work, env=env, stdin=subprocess.DEVNULL,
                                   capture_output=True, text=True, timeout=SECONDS)
        self.seconds = time.monotonic() - began
        self.files = {p.name: p.read_text(errors="replace") for p in self.work.iterdir() if p.is_file()}

    def __str__(self):
        asked = "\n".join(f"{x.method} {x.target} {x.status} {x.answer[:300] if x.status != 200 else ''}" for x in self.exchanges)
        return (f"{self.agent} on {self.upstream}: exit {self.done.returncode} after {self.seconds:.1f} s\n"
                f"{self.done.stdout[-3000:]}\n{self.done.stderr[-3000:]}\n{asked}")

    def lines(self):
        """The JSON lines that it printed."""
        return [json.loads(line) for line in self.done.stdout.splitlines() if line.startswith("{")]

    def dropped(self):
        """All that x-sluice-dropped named, indexes as []."""
        found = set()
        for x in self.exchanges:
            found |= {re.sub(r"\[\d+\]", "[]", what) for what in x.answer_headers.get("x-sluice-dropped", "").split(", ") if what}
        return found

    def asked(self):
        """How often each method and path was asked, without the query."""
        return collections.Counter(f"{x.method} {x.target.partition('?')[0]}" for x in self.exchanges)

    def calls(self):
        """The records of calls to a model that went to the provider."""
        return [r for r in self.records if r.get("attempts")]

    def tokens(self, *classes):
        return sum(r["usage"].get(c, 0) for r in self.calls() for c in classes)
