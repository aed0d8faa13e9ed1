"""What a client's SDK got, below the SDK: status and headers of each answer. Works for every SDK on httpx or its successor."""

import importlib

HEADERS = ("x-sluice-id", "x-sluice-dropped", "request-id", "x-request-id", "retry-after", "x-should-retry")
seen = []  # since the last take()


def take():
    found = seen[:]
    seen.clear()
    return found


def note(status, headers):
    seen.append({"status": status, **{h: headers[h] for h in HEADERS if h in headers}})


def watch():
    for name in ("httpx", "httpx2"):
        try:
            client = importlib.import_module(name).Client
        except ImportError:
            continue
        send = client.send

        def watched(self, request, *a, _send=send, **k):
            answer = _send(self, request, *a, **k)
            note(answer.status_code, answer.headers)
            return answer
        client.send = watched
