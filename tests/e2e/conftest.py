"""Fixtures that own the world: every process, port and file of a test belongs to one of them.

Run by `make test` with SLUICE_BIN naming the executable. A test that fails shows the logs of the processes it used.
"""

import gc
import json
import os
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))

from lib import certs as certs_module  # noqa: E402
from lib import matrix, proc, upstream  # noqa: E402


def pytest_configure(config):
    config.addinivalue_line("markers", "slow: takes more than some seconds; run all the same")
    config.addinivalue_line("markers", "needs_root: mounts or traces; skipped without the right to")


def pytest_collection_modifyitems(config, items):
    limit = pytest.mark.timeout(300 if not proc.SANITIZED else 900, method="thread")
    for item in items:
        if item.get_closest_marker("timeout") is None:
            item.add_marker(limit)


def pytest_sessionstart(session):
    if not os.access(proc.SLUICE, os.X_OK):
        pytest.exit(f"no executable at {proc.SLUICE}: build it, or set SLUICE_BIN", returncode=3)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    cell = getattr(item, "matrix_cell", None)  # test_matrix.py: (SDK, upstream, case)
    if cell and (report.when == "call" or report.outcome != "passed"):
        matrix.TABLE.note(*cell, report.outcome)
    if report.failed:
        for process in proc.live:
            report.sections.append((f"{process.name} {process.pid} (last lines)", process.tail(30)))
            if hasattr(process, "records"):
                last = "\n".join((json.dumps(r)[:1500] for r in process.records()[-3:]))
                report.sections.append((f"{process.name} {process.pid} access records", last))


class Makers:
    """Starts things and ends them all, in the opposite order."""

    def __init__(self):
        self.made = []

    def gateway(self, config=None, **more):
        g = proc.Gateway(config, **more)
        self.made.append(g)
        return g

    def adopt(self, process):
        self.made.append(process)
        return process

    def sim(self, *args):
        s = proc.Sim(*args)
        self.made.append(s)
        return s

    def upstream(self, **more):
        u = upstream.Upstream(**more)
        self.made.append(u)
        return u

    def proxy(self, **more):
        p = upstream.ConnectProxy(**more)
        self.made.append(p)
        return p

    def end(self):
        errors = []
        for thing in reversed(self.made):
            try:
                if isinstance(thing, proc.Process):
                    if thing.child.returncode is None or thing in proc.live:
                        code = thing.stop(grace=3.0)
                        expected = getattr(thing, "exit_code", 0)
                        if expected is not None and code != expected:
                            errors.append(f"{thing.name} {thing.pid} ended with {code}, not {expected}:\n{thing.tail()}")
                    if hasattr(thing, "cleanup"):
                        thing.cleanup()
                else:
                    thing.close()
            except BaseException as error:  # all others must still be ended
                errors.append(repr(error) + "\n" + str(error))
        self.made.clear()
        gc.collect()
        assert not errors, "\n".join(errors)


def relay_config(upstream_url, **more):
    """One provider at that address and one model "m" that it calls "upstream-model"."""
    return proc.merge({
        "providers": {"up": {"kind": "openai-compatible", "base_url": upstream_url, "keys": ["${RELAY_PROVIDER_KEY}"],
                             "direct": True}},
        "models": {"m": {"targets": ["up/upstream-model"]}},
        "resilience": {"retry": {"attempts": 3, "backoff": {"base": "10ms", "cap": "50ms"}},
                       "deadline": {"connect": "10s", "first_byte": "10s", "between_bytes": "10s", "answer": "30s", "total": "60s"}},
    }, more)


@pytest.fixture
def make():
    makers = Makers()
    yield makers
    makers.end()


class Relay:
    """A gateway in front of a scripted upstream."""

    def __init__(self, gateway, up):
        self.gateway, self.up = gateway, up

    def __iter__(self):
        return iter((self.gateway, self.up))


@pytest.fixture(scope="module")
def module_relay():
    makers = Makers()
    up = makers.upstream()
    relay = Relay(makers.gateway(relay_config(up.url)), up)
    yield relay
    makers.end()


@pytest.fixture
def relay(module_relay):
    """The pair shared by the tests of a module; the scripts are forgotten before each test."""
    module_relay.up.reset()
    assert module_relay.gateway.running(), "the gateway died in an earlier test"
    return module_relay


@pytest.fixture(scope="session")
def certs(tmp_path_factory):
    return certs_module.Certs(tmp_path_factory.mktemp("certs"))


def pytest_terminal_summary(terminalreporter):
    if matrix.TABLE.cells:
        terminalreporter.section("SDKs and upstreams")
        terminalreporter.write_line(matrix.TABLE.text())
        matrix.TABLE.write()
