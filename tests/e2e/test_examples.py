"""Every configuration that we show: examples/, and the yaml blocks of the documents. What is pasted must work."""

import pathlib
import re
import shlex

import pytest

from lib.client import Conn, fetch
from lib.proc import ROOT, SLUICE, Process, address_of, clean_environment, run_sluice

DOCUMENTS = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]


def blocks(document, language):
    """The fenced blocks of that language ("" for none) of a document."""
    fenced = re.findall(r"^```(\w*)[^\n]*\n(.*?)^```[ ]*$", document.read_text(), re.MULTILINE | re.DOTALL)
    return [text for said, text in fenced if said == language]


def shown():
    """(name, text) of everything that is a whole configuration: one has providers."""
    out = [(str(path.relative_to(ROOT)), path.read_text()) for path in sorted((ROOT / "examples").glob("*.y*ml"))]
    for document in DOCUMENTS:
        for n, text in enumerate(blocks(document, "yaml")):
            if re.search(r"^providers:", text, re.MULTILINE):
                out.append((f"{document.relative_to(ROOT)} block {n + 1}", text))
    return out


def variables_of(text):
    """Every ${NAME}, with a value that any of our settings takes."""
    return {name: "sk-example-0123456789abcdef" for name in re.findall(r"\$\{([A-Z0-9_]+)", text)}


def placed(text, directory, certs):
    """The same configuration with the files it names: /etc/sluice is a folder of the test."""
    pair = certs.leaf("example")
    for source, name in ((pair.cert, "cert.pem"), (pair.key, "key.pem"), (certs.ca.cert, "ca.pem")):
        (directory / name).write_bytes(pathlib.Path(source).read_bytes())
    path = directory / "sluice.yaml"
    path.write_text(text.replace("/etc/sluice/", f"{directory}/"))
    return path


def test_there_are_some():
    names = [name for name, _ in shown()]
    assert "README.md block 1" in names and len([n for n in names if n.startswith("examples/")]) >= 4, names


@pytest.mark.parametrize("name,text", shown(), ids=[name for name, _ in shown()])
def test_what_is_shown_is_valid(certs, tmp_path, name, text):
    path = placed(text, tmp_path, certs)
    done = run_sluice("check", "-c", path, env=variables_of(text))
    assert done.returncode == 0 and not done.stderr, done.stdout + done.stderr
    assert done.stdout == f"{path}: valid\n"


def named(pattern):
    """{text: documents} of what the documents name in code quotes."""
    out = {}
    for document in [*DOCUMENTS, ROOT / "docs" / "man" / "sluice.1", *sorted((ROOT / "changes").rglob("*.md"))]:
        for found in re.findall(pattern, document.read_text()):
            out.setdefault(found, []).append(str(document.relative_to(ROOT)))
    return out


def test_every_setting_that_is_named_exists():
    reference = (ROOT / "docs" / "reference" / "configuration.md").read_text()
    settings = [path.replace("[]", "").split(".") for path in re.findall(r"^#{2,4} `([^`]+)`", reference, re.MULTILINE)]
    sources = "".join(path.read_text(errors="replace") for path in (ROOT / "src").rglob("*.c"))
    missing = {}
    for name, documents in named(r"`([a-z_]+(?:\.[a-zA-Z_*\[\]]+)+)(?::[^`]*)?`").items():
        parts = name.replace("[]", "").replace("NAME", "*").split(".")
        if not any(parts[0] == path[0] for path in settings) or f'"{name}"' in sources:
            continue  # no setting; or an event of the log, whose names look the same
        if not any(len(path) >= len(parts) and all(re.fullmatch(a.replace("*", ".*"), b) or b == "*"
                                                   for a, b in zip(parts, path)) for path in settings):
            missing[name] = documents
    assert not missing, missing


def test_every_option_that_is_named_exists():
    wrong = []
    for (command, rest), documents in named(r"`sluice ([a-z]+)((?: [^`]*)?)`").items():
        verb = rest.split()[:1] if command == "keys" else []
        shown = run_sluice(command, *verb, "--help")
        wrong += [(command, rest, documents)] if shown.returncode else []
        wrong += [(command, option, documents) for option in re.findall(r"--[a-z-]+", rest) if option not in shown.stdout]
    assert not wrong, wrong


def test_every_header_of_ours_that_is_named_exists():
    sources = "".join(path.read_text(errors="replace") for path in (ROOT / "src").rglob("*.[ch]"))
    missing = {name: documents for name, documents in named(r"\b(x-sluice-[a-z-]*[a-z])\b").items() if name not in sources}
    assert not missing, missing


class Shown(Process):
    """`sluice serve` on a configuration as it is shown; only where it listens and keeps its state is the test's."""

    def __init__(self, directory, arguments, variables):
        super().__init__("shown", [SLUICE, *arguments], cwd=directory, env=clean_environment(
            {**variables, "SLUICE_LISTEN": "127.0.0.1:0", "SLUICE_ADMIN_LISTEN": "127.0.0.1:0",
             "SLUICE_STATE_DIR": str(directory / "state")}))
        self.wait_event("serve.ready")
        self.address = address_of(self.find("listen.ready")[0]["address"])


def test_the_first_configuration_of_the_readme(make, tmp_path):
    """The block, and the commands below it, in a folder of their own."""
    readme = ROOT / "README.md"
    text = blocks(readme, "yaml")[0]
    (tmp_path / "sluice.yaml").write_text(text)
    variables = {**variables_of(text), "SLUICE_STATE_DIR": str(tmp_path / "state")}
    commands = next(b for b in blocks(readme, "") if "sluice serve -c sluice.yaml" in b)
    key, served = None, None
    for line in commands.splitlines():
        words = shlex.split(line, comments=True)
        assert words.pop(0) == "sluice", line
        if words[0] == "serve":
            served = make.adopt(Shown(tmp_path, words, variables))
            continue
        done = run_sluice(*words, env=variables, cwd=tmp_path, check=True)
        if words[:2] == ["keys", "create"]:
            key = re.search(r"sk-sluice-\S+", done.stdout)[0]
    assert key and served
    models = re.findall(r"^  (\S+): \{targets", text, re.MULTILINE)
    listed = fetch(served.address, "GET", "/v1/models", key=key)
    assert sorted(m["id"] for m in listed.json()["data"]) == sorted(models)
    with Conn(served.address) as c:
        assert c.request("GET", "/v1/models").status == 401
    assert served.stop() == 0


def test_the_simulated_example_answers(make, tmp_path):
    text = (ROOT / "examples" / "simulated.yaml").read_text()
    (tmp_path / "sluice.yaml").write_text(text)
    variables = {"SLUICE_STATE_DIR": str(tmp_path / "state")}
    made = run_sluice("keys", "create", "--name", "x", env=variables, cwd=tmp_path, check=True)
    key = re.search(r"sk-sluice-\S+", made.stdout)[0]
    served = make.adopt(Shown(tmp_path, ["serve"], variables))
    model = fetch(served.address, "GET", "/v1/models", key=key).json()["data"][0]["id"]
    answer = fetch(served.address, "POST", "/v1/chat/completions",
                   {"model": model, "messages": [{"role": "user", "content": "x"}]}, key=key)
    assert answer.status == 200 and answer.json()["choices"], answer
