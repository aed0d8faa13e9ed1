"""The matrix of tests/e2e/test_matrix.py: which upstreams stand behind the gateway, and the table that is printed at the end.

To add an upstream: a row in UPSTREAMS. Every SDK and case then runs on it, too; what its models lack goes into `lacks`, and the
cases then expect a refusal, or the member's name in x-sluice-dropped.
"""

import json
import subprocess
import threading

from . import seen
from .cases import run
from .client import fetch
from .proc import ROOT, clean_environment
from .wait import LONG, wait_for

# Of the simulator, each on every upstream.
FAULTS = ("400", "401", "404", "429", "429-ms", "500", "context", "content-policy")
LONG_MODEL = "sim-long-1500"  # so long that a client has seen much of it when its error comes


class Upstream:
    """One column: a provider that the simulator plays, and the model that is asked there."""

    def __init__(self, kind, path, model, native=(), lacks=(), settings=None, probe=None):
        self.kind = kind                # the provider's `kind` in the settings
        self.path = path                # behind the simulator's address: base_url
        self.model = model              # as the provider calls it
        self.native = frozenset(native)  # faces of the same format: their bytes pass, so whatever they ask for does
        self.lacks = frozenset(lacks)   # what models there cannot: "pdf", "audio", "think", "n", "logprobs", "search", "marks" (of
                                        # prompt caches), "unasked-cache", "lone-calls" (one at a time)
        self.settings = settings or {}  # of the provider, besides kind, base_url and keys
        self.probe = probe              # (path, body) that the simulator must not answer with 404 or 405; None: sure to speak it

    def provider(self, sim):
        return {"kind": self.kind, "base_url": sim.url + self.path, "keys": ["sim-key-of-the-gateway"], **self.settings}


UPSTREAMS = {
    "chat": Upstream("openai-compatible", "/v1", "sim-chat", {"chat"}, {"pdf", "think", "search", "marks"}),
    "openai": Upstream("openai", "/v1", "gpt-5.2", {"chat", "responses"}, {"audio", "logprobs"}),
    "responses": Upstream("openai", "/v1", "gpt-5.2", {"responses"}, {"audio", "logprobs", "n"}, {"only_responses": True}),
    "anthropic": Upstream("anthropic", "/v1", "claude-opus-4-6", {"messages"}, {"audio", "logprobs", "n", "unasked-cache"}),
    "gemini": Upstream("gemini", "/v1beta", "gemini-2.5-flash", {"gemini"}, {"logprobs", "marks", "n", "lone-calls"}),
    "vertex": Upstream("vertex", "/v1", "gemini-2.5-flash", {"gemini"}, {"marks", "n", "lone-calls"}),
    "vertex-claude": Upstream("vertex", "/v1", "claude-opus-4-6", {"messages"}, {"audio", "logprobs", "n", "unasked-cache"}),
    "bedrock": Upstream("bedrock", "", "us.anthropic.claude-opus-4-6-v1:0", {"messages"},
                        {"audio", "logprobs", "n", "search", "unasked-cache"}),
    "bedrock-nova": Upstream("bedrock", "", "us.amazon.nova-2-lite-v1:0", (),
                             {"audio", "logprobs", "n", "search", "unasked-cache", "lone-calls"}),
}

# Models that refuse a call of theirs without the thoughts, or the signature, that stood before it.
STRICT = {"anthropic": "claude-sonnet-4-5", "gemini": "gemini-3-flash-preview"}


class Served:
    """A gateway in front of a simulator with all upstreams; the model "m-NAME" is that of upstream NAME, "f-NAME-FAULT" one of
    the simulator's faults there, "s-NAME" the strict one."""

    def __init__(self, makers):
        self.sim = makers.sim("--seed", "7")
        models = {"m-" + name: f"{name}/{u.model}" for name, u in UPSTREAMS.items()}
        models |= {f"f-{name}-{fault}": f"{name}/sim-fault-{fault}" for name in UPSTREAMS for fault in FAULTS}
        models |= {"s-" + name: f"{name}/{model}" for name, model in STRICT.items()}
        models |= {f"f-{name}-late": f"{name}/{LONG_MODEL}" for name in UPSTREAMS}
        rule = json.dumps({"fault": "error-event", "arg": 1200, "times": 1000000, "model": LONG_MODEL}).encode()
        answer = fetch(self.sim.address, "POST", "/sim/rules", rule, [("content-type", "application/json")])
        assert answer.status in (200, 201), answer
        self.gateway = makers.gateway({"providers": {name: u.provider(self.sim) for name, u in UPSTREAMS.items()},
                                       "models": models, "resilience": {"retry": {"attempts": 1}}})
        self.url, self.key = self.gateway.url, self.gateway.key
        self.read_to, self.records = 0, {}     # access records by id
        self.counted_to, self.counted = 0, {}  # what the simulator served by trace id

    def record(self, id):
        """The access record of an exchange."""
        def look():
            with open(self.gateway.access_path, "rb") as file:
                file.seek(self.read_to)
                data = file.read()
            data = data[:data.rfind(b"\n") + 1]
            self.read_to += len(data)
            self.records.update((r["id"], r) for r in map(json.loads, data.splitlines()))
            return self.records.get(id)
        return wait_for(look, f"the access record of {id}")

    def account(self, record):
        """What the simulator served in an exchange: as many as it had attempts."""
        def look():
            found = fetch(self.sim.address, "GET", f"/sim/count?after={self.counted_to}").json()
            self.counted_to += len(found["served"])
            for row in found["served"]:
                self.counted.setdefault(row["traceparent"][3:35], []).append(row)
            rows = self.counted.get(record["trace_id"], [])
            return rows if len(rows) >= record["attempts_n"] else None
        return wait_for(look, f"the simulator's account of {record['id']}")

    def speaks(self, name):
        """Whether the simulator speaks that format yet."""
        probe = UPSTREAMS[name].probe
        return probe is None or fetch(self.sim.address, "POST", probe[0], probe[1],
                                      [("content-type", "application/json")]).status not in (404, 405)


class Sdks:
    """What is known of an SDK besides its answers."""

    def kinds(self, face, status):
        """Names of the exceptions that say a status: OpenAI's and Anthropic's have one for each, Google's for Python two, Google's
        for Node and Vercel's one."""
        if face == "gemini":
            return {"ApiError", "AI_APICallError", "ClientError" if status < 500 else "ServerError"}
        return {"AI_APICallError", {400: "BadRequestError", 401: "AuthenticationError", 404: "NotFoundError",
                                    429: "RateLimitError"}.get(status, "InternalServerError")}

    def tries(self, face):
        """The most requests for one call when the answer is a 500."""
        return 1


class Here(Sdks):
    """SDKs in this process."""

    def __init__(self, faces, url, key):
        seen.watch()
        self.faces = {name: make(url, key) for name, make in faces.items()}

    def run(self, face, spec):
        return run(self.faces[face], spec)

    def close(self):
        for face in self.faces.values():
            face.close()


class Elsewhere(Sdks):
    """SDKs in a process that reads a case a line and writes its answers, a line each."""

    def __init__(self, argv, url, key, env=None):
        self.child = subprocess.Popen([*map(str, argv), url, key], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                      stderr=subprocess.PIPE, text=True, env=clean_environment(env))
        self.errors = []
        threading.Thread(target=lambda: self.errors.extend(self.child.stderr), daemon=True).start()

    def run(self, face, spec):
        self.child.stdin.write(json.dumps({"face": face, **spec}) + "\n")
        self.child.stdin.flush()
        line = self.child.stdout.readline()
        assert line, "the driver ended:\n" + "".join(self.errors[-40:])
        found = json.loads(line)
        assert "broken" not in found, found["broken"]
        return found

    def close(self):
        self.child.stdin.close()
        self.child.wait(LONG)
        self.child.stdout.close()


class Table:
    """What became of each case: SDK by upstream by case."""

    def __init__(self):
        self.cells = {}  # (sdk, upstream) -> {case: outcome}

    def note(self, sdk, upstream, case, outcome):
        row = self.cells.setdefault((sdk, upstream), {})
        if row.get(case) != "failed":
            row[case] = outcome

    def text(self):
        cases = sorted({c for row in self.cells.values() for c in row})
        upstreams = [u for u in UPSTREAMS if any(k[1] == u for k in self.cells)]
        sdks = list(dict.fromkeys(k[0] for k in self.cells))
        mark = {"passed": "ok", "failed": "FAIL", "skipped": "-"}
        width = max((len(c) for c in cases), default=4)
        lines = []
        for sdk in sdks:
            lines.append(f"{sdk:<{width}}  " + " ".join(f"{u:>10}" for u in upstreams))
            for case in cases:
                row = [self.cells.get((sdk, u), {}).get(case) for u in upstreams]
                if any(row):
                    lines.append(f"  {case:<{width}}" + " ".join(f"{mark.get(o, ''):>10}" for o in row))
        outcomes = [o for row in self.cells.values() for o in row.values()]
        lines.append(", ".join(f"{outcomes.count(o)} {o}" for o in ("passed", "failed", "skipped")) +
                     f": {len(sdks)} SDKs, {len(upstreams)} upstreams, {len(cases)} cases")
        return "\n".join(lines)

    def write(self):
        """Into build/: the same for people and for programs."""
        where = ROOT / "build"
        if where.is_dir():
            (where / "matrix.txt").write_text(self.text() + "\n")
            (where / "matrix.json").write_text(json.dumps(
                [{"sdk": k[0], "upstream": k[1], "cases": v} for k, v in self.cells.items()], indent=1) + "\n")


TABLE = Table()
