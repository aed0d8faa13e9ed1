"""Processes that tests own: started with a file or arguments, watched through their JSON log lines, ended by pid.

A process that prints a sanitizer's report fails the test that owns it, whatever else happened.
"""

import collections
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time

from .wait import LONG, NotYet, wait_for

ROOT = pathlib.Path(__file__).resolve().parents[3]
SLUICE = os.path.abspath(os.path.join(ROOT, os.environ.get("SLUICE_BIN", "build/release/src/main/sluice")))
SANITIZED = bool(re.search(r"asan|tsan|sanit", SLUICE)) or "SLUICE_SLOW" in os.environ
# What says how fast the gateway must be is wider for instrumented builds. (How long to wait for it: wait.LONG.)
PATIENCE = 5.0 if SANITIZED else 1.0
REPORTS = re.compile(r"ERROR: AddressSanitizer|ERROR: LeakSanitizer|WARNING: ThreadSanitizer|runtime error:|"
                     r"UndefinedBehaviorSanitizer|sl_check|check failed", re.IGNORECASE)

live = []  # every Process that is not yet stopped, for the report of a failed test


def clean_environment(extra=None):
    """No provider's key of the person who runs the tests, no proxy, one place for temporary files."""
    env = {k: v for k, v in os.environ.items()
           if not re.match(r"(OPENAI|ANTHROPIC|GEMINI|GOOGLE|ARK|AZURE|SLUICE)_|.*_proxy$", k, re.IGNORECASE)}
    env["NO_PROXY"] = "127.0.0.1,localhost"
    env["RELAY_PROVIDER_KEY"] = "provider-secret-1"  # what conftest.relay_config's provider is given
    env.update(extra or {})
    return env


def scratch(prefix):
    """A directory for state, in memory where the machine has that."""
    base = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    return pathlib.Path(tempfile.mkdtemp(prefix=f"sluice-{prefix}-", dir=base))


class Process:
    """One child process and its log lines."""

    def __init__(self, name, argv, env=None, cwd=None, stdout=subprocess.PIPE):
        self.name = name
        self.lines = []      # raw text of standard error
        self.events = []     # those lines that are JSON
        self.out_lines = []  # standard output
        self._news = threading.Condition()
        self.started = time.monotonic()
        self.child = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=stdout, stderr=subprocess.PIPE,
                                      env=env or clean_environment(), cwd=cwd)
        self.pid = self.child.pid
        self._readers = [threading.Thread(target=self._read, args=(self.child.stderr, True), daemon=True)]
        if stdout == subprocess.PIPE:
            self._readers.append(threading.Thread(target=self._read, args=(self.child.stdout, False), daemon=True))
        for reader in self._readers:
            reader.start()
        live.append(self)

    def _read(self, stream, is_log):
        for raw in stream:
            line = raw.decode("utf-8", "replace").rstrip("\n")
            event = None
            if is_log and line.startswith("{"):
                try:
                    event = json.loads(line)
                except ValueError:
                    pass
            with self._news:
                (self.lines if is_log else self.out_lines).append(line)
                if event is not None:
                    self.events.append(event)
                self._news.notify_all()
        stream.close()

    def find(self, name, since=0):
        """The log events of that name, from the `since`-th event on."""
        with self._news:
            return [e for e in self.events[since:] if e.get("event") == name]

    def mark(self):
        """The place in the log from which later waits look."""
        with self._news:
            return len(self.events)

    def wait_event(self, *names, since=0, seconds=LONG, where=None):
        """The first event of one of these names after `since` (for which `where` is true)."""
        end = time.monotonic() + seconds
        with self._news:
            while True:
                for event in self.events[since:]:
                    if event.get("event") in names and (where is None or where(event)):
                        return event
                if self.child.poll() is not None and not any(r.is_alive() for r in self._readers):
                    raise NotYet(f"{self.name} ended with {self.child.returncode} before {names}:\n" +
                                 "\n".join(self.lines[-40:] + self.out_lines[-10:]))
                left = end - time.monotonic()
                if left <= 0:
                    raise NotYet(f"{self.name}: no event {names} in {seconds} s:\n" + "\n".join(self.lines[-40:]))
                self._news.wait(min(left, 0.2))

    def signal(self, number):
        if self.child.poll() is None:
            self.child.send_signal(number)

    def wait_exit(self, seconds=LONG):
        """Exit code; all output has been read when this returns."""
        try:
            code = self.child.wait(seconds)
        except subprocess.TimeoutExpired:
            raise NotYet(f"{self.name} still runs after {seconds} s") from None
        for reader in self._readers:
            reader.join(5)
        return code

    def running(self):
        return self.child.poll() is None

    def kill(self):
        """kill -9, and gone."""
        if self.child.poll() is None:
            self.child.kill()
        code = self.wait_exit()
        if self in live:
            live.remove(self)
        return code

    def stop(self, grace=30.0, seconds=LONG):
        """SIGTERM; a second one when something still runs after `grace` seconds. Gives the exit code."""
        if self.child.poll() is None:
            self.child.send_signal(signal.SIGTERM)
            try:
                self.child.wait(grace)
            except subprocess.TimeoutExpired:
                self.child.send_signal(signal.SIGTERM)
                try:
                    self.child.wait(seconds)
                except subprocess.TimeoutExpired:
                    # A core or a stack would be nice; the log must do.
                    self.child.kill()
        code = self.wait_exit()
        if self in live:
            live.remove(self)
        self.check_reports()
        return code

    def check_reports(self):
        bad = [line for line in self.lines if REPORTS.search(line)]
        assert not bad, f"{self.name} reported:\n" + "\n".join(self.lines[-120:])

    def rss_kib(self):
        """Resident memory: VmRSS."""
        return int(re.search(r"VmRSS:\s+(\d+)", pathlib.Path(f"/proc/{self.pid}/status").read_text())[1])

    def fds(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def tail(self, lines=60):
        return "\n".join(self.lines[-lines:] + ["stdout: " + line for line in self.out_lines[-20:]])


def merge(base, *others):
    """Nested dictionaries into one; later ones win; None removes."""
    out = dict(base)
    for other in others:
        for name, value in other.items():
            if value is None:
                out.pop(name, None)
            elif isinstance(value, dict) and isinstance(out.get(name), dict):
                out[name] = merge(out[name], value)
            else:
                out[name] = value
    return out


def address_of(text):
    """("127.0.0.1", 8080) of "127.0.0.1:8080" or of an URL."""
    text = text.split("//")[-1].rstrip("/")
    host, port = text.rsplit(":", 1)
    return host.strip("[]"), int(port)


def run_sluice(*args, env=None, cwd=None, timeout=LONG, check=False, input=None):
    """Runs a sub-command to its end: CompletedProcess with text."""
    done = subprocess.run([SLUICE, *map(str, args)], capture_output=True, text=True, timeout=timeout, cwd=cwd,
                          env=clean_environment(env), input=input)
    assert not REPORTS.search(done.stderr), done.stderr
    if check:
        assert done.returncode == 0, f"sluice {' '.join(map(str, args))}: {done.returncode}\n{done.stdout}{done.stderr}"
    return done


Key = collections.namedtuple("Key", "id text name")


class Gateway(Process):
    """A running `sluice serve` with a configuration, a state directory and an access log of its own.

    `config` is a dictionary (JSON is YAML); listeners, state directory and access log are filled in where it says
    nothing. `text` is written as it is. A key named "test" is made before the first start.
    """

    def __init__(self, config=None, text=None, directory=None, key=True, env=None, args=(), wait=True):
        self.directory = pathlib.Path(directory) if directory else scratch("gateway")
        self.own_directory = directory is None
        self.state = self.directory / "state"
        self.access_path = self.directory / "access.jsonl"
        self.config_path = self.directory / "sluice.yaml"
        self.config = config
        self.key_path = self.directory / "key.json"
        self.exit_code = 0  # what the fixture expects at the end; None: anything
        if text is not None or config is not None:
            self.write(text if text is not None else config)
        if key and not self.key_path.exists():
            self.make_state_key()
        self.key = Key(**json.loads(self.key_path.read_text())) if key else None
        self._env = env
        self._args = args
        self.addresses = []
        self.admin = None
        super().__init__("gateway", [SLUICE, "serve", "-c", str(self.config_path), *args], env=clean_environment(env),
                         cwd=self.directory)
        if wait:
            self.wait_ready()

    def make_state_key(self):
        made = create_key(self.state, "test")
        self.key_path.write_text(json.dumps(made._asdict()))

    def full(self, config):
        return merge({
            "listen": {"address": ["127.0.0.1:0"]},
            "admin": {"address": "127.0.0.1:0"},
            "state": {"directory": str(self.state)},
            "log": {"access": {"path": str(self.access_path)}},
            "resilience": {"breaker": False},  # many tests make one target fail again and again; those of the breaker say so
        }, config)

    def write(self, config):
        """Replaces the file the way editors do: written beside it, then renamed."""
        text = config if isinstance(config, str) else json.dumps(self.full(config), indent=1) + "\n"
        beside = self.config_path.with_suffix(".new")
        beside.write_text(text)
        beside.replace(self.config_path)
        if not isinstance(config, str):
            self.config = config

    def wait_ready(self):
        self.wait_event("serve.ready")
        self.ready_after = time.monotonic() - self.started
        self.addresses = [address_of(e["address"]) for e in self.find("listen.ready")]
        self.address = self.addresses[0]
        admin = self.find("admin.ready")
        self.admin = address_of(admin[0]["address"]) if admin else None

    @property
    def url(self):
        return f"http://{self.address[0]}:{self.address[1]}"

    def reload(self, config=None, expect="config.reloaded"):
        """New configuration, SIGHUP, and the event that says what became of it."""
        since = self.mark()
        if config is not None:
            self.write(config)
        self.signal(signal.SIGHUP)
        return self.wait_event(expect, since=since, where=lambda e: e["because"] == "SIGHUP")

    def restart(self, config=None):
        """The same state directory and keys, a new process (this one must have ended)."""
        again = Gateway(config=config if config is not None else self.config, directory=self.directory, env=self._env,
                        args=self._args)
        again.own_directory = self.own_directory
        self.own_directory = False
        return again

    def records(self):
        """All access records written so far."""
        if not self.access_path.exists():
            return []
        with open(self.access_path, "rb") as file:
            data = file.read()
        return [json.loads(line) for line in data[:data.rfind(b"\n") + 1].splitlines()]

    def record(self, id=None, where=None):
        """The access record of one exchange: by x-sluice-id, or the first for which `where` is true."""
        def look():
            for record in self.records():
                if (id is None or record["id"] == id) and (where is None or where(record)):
                    return record
            return None
        return wait_for(look, f"the access record {id or where}")

    def wait_records(self, n, where=lambda r: True):
        def look():
            found = [r for r in self.records() if where(r)]
            return found if len(found) >= n else None
        return wait_for(look, f"{n} access records")

    def admin_get(self, path, headers=()):
        from .client import fetch
        return fetch(self.admin, "GET", path, headers=headers)

    def metrics(self):
        from .metrics import parse
        answer = self.admin_get("/metrics")
        assert answer.status == 200, answer
        return parse(answer.body.decode())

    def wait_metric(self, name, value, labels=None):
        """Until the sum of the samples of `name` (with these labels) is `value`, or fulfils it when it is a function."""
        good = value if callable(value) else lambda v: v == value
        return wait_for(lambda: good(self.metrics().sum(name, labels or {})) or None,
                        f"{name}{labels or ''} == {value}", every=0.03)

    def cleanup(self):
        if self.own_directory:
            shutil.rmtree(self.directory, ignore_errors=True)


def create_key(state, name, *args):
    """`sluice keys create`: the new key."""
    done = run_sluice("keys", "create", "--state", state, "--name", name, "--json", *args, check=True)
    made = json.loads(done.stdout)
    return Key(made["id"], made["key"], name)


class Sim(Process):
    """A running `sluice sim`: simulated providers with faults on demand and an exact count."""

    def __init__(self, *args, wait=True):
        super().__init__("sim", [SLUICE, "sim", "--listen", "127.0.0.1:0", *args])
        if wait:
            self.address = address_of(self.wait_event("sim.ready")["address"])

    @property
    def url(self):
        return f"http://{self.address[0]}:{self.address[1]}"

    def count(self):
        from .client import fetch
        answer = fetch(self.address, "GET", "/sim/count")
        assert answer.status == 200, answer
        return answer.json()

    def rules(self, *rules):
        """From now on these faults alone: docs/reference/simulator.md."""
        from .client import fetch
        head = [("content-type", "application/json")]
        assert fetch(self.address, "DELETE", "/sim/rules").status == 200
        answer = fetch(self.address, "POST", "/sim/rules", json.dumps(list(rules)).encode(), head)
        assert answer.status == 200, answer


def free_port():
    """A port that nothing listens on (and that nobody else is given while the socket lives)."""
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind(("127.0.0.1", 0))
    return s, s.getsockname()[1]
