"""The ledger as it is on the disk: the attempts in ledger.db, and what `sluice usage` says of them."""

import collections
import json
import sqlite3

from .proc import run_sluice
from .wait import LONG

OPEN, CLOSED, INTERRUPTED = 0, 1, 2
CLASSES = ["input", "cache_read", "cache_write", "output", "reasoning", "audio_in", "audio_out", "image_in", "image_out", "video_out"]
UNITS = ["images_in", "images_out", "audio_ms_in", "audio_ms_out", "video_ms_in", "video_ms_out", "characters", "searches", "pages"]
ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"

Attempt = collections.namedtuple("Attempt", "id state exchange key model provider target outcome status cost_p tokens flags units operation")


def id_text(raw):
    """The 26 letters of a 128-bit id."""
    if not raw:
        return None
    n = int.from_bytes(raw, "big")
    return "".join(ALPHABET[n >> (5 * (25 - i)) & 31] for i in range(26))


def attempts(state):
    """All attempts, oldest first."""
    db = sqlite3.connect(f"file:{state}/ledger.db?mode=ro", uri=True, timeout=LONG)
    try:
        rows = db.execute("SELECT attempt_id, state, exchange_id, key_id, model, provider, target, outcome, status, cost_p, "
                          f"flags, operation, {', '.join(CLASSES + UNITS)} FROM attempts ORDER BY opened_ns, number, attempt_id").fetchall()
    finally:
        db.close()
    return [Attempt(id_text(r[0]), r[1], id_text(r[2]), id_text(r[3]), r[4], r[5], r[6], r[7], r[8], r[9],
                    dict(zip(CLASSES, r[12:])), r[10], dict(zip(UNITS, r[12 + len(CLASSES):])), r[11]) for r in rows]


def usage(state, *args):
    return json.loads(run_sluice("usage", "--state", state, "--json", *args, check=True).stdout)
