"""The matrix of tests/e2e/test_matrix.py: which upstreams stand behind the gateway, and the table that is printed at the end.

To add an upstream: a row in UPSTREAMS. Every SDK and case then runs on it, too; what its models lack goes into `lacks`.
"""

import json

from .client import fetch
from .proc import ROOT
from .wait import wait_for


class Upstream:
    """One column: a provider that the simulator plays, and the model that is asked there."""

    def __init__(self, kind, path, model, lacks=(), settings=None, probe=None):
        self.kind = kind                # the provider's `kind` in the settings
        self.path = path                # behind the simulator's address: base_url
        self.model = model              # as the provider calls it
        self.lacks = frozenset(lacks)   # of FEATURES: what must be told in x-sluice-dropped, or refused
        self.settings = settings or {}  # of the provider, besides kind, base_url and keys
        self.probe = probe              # (path, body) that the simulator must not answer with 404 or 405; None: sure to speak it

    def provider(self, sim):
        return {"kind": self.kind, "base_url": sim.url + self.path, "keys": ["sim-key-of-the-gateway"], **self.settings}


UPSTREAMS = {
    "chat": Upstream("openai-compatible", "/v1", "sim-chat"),
    "openai": Upstream("openai", "/v1", "gpt-5.2"),
    "anthropic": Upstream("anthropic", "/v1", "claude-opus-4-6"),
    "gemini": Upstream("gemini", "/v1beta", "gemini-2.5-flash"),
    "vertex": Upstream("vertex", "/v1", "gemini-2.5-flash"),
    "vertex-claude": Upstream("vertex", "/v1", "claude-opus-4-6"),
}


class Served:
    """A gateway in front of a simulator with all upstreams; the model "m-NAME" is that of upstream NAME."""

    def __init__(self, makers):
        self.sim = makers.sim("--seed", "7")
        self.gateway = makers.gateway({
            "providers": {name: u.provider(self.sim) for name, u in UPSTREAMS.items()},
            "models": {"m-" + name: f"{name}/{u.model}" for name, u in UPSTREAMS.items()},
            "resilience": {"retry": {"attempts": 1}},
        })
        self.url, self.key = self.gateway.url, self.gateway.key

    def speaks(self, name):
        """Whether the simulator speaks that format yet."""
        probe = UPSTREAMS[name].probe
        return probe is None or fetch(self.sim.address, "POST", probe[0], probe[1],
                                      [("content-type", "application/json")]).status not in (404, 405)

    def usage_after(self, before):
        """Of the last exchange, once there are more records than `before`."""
        g = self.gateway
        wait_for(lambda: len(g.records()) > before, "the access record")
        return g.records()[-1]["attempts"][-1]["usage"]


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
