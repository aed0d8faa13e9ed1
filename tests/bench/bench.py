#!/usr/bin/env python3
"""Measures what the gateway costs, beside nginx doing no parsing at all, in one run: `make bench`.

    SLUICE_BIN=build/pgo/src/main/sluice tests/bench/bench.py [--only NAME[,NAME...]] [--rounds N] [--json FILE]
    BENCH_QUICK=1 ...      about a minute: shorter rounds, fewer connections
    tests/bench/bench.py --train BINARY    no figures: the same traffic, for the profile of `make release`

Gateway (one worker; authentication, ledger, metrics and access record on), nginx (one worker) and the provider itself take
turns within each round, so that a slow moment of the machine meets all; figures are medians over the rounds, the spread is
(largest - smallest) / median. Processor time is what the scheduler counted for all threads of all processes of the one that
is measured, the gateway's keeper included, until its ledger has taken in everything. Standard library only.
"""

import argparse
import collections
import json
import os
import pathlib
import re
import resource
import shutil
import signal
import statistics
import struct
import subprocess
import sys
import tempfile
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
HERE = pathlib.Path(__file__).resolve().parent
BUILD = ROOT / "build/bench"
QUICK = bool(os.environ.get("BENCH_QUICK"))
FILES = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
CPUS = sorted(os.sched_getaffinity(0))
# The measured process has a core of its own where there are two; load and provider share the others.
OWN, OTHERS = ([CPUS[0]], CPUS[1:]) if len(CPUS) > 1 else (CPUS, CPUS)


# ---- processes ----

def pinned(cpus):
    return lambda: os.sched_setaffinity(0, cpus)


def compile_c(name, *flags):
    BUILD.mkdir(parents=True, exist_ok=True)
    source, out = HERE / f"{name}.c", BUILD / name
    if not out.exists() or out.stat().st_mtime < source.stat().st_mtime:
        subprocess.run([os.environ.get("CC", "cc"), "-O2", "-Wall", "-Wextra", "-Werror", *flags, "-o", str(out), str(source)],
                       check=True)
    return str(out)


class Process:
    """A child; ended by its pid."""

    def __init__(self, argv, cpus, **more):
        self.child = subprocess.Popen(argv, preexec_fn=pinned(cpus), **more)

    @property
    def pids(self):
        """The process and its children (nginx's workers)."""
        pids = [self.child.pid]
        for pid in pids:
            for task in pathlib.Path(f"/proc/{pid}/task").glob("*/children"):
                pids += [int(p) for p in task.read_text().split()]
        return pids

    def cpu_by_thread(self):
        """Seconds of processor time of each thread, by its name and its place in the order in which they were started."""
        out = collections.Counter()
        for pid in self.pids:
            for n, task in enumerate(sorted(pathlib.Path(f"/proc/{pid}/task").iterdir(), key=lambda t: int(t.name))):
                try:
                    name = (task / "comm").read_text().strip()
                    out[f"{name}.{n}"] += int((task / "schedstat").read_text().split()[0]) / 1e9
                except (OSError, ValueError):
                    continue
        return out

    def cpu(self):
        """utime + stime of all threads, in seconds, as exactly as the kernel tells."""
        exact = sum(self.cpu_by_thread().values())
        if exact > 0:
            return exact
        ticks = 0
        for pid in self.pids:
            fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
            ticks += int(fields[11]) + int(fields[12])
        return ticks / os.sysconf("SC_CLK_TCK")

    def rss(self):
        total = 0
        for pid in self.pids:
            total += int(re.search(r"VmRSS:\s+(\d+)", pathlib.Path(f"/proc/{pid}/status").read_text())[1]) * 1024
        return total

    def stop(self):
        if self.child.poll() is None:
            self.child.send_signal(signal.SIGTERM)
            try:
                self.child.wait(60)
            except subprocess.TimeoutExpired:
                self.child.kill()
                self.child.wait()
        return self.child.returncode


class Upstream(Process):
    def __init__(self):
        super().__init__([compile_c("upstream")], OTHERS, stdout=subprocess.PIPE, text=True)
        self.port = int(self.child.stdout.readline().split()[1])


class Nginx(Process):
    """proxy_pass with keep-alive to the provider; `stream` has buffering off."""

    def __init__(self, directory, upstream, port, tls=None, stream=False):
        self.port = port
        ssl = "" if not tls else (f"ssl_certificate {tls[0]}; ssl_certificate_key {tls[1]}; ssl_protocols TLSv1.3;")
        conf = f"""
daemon off; worker_processes 1; pid {directory}/nginx-{port}.pid; error_log stderr crit; worker_rlimit_nofile {FILES};
{"user root;" if os.getuid() == 0 else ""}
events {{ worker_connections {FILES - 100}; }}
http {{
  access_log off; keepalive_requests 1000000000; keepalive_timeout 600s; tcp_nodelay on;
  client_body_temp_path {directory}/b; proxy_temp_path {directory}/p; fastcgi_temp_path {directory}/f;
  uwsgi_temp_path {directory}/u; scgi_temp_path {directory}/s;
  client_body_buffer_size 512k; client_max_body_size 64m;
  upstream provider {{ server 127.0.0.1:{upstream}; keepalive 512; keepalive_requests 1000000000; }}
  server {{
    listen 127.0.0.1:{port} backlog=8192{" ssl" if tls else ""}; {ssl}
    location / {{
      proxy_pass http://provider; proxy_http_version 1.1; proxy_set_header Connection "";
      proxy_buffering {"off" if stream else "on"}; proxy_read_timeout 600s;
    }}
  }}
}}
"""
        path = directory / f"nginx-{port}.conf"
        path.write_text(conf)
        super().__init__(["/usr/sbin/nginx" if os.path.exists("/usr/sbin/nginx") else "nginx", "-p", str(directory), "-c",
                          str(path)], OWN, stdout=subprocess.DEVNULL)
        wait_port(port)


class Gateway(Process):
    """`sluice serve` with its state and access log on the disk of the build directory."""

    def __init__(self, binary, directory, upstream, tls=None, workers=1, cpus=None, extra=None, env=None):
        self.binary, self.directory = binary, directory
        directory.mkdir(parents=True, exist_ok=True)
        state = directory / "state"
        listen = {"address": ["127.0.0.1:0"], "workers": workers, "limits": {"connections": 65000}}
        if tls:
            listen["tls"] = {"cert": tls[0], "key": tls[1]}
        config = {"listen": listen, "admin": {"address": "127.0.0.1:0"}, "state": {"directory": str(state)},
                  "log": {"access": {"path": str(directory / "access.jsonl")}},
                  "providers": {"up": {"kind": "openai-compatible", "base_url": f"http://127.0.0.1:{upstream}/v1",
                                       "keys": ["${BENCH_PROVIDER_KEY}"]},
                                "claude": {"kind": "anthropic", "base_url": f"http://127.0.0.1:{upstream}/v1",
                                           "keys": ["${BENCH_PROVIDER_KEY}"]}},
                  "models": {"bench": {"targets": ["up/bench-model"]}, "other": {"targets": ["claude/claude-bench"]}},
                  "resilience": {"deadline": {"total": "20m", "between_bytes": "2m"}}, **(extra or {})}
        path = directory / "sluice.yaml"
        path.write_text(json.dumps(config, indent=1))
        key_path = directory / "key"
        if not key_path.exists():
            done = subprocess.run([binary, "keys", "create", "--state", str(state), "--name", "bench", "--json"],
                                  capture_output=True, text=True, check=True)
            key_path.write_text(json.loads(done.stdout)["key"])
        self.key = key_path.read_text()
        began = time.perf_counter()
        super().__init__([binary, "serve", "-c", str(path)], cpus or OWN, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL,
                         text=True, env={**os.environ, "BENCH_PROVIDER_KEY": "sk-bench", **(env or {})})
        self.port = self.admin = None
        for line in self.child.stderr:
            try:
                event = json.loads(line)
            except ValueError:
                print(line, file=sys.stderr, end="")
                continue
            name = event.get("event")
            if name == "listen.ready":
                self.port = int(event["address"].rsplit(":", 1)[1])
            elif name == "admin.ready":
                self.admin = event["address"]
            elif name == "serve.ready":
                break
        else:
            raise SystemExit(f"bench: the gateway did not start: {self.stop()}")
        self.ready_ms = (time.perf_counter() - began) * 1000
        # The pipe must not fill up.
        import threading
        threading.Thread(target=self.child.stderr.read, daemon=True).start()

    def metric(self, name):
        page = urllib.request.urlopen(f"http://{self.admin}/metrics", timeout=10).read().decode()
        return sum(float(m[1]) for m in re.finditer(rf"^{name}(?:\{{[^}}]*\}})? (\S+)$", page, re.MULTILINE))

    def settle(self, seconds=60):
        """Until the ledger has taken in everything, so that its cost is counted with the requests that made it."""
        end = time.monotonic() + seconds
        while self.metric("sluice_journal_pending_bytes") > 0 and time.monotonic() < end:
            time.sleep(0.02)


def wait_port(port, seconds=10):
    import socket
    end = time.monotonic() + seconds
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.01)


def free_port():
    import socket
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


# ---- load ----

def body_of(directory, name, size, model="bench", mark="", **more):
    """A chat request of exactly that size. Marks that the provider looks for stand first, or at the head of the text."""
    asked = {"model": model, **more, "messages": [{"role": "user", "content": ""}]}
    text = json.dumps(asked, separators=(",", ":")) + mark
    asked["messages"][0]["content"] = mark + "lorem ipsum dolor sit amet " * ((size - len(text)) // 27) + "x" * ((size - len(text)) % 27)
    path = directory / f"{name}.json"
    path.write_text(json.dumps(asked, separators=(",", ":")))
    return path


def request_file(directory, name, body, key, path="/v1/chat/completions"):
    text = body.read_bytes()
    target, path = path.encode(), directory / f"{name}.request"
    path.write_bytes(b"POST " + target + b" HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                     b"Authorization: Bearer %s\r\nContent-Length: %d\r\n\r\n" % (key.encode(), len(text)) + text)
    return path


def wrk(port, body, key, seconds, conns=32, tls=False):
    env = {**os.environ, "BODY": str(body), "KEY": key}
    done = subprocess.run(["wrk", "-t1", f"-c{conns}", f"-d{seconds}s", "--latency", "-s", str(HERE / "chat.lua"),
                           f"{'https' if tls else 'http'}://127.0.0.1:{port}/v1/chat/completions"],
                          capture_output=True, text=True, env=env, preexec_fn=pinned(OTHERS), check=True)
    found = json.loads(done.stdout.strip().splitlines()[-1])
    if found["errors"] or not found["requests"]:
        raise SystemExit(f"bench: wrk met errors at port {port}: {done.stdout}")
    return found


def load_stream(port, request, conns, seconds):
    done = subprocess.run([compile_c("load"), "stream", "127.0.0.1", str(port), str(conns), str(seconds), str(request)],
                          capture_output=True, text=True, preexec_fn=pinned(OTHERS), check=True)
    found = json.loads(done.stdout)
    if found["errors"] or not found["events"]:
        raise SystemExit(f"bench: the stream load met errors at port {port}: {done.stdout}{done.stderr}")
    if found["events"] < 300 * found["answers"]:
        raise SystemExit(f"bench: what came from port {port} are no streams of 300 events: {done.stdout}")
    return found


class Holders:
    """Connections that are held open by a process of ours."""

    def __init__(self, port, request, conns):
        self.child = subprocess.Popen([compile_c("load"), "hold", "127.0.0.1", str(port), str(conns), str(request)],
                                      stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, preexec_fn=pinned(OTHERS))
        held = self.child.stdout.readline()
        if held.split()[-1:] != [str(conns)]:
            self.stop()
            raise SystemExit(f"bench: only {held.strip()!r} of {conns} connections could be held")

    def stop(self):
        self.child.stdin.close()
        self.child.wait(30)
        return json.loads(self.child.stdout.read() or "{}")


# ---- what is measured ----

Case = collections.namedtuple("Case", "name what unit limit relative")


def certificate(directory):
    cert, key = directory / "cert.pem", directory / "key.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout",
                    str(key), "-out", str(cert), "-days", "30", "-subj", "/CN=localhost", "-addext",
                    "subjectAltName=DNS:localhost,IP:127.0.0.1"], check=True, capture_output=True)
    return str(cert), str(key)


class World:
    """Everything that a round uses, started once."""

    def __init__(self, binary):
        BUILD.mkdir(parents=True, exist_ok=True)
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="run-", dir=BUILD))
        self.binary = binary
        self.processes = []
        self.upstream = self.own(Upstream())
        self.tls = certificate(self.dir)
        self.kib = body_of(self.dir, "kib", 1024)
        self.large = body_of(self.dir, "large", 100 * 1024)
        for end, mark in (("", ""), ("_burst", "burst ")):
            for name, more in (("stream", {}), ("translated", {"model": "other"}), ("translated_back", {"max_tokens": 1000})):
                setattr(self, name + end, body_of(self.dir, name + end, 1024, mark=mark, stream=True, **more))
        self.slow = body_of(self.dir, "slow", 300, stream=True, user="slow")

    def own(self, process):
        self.processes.append(process)
        return process

    def gateway(self, name, **more):
        return self.own(Gateway(self.binary, self.dir / name, self.upstream.port, **more))

    def nginx(self, **more):
        return self.own(Nginx(self.dir, self.upstream.port, free_port(), **more))

    def end(self, process):
        self.processes.remove(process)
        return process.stop()

    def close(self):
        for process in reversed(self.processes):
            process.stop()
        shutil.rmtree(self.dir, ignore_errors=True)


def cpu_per(process, run, count):
    """Microseconds of processor time for each of what `run` counted, and its result."""
    before = process.cpu_by_thread()
    result = run()
    if isinstance(process, Gateway):
        process.settle()
    after = process.cpu_by_thread()
    spent = {name: (after[name] - before[name]) * 1e6 / count(result) for name in after}
    return sum(spent.values()), spent, result


def both_sides(world, results, threads, key, gateway, nginx, run, count):
    """One turn of each; fills `results` with microseconds of each side."""
    for side, process in (("gateway", gateway), ("nginx", nginx)):
        value, spent, result = cpu_per(process, lambda: run(process.port, gateway.key), count)
        results[key][side].append(value)
        for name, us in spent.items():
            if us > 0.01:
                threads[key][f"{side}:{name}"].append(us)
        rate = count(result) / (result["us"] / 1e6 if "us" in result else result["seconds"])
        results[key][side + "_rate"].append(rate)


def streams_once(world, results, threads, only, gateway, nginx, seconds):
    """One turn of all streams: relayed, become another format in both directions, and through nginx; paced, and written without
    a pause. Microseconds for an event."""
    events = lambda r: r["events"]  # noqa: E731
    for end in ("", "_burst"):
        names = [n for n in ("translated" + end, "translated_back" + end) if n in only]
        if not names and "stream" + end not in only:
            continue
        turns = [("stream" + end, "gateway", gateway), ("stream" + end, "nginx", nginx)] + [(n, "gateway", gateway) for n in names]
        for name, side, process in turns:
            path = "/v1/messages" if "back" in name else "/v1/chat/completions"
            file = request_file(world.dir, name, getattr(world, name), gateway.key, path)
            value, spent, result = cpu_per(process, lambda: load_stream(process.port, file, 64, seconds), events)
            results[name][side].append(value)
            for thread, us in spent.items():
                if us > 0.01:
                    threads[name][f"{side}:{thread}"].append(us)
            results[name][side + "_rate"].append(events(result) / result["seconds"])
        for name in names:
            for side, of in (("relayed", "gateway"), ("nginx", "nginx")):
                results[name][side].append(results["stream" + end][of][-1])


TIMES_RELAYED = 2.0  # what a translated event may cost, beside one that is only passed on
STREAMS = ("stream", "translated", "translated_back", "stream_burst", "translated_burst", "translated_back_burst")

CASES = [
    Case("chat", "chat, 1 KiB in and out, 32 connections: CPU per request", "us", 1.0, True),
    Case("latency", "the same at one connection: added latency, p50", "us", 1.3, True),
    Case("stream", "300-event streams, paced, 64 at once: CPU per event", "us", 1.0, True),
    Case("translated", "the same, Anthropic's stream for a chat client", "us", None, True),
    Case("translated_back", "the same, a chat stream for Anthropic's client", "us", None, True),
    Case("stream_burst", "300-event streams, written without a pause: CPU per event", "us", 1.0, True),
    Case("translated_burst", "the same, Anthropic's stream for a chat client", "us", 3.0, True),
    Case("translated_back_burst", "the same, a chat stream for Anthropic's client", "us", 3.0, True),
    Case("body", "request body of 100 KiB: CPU per request", "us", 1.2, True),
    Case("tls", "chat with TLS 1.3 on the client side: CPU per request", "us", 1.1, True),
    Case("allocations", "allocator calls of the worker for each request", "calls", 0.01, False),
    Case("idle_connections", "idle keep-alive connections: memory of each", "bytes", 8192, False),
    Case("slow_streams", "slow streams held: growth of memory while they run", "ratio", 1.05, False),
    Case("idle_rss", "idle process: resident memory", "MiB", 10, False),
    Case("start", "start to ready", "ms", 50, False),
]


def rounds_of_pairs(world, only, rounds, seconds):
    results = collections.defaultdict(lambda: collections.defaultdict(list))
    threads = collections.defaultdict(lambda: collections.defaultdict(list))
    wanted = [c for c in ("chat", "latency", *STREAMS, "body", "tls") if c in only]
    if not wanted:
        return results, threads
    plain, nginx = world.gateway("plain"), world.nginx()
    nginx_stream = world.nginx(stream=True) if set(STREAMS) & set(only) else None
    secure = world.gateway("tls", tls=world.tls) if "tls" in only else None
    nginx_tls = world.nginx(tls=world.tls) if "tls" in only else None
    requests = lambda r: r["requests"]  # noqa: E731
    for process in (plain, nginx):  # both are warm before the first round
        wrk(process.port, world.kib, plain.key, 1)
    for n in range(rounds):
        print(f"round {n + 1} of {rounds}", file=sys.stderr)
        if "chat" in only:
            both_sides(world, results, threads, "chat", plain, nginx,
                       lambda port, key: wrk(port, world.kib, key, seconds), requests)
            results["chat"]["direct_rate"].append(requests(wrk(world.upstream.port, world.kib, "x", 1)) / 1.0)
        if "latency" in only:
            direct = wrk(world.upstream.port, world.kib, "x", seconds, conns=1)["p50"]
            for side, process in (("gateway", plain), ("nginx", nginx)):
                results["latency"][side].append(wrk(process.port, world.kib, plain.key, seconds, conns=1)["p50"] - direct)
            results["latency"]["direct"].append(direct)
        if set(STREAMS) & set(only):
            streams_once(world, results, threads, only, plain, nginx_stream, max(seconds, 2))
        if "body" in only:
            both_sides(world, results, threads, "body", plain, nginx,
                       lambda port, key: wrk(port, world.large, key, seconds), requests)
        if "tls" in only:
            both_sides(world, results, threads, "tls", secure, nginx_tls,
                       lambda port, key: wrk(port, world.kib, key, seconds, tls=True), requests)
    for process in (plain, nginx, nginx_stream, secure, nginx_tls):
        if process is not None:
            world.end(process)
    return results, threads


def idle_connections(world, conns):
    """Resident memory for each connection that has made one request and waits."""
    out = {}
    for side in ("gateway", "nginx"):
        process = world.gateway("idle") if side == "gateway" else world.nginx()
        key = process.key if side == "gateway" else "x"
        wrk(process.port, world.kib, key, 1)
        before = process.rss()
        holders = Holders(process.port, request_file(world.dir, f"idle-{side}", world.kib, key), conns)
        wait_steady(process)
        out[side] = (process.rss() - before) / conns
        holders.stop()
        world.end(process)
    return out


def wait_steady(process):
    if isinstance(process, Gateway):
        process.settle()
    last = process.rss()
    for _ in range(20):
        time.sleep(0.1)
        now = process.rss()
        if abs(now - last) < 65536:
            return
        last = now


def slow_streams(world, conns, seconds):
    """Memory once all streams run, and after they have run on."""
    process = world.gateway("slow")
    idle = process.rss()
    holders = Holders(process.port, request_file(world.dir, "slow", world.slow, process.key), conns)
    time.sleep(3)
    begin = process.rss()
    time.sleep(seconds)
    end = process.rss()
    found = holders.stop()
    world.end(process)
    if found["errors"] or found["events"] < conns * seconds * 0.8:
        raise SystemExit(f"bench: {conns} slow streams did not go on: {found}")
    return {"gateway": end / begin, "begin": begin, "end": end, "each": (begin - idle) / conns}


def allocations(world):
    """Calls of the allocator for each request and each event, once everything that is kept has been allocated. Exact, so a
    short run is enough. `worker`: the thread that serves; `all`: with the keeper and its database."""
    counts = world.dir / "allocations.counts"
    process = world.gateway("allocations", env={
        "LD_PRELOAD": compile_c("count_allocations", "-shared", "-fPIC", "-fno-builtin"), "COUNT_ALLOCATIONS": str(counts)})
    names = {int(t.name): (t / "comm").read_text().strip() for t in pathlib.Path(f"/proc/{process.child.pid}/task").iterdir()}
    streams = {name: request_file(world.dir, name + "-counted", getattr(world, name), process.key,
                                  "/v1/messages" if "back" in name else "/v1/chat/completions") for name in STREAMS[:3]}

    def look():
        found = collections.Counter()
        for thread, calls, _ in struct.iter_unpack("=QQQ40x", counts.read_bytes()):
            found["all"] += calls
            found[names.get(thread, "")] += calls
        return found

    def per(run, count):
        run()  # connections, pools and statements are there after it
        process.settle()
        before = look()
        n = count(run())
        process.settle()
        after = look()
        return {name: (after[name] - before[name]) / n for name in ("worker", "all")}

    out = {"request": per(lambda: wrk(process.port, world.kib, process.key, 1), lambda r: r["requests"])}
    for name, file in streams.items():
        out[name] = per(lambda file=file: load_stream(process.port, file, 64, 3), lambda r: r["events"])
    world.end(process)
    return out


def starts(world, times):
    ready, rss = [], []
    for _ in range(times):
        process = world.gateway("start", workers=0, cpus=CPUS)
        ready.append(process.ready_ms)
        time.sleep(0.3)
        rss.append(process.rss() / 2**20)
        world.end(process)
    return ready, rss


# ---- the table ----

def spread(values):
    return (max(values) - min(values)) / statistics.median(values) if len(values) > 1 and statistics.median(values) else 0.0


def paired(case, found):
    gateway, nginx = statistics.median(found["gateway"]), statistics.median(found["nginx"])
    ratios = [g / n for g, n in zip(found["gateway"], found["nginx"])]
    ratio = statistics.median(ratios)
    return {"gateway": gateway, "nginx": nginx, "ratio": ratio, "spread": spread(ratios), "limit": case.limit,
            "met": ratio <= case.limit, "rounds": {k: v for k, v in found.items()}}


def translated(case, found):
    gateway, relayed, nginx = (statistics.median(found[side]) for side in ("gateway", "relayed", "nginx"))
    ratios = [g / r for g, r in zip(found["gateway"], found["relayed"])]
    ratio = statistics.median(ratios)
    return {"gateway": gateway, "relayed": relayed, "nginx": nginx, "ratio": ratio, "spread": spread(ratios), "limit": case.limit,
            "met": gateway <= (case.limit or gateway) and ratio <= TIMES_RELAYED, "rounds": {k: v for k, v in found.items()}}


def measure(binary, only, rounds):
    seconds = 1 if QUICK else 3
    world = World(binary)
    out = {}
    try:
        results, threads = rounds_of_pairs(world, only, rounds, seconds)
        cases = {c.name: c for c in CASES}
        for name, found in results.items():
            out[name] = (translated if name.startswith("translated") else paired)(cases[name], found)
            out[name]["threads"] = {k: statistics.median(v) for k, v in threads[name].items()}
        if "allocations" in only:
            found = allocations(world)
            per = {"gateway": found["request"]["worker"], "keeper": found["request"]["all"] - found["request"]["worker"],
                   **{name: found[name]["worker"] for name in STREAMS[:3]}}
            met = per["gateway"] <= 0.01 and all(per[name] <= 0.01 for name in STREAMS[:3]) and per["keeper"] <= 4
            out["allocations"] = {**per, "met": met, "limit": 0.01}
        if "idle_connections" in only:
            found = idle_connections(world, 2000 if QUICK else 10000)
            out["idle_connections"] = {**found, "met": found["gateway"] <= 8192, "limit": 8192}
        if "slow_streams" in only:
            found = slow_streams(world, 1000 if QUICK else 5000, 4 if QUICK else 20)
            out["slow_streams"] = {**found, "met": found["gateway"] <= 1.05, "limit": 1.05}
        if {"start", "idle_rss"} & set(only):
            ready, rss = starts(world, 3 if QUICK else 7)
            out["start"] = {"gateway": statistics.median(ready), "spread": spread(ready), "met": statistics.median(ready) <= 50,
                            "limit": 50, "rounds": ready}
            out["idle_rss"] = {"gateway": statistics.median(rss), "spread": spread(rss), "met": statistics.median(rss) <= 10,
                               "limit": 10, "rounds": rss}
    finally:
        world.close()
    return out


def show(out):
    print(f"\n{'':64} {'gateway':>10} {'nginx':>10} {'ratio':>7} {'spread':>7} {'limit':>8}")
    for case in CASES:
        if case.name not in out:
            continue
        r = out[case.name]
        nginx = f"{r['nginx']:10.2f}" if "nginx" in r else " " * 10
        ratio = " " * 7 if "ratio" not in r else f"{r['ratio']:6.2f}*" if "relayed" in r else f"{r['ratio']:7.2f}"
        limit = f"{r['limit']}" if r["limit"] is not None else f"{TIMES_RELAYED}*"
        spread_text = f"{r['spread'] * 100:6.0f}%" if "spread" in r else " " * 7
        print(f"{case.what + ' (' + case.unit + ')':64} {r['gateway']:10.{2 if r['gateway'] >= 0.01 else 4}f} {nginx} {ratio} {spread_text} {limit:>8}"
              f"  {'met' if r['met'] else 'MISSED'}")
    for name in ("chat", *STREAMS, "body", "tls"):
        if name in out:
            parts = ", ".join(f"{k} {v:.2f}" for k, v in sorted(out[name]["threads"].items()))
            rates = ", ".join(f"{s} {statistics.median(out[name]['rounds'][s + '_rate']):.0f}" for s in ("gateway", "nginx")
                              if s + "_rate" in out[name]["rounds"])
            print(f"  {name}: us by thread: {parts}; per second: {rates}")
    if "allocations" in out:
        r = out["allocations"]
        print(f"  allocator calls: worker {r['gateway']:.4f} a request, {r['stream']:.4f} a streamed event, translated "
              f"{r['translated']:.4f} and {r['translated_back']:.4f} (limit 0.01 each); all other threads {r['keeper']:.2f} a request "
              "(limit 4)")
    if any("relayed" in r for r in out.values()):
        print(f"  * to an event that the same gateway only relays, in the same round: at most {TIMES_RELAYED}. One write of the provider for\n"
              "    each event; paced, each wakes the gateway, which reads and writes once for it: two system calls over loopback, as nginx")
    if "latency" in out:
        print(f"  latency: direct {statistics.median(out['latency']['rounds']['direct']):.1f} us")
    if "slow_streams" in out:
        r = out["slow_streams"]
        print(f"  slow streams: {r['each'] / 1024:.1f} KiB each; {r['begin'] / 2**20:.1f} MiB, then {r['end'] / 2**20:.1f} MiB")


def revision():
    done = subprocess.run(["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True)
    return done.stdout.strip()


def cpu_model():
    found = re.search(r"model name\s*:\s*(.*)", pathlib.Path("/proc/cpuinfo").read_text())
    return found[1] if found else "unknown"


def train(binary):
    """The same traffic without figures; the gateway must end by exit(), which writes the profile."""
    world = World(binary)
    failed = []
    try:
        for tls in (None, world.tls):
            gateway = world.gateway("train-tls" if tls else "train", tls=tls, cpus=CPUS)
            wrk(gateway.port, world.kib, gateway.key, 3, tls=bool(tls))
            if not tls:
                wrk(gateway.port, world.kib, gateway.key, 1, conns=1)
                load_stream(gateway.port, request_file(world.dir, "stream", world.stream, gateway.key), 64, 4)
                for name in STREAMS[1:]:
                    path = "/v1/messages" if "back" in name else "/v1/chat/completions"
                    load_stream(gateway.port, request_file(world.dir, name, getattr(world, name), gateway.key, path), 64, 2)
                wrk(gateway.port, world.large, gateway.key, 2)
            gateway.settle()
            code = world.end(gateway)
            if code != 0:
                failed.append(code)
    finally:
        world.close()
    if failed:
        raise SystemExit(f"train: the gateway ended with {failed}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default=",".join(c.name for c in CASES))
    parser.add_argument("--rounds", type=int, default=2 if QUICK else 5)
    parser.add_argument("--json", default=str(ROOT / "build/bench.json"))
    parser.add_argument("--train", metavar="BINARY")
    args = parser.parse_args()
    if args.train:
        train(os.path.abspath(args.train))
        return 0
    binary = os.path.abspath(ROOT / os.environ.get("SLUICE_BIN", "build/pgo/src/main/sluice"))
    only = args.only.split(",")
    out = measure(binary, only, args.rounds)
    show(out)
    pathlib.Path(args.json).write_text(json.dumps({
        "revision": revision(), "binary": os.path.relpath(binary, ROOT), "cpu": cpu_model(), "cpus": len(CPUS), "quick": QUICK,
        "when": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "cases": out}, indent=1) + "\n")
    missed = [name for name, r in out.items() if not r["met"]]
    if missed:
        print(f"\nmissed: {', '.join(missed)} (written to {os.path.relpath(args.json, ROOT)})")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
