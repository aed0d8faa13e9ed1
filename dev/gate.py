"""What the gates of dev/ share: which files there are, how C is read, how findings are told.

A gate is a function that takes a Tree and yields Finding(path, line, text), where the text says
what is wrong and what to do about it. `run(check, cases)` is the main program of every gate:
without arguments it checks this work tree; with --self-test it proves on small invented trees
(the cases) that the gate finds what it must find, and nothing in the tree that is in order.
"""

import fnmatch
import pathlib
import re
import subprocess
import sys
import tempfile
from collections import namedtuple

Finding = namedtuple("Finding", "path line text")
Allowed = namedtuple("Allowed", "line words reason")

C_TOKENS = re.compile(
    r"""//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'""", re.DOTALL
)


class Tree:
    """A directory with sources: the repository, or one made for a self-test."""

    def __init__(self, root):
        self.root = pathlib.Path(root)
        self._files = None

    def files(self, *patterns):
        """Paths below the root that fit one of the patterns; `*` also spans slashes."""
        if self._files is None:
            self._files = self._list()
        return [f for f in self._files if any(fnmatch.fnmatchcase(f, p) for p in patterns)]

    def text(self, path):
        return (self.root / path).read_text(encoding="utf-8", errors="replace")

    def exists(self, path):
        return (self.root / path).exists()

    def allowed(self, path):
        """The lines `word word … # reason` of an allow-list; without a reason it is a finding."""
        if not self.exists(path):
            return []
        entries = []
        for number, line in enumerate(self.text(path).splitlines(), 1):
            body, _, reason = line.partition("#")
            if body.strip():
                entries.append(Allowed(number, tuple(body.split()), reason.strip()))
        return entries

    def _list(self):
        if (self.root / ".git").exists():
            # Also what is not committed yet, but nothing ignored.
            out = subprocess.run(
                ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
                cwd=self.root, check=True, capture_output=True, text=True,
            ).stdout
            names = [n for n in out.split("\0") if n and (self.root / n).is_file()]
        else:
            names = [str(p.relative_to(self.root)) for p in self.root.rglob("*") if p.is_file()]
        return sorted(set(names))


def blank_comments(text):
    """C source without its comments, every line still where it was."""
    return C_TOKENS.sub(lambda m: _blank(m.group()) if m.group()[0] == "/" else m.group(), text)


def blank_strings(text):
    """C source without comments and without the contents of strings."""
    return C_TOKENS.sub(
        lambda m: _blank(m.group()) if m.group()[0] == "/" else m.group()[0] * 2, text
    )


def _blank(text):
    return " " + "\n" * text.count("\n")


def allow_findings(path, entries, used):
    """An allow-list may only shrink: entries without reason or without use are findings."""
    for entry in entries:
        if not entry.reason:
            yield Finding(path, entry.line, "an exception needs its reason behind a #")
        if entry not in used:
            yield Finding(path, entry.line, "nothing needs this exception any more: remove the line")


def run(check, cases):
    if sys.argv[1:] == ["--self-test"]:
        sys.exit(self_test(check, cases))
    if sys.argv[1:]:
        sys.exit(f"usage: {sys.argv[0]} [--self-test]")
    found = 0
    for finding in check(Tree(pathlib.Path(__file__).resolve().parent.parent)):
        print(f"{finding.path}:{finding.line}: {finding.text}")
        found += 1
    sys.exit(1 if found else 0)


def self_test(check, cases):
    """Each case: (name, {path: text}, [part of each finding, "path:line: text", in order])."""
    failed = 0
    for name, files, expected in cases:
        with tempfile.TemporaryDirectory() as directory:
            for path, text in files.items():
                target = pathlib.Path(directory, path)
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_text(text, encoding="utf-8")
                target.chmod(0o755 if text.startswith("#!") else 0o644)
            got = [f"{f.path}:{f.line}: {f.text}" for f in check(Tree(directory))]
        if len(got) != len(expected) or any(e not in g for e, g in zip(expected, got)):
            print(f"self-test of {sys.argv[0]}: case '{name}' expected {expected}, got {got}")
            failed += 1
    if not any(expected for _, _, expected in cases):
        print(f"self-test of {sys.argv[0]}: no case proves that this gate can fail")
        failed += 1
    return 1 if failed else 0
