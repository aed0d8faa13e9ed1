"""The reference implementation's encodings, made from the rank files that the set-up fetched: nothing is downloaded."""

import base64
import contextlib
import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
RANKS = ROOT / "build/.setup/ranks"
SHARE = ROOT / "build/share/sluice"


def _load(source, expected_hash=None):
    lines = (RANKS / source.rsplit("/", 1)[-1]).read_bytes().splitlines()
    return {base64.b64decode(token): int(rank) for token, rank in (line.split() for line in lines)}


def missing(*names):
    """What the set-up has not made of these encodings."""
    return [str(p) for name in names for p in (RANKS / f"{name}.tiktoken", SHARE / f"{name}.vocab") if not p.exists()]


@contextlib.contextmanager
def encoding(name):
    """tiktoken's encoding of that name; skips where the set-up has not been run."""
    gone = missing(name)
    if gone:
        assert not os.environ.get("CI"), f"dev/setup.sh did not make {gone}"
        pytest.skip(f"run dev/setup.sh test: there is no {gone[0]}")
    import tiktoken
    from tiktoken_ext import openai_public
    before = openai_public.load_tiktoken_bpe
    openai_public.load_tiktoken_bpe = _load
    try:
        yield tiktoken.Encoding(**getattr(openai_public, name)())
    finally:
        openai_public.load_tiktoken_bpe = before
