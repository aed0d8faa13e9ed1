"""Requests that providers took, recorded by others: the simulator has to take them, too. It may refuse what it says it does not
do. The records are no part of the tree (tests read them where they lie beside it); without them this is skipped."""

import collections
import gzip
import http.client
import json
import pathlib

import pytest

from conftest import Makers

CORPUS = pathlib.Path(__file__).resolve().parents[3] / "shared" / "corpus"
pytestmark = pytest.mark.skipif(not CORPUS.is_dir(), reason="no recorded traffic beside the tree")

# file -> what a request holds that cannot be repeated here: signatures and ids that others gave
FILES = {"anthropic.messages": ['"signature"', "redacted_thinking"], "vertex.anthropic_messages": ['"signature"'],
         "openai.chat": [], "openai.responses": ["encrypted_content", '"rs_', "item_reference", "previous_response_id", '"fc_'],
         "gemini.generate": ["thoughtSignature", "thought_signature", "cachedContent"],
         "gemini.stream": ["thoughtSignature", "thought_signature", "cachedContent"],
         "vertex.generate": ["thoughtSignature", "thought_signature", "cachedContent"],
         "vertex.stream": ["thoughtSignature", "thought_signature", "cachedContent"],
         "bedrock.converse": ['"signature"', '"modelId"'], "bedrock.converse_stream": ['"signature"', '"modelId"']}
# records whose requests the specifications forbid, or that need what the simulator does not have
EXPLAINED = {
    "c206952445a5eb7c": "top_p of -1, 2025", "d2d29477a05c8d9e": "not Anthropic's path", "0a39e05c3ec5cd5f": "a call in a user turn",
    "75f2918d16f0aa7b": "a budget for a model without thinking", "893aa44bad003461": "messages in a Responses request",
    "3ca803c727be6f08": "the call is in a conversation that is kept there", "e3a7dbf7b389aba7": "a server that is not OpenAI's",
    "b833fa57c46c8879": "a block of compaction"}
# beta headers are not always in the records
BETAS = ("context-management-2025-06-27,structured-outputs-2025-11-13,mcp-client-2025-04-04,task-budgets-2026-03-13,"
         "server-side-fallback-2026-07-01,message-threads-2026-08-12,cache-diagnosis-2026-04-07,compact-2026-09-04")


@pytest.fixture(scope="module")
def sim():
    makers = Makers()
    yield makers.sim("--seed", "7")
    makers.end()


def may_differ(record, text):
    body = record["request_body"]
    return record["path"].startswith("/generate_content") or body.get("background") or "model" not in body and "prompt" in body \
        or any(word in text for word in FILES[record["file"]])


@pytest.mark.parametrize("file", FILES)
def test_taken(sim, file):
    connection = http.client.HTTPConnection(*sim.address, timeout=60)
    counts, refused = collections.Counter(), []
    for line in gzip.open(CORPUS / f"{file}.jsonl.gz", "rt"):
        record = json.loads(line)
        record["file"] = file
        body = record["request_body"]
        if record["status"] != 200 or not isinstance(body, dict) or may_differ(record, json.dumps(body)):
            counts["left out"] += 1
            continue
        headers = {"content-type": "application/json", "anthropic-version": "2023-06-01", "anthropic-beta": BETAS}
        headers.update({k: v for k, v in record["request_headers"].items() if k == "anthropic-version"})
        connection.request("POST", record["path"], json.dumps(body).encode(), headers)
        answer = connection.getresponse()
        said = answer.read()
        counts["tried"] += 1
        if answer.status == 200:
            counts["taken"] += 1
        elif record["id"] in EXPLAINED:
            counts["explained"] += 1
        else:
            refused.append((record["id"], record["model"], said[:300]))
    print(file, dict(counts))
    assert not refused
    assert counts["taken"] > 20
