"""The official AWS SDK for Python straight against the simulator: Converse, its frames, its errors, its signatures."""

import json

import pytest

from conftest import Makers

boto3 = pytest.importorskip("boto3")
from botocore.config import Config  # noqa: E402
from botocore.eventstream import ChecksumMismatch  # noqa: E402
from botocore.exceptions import ClientError, EventStreamError  # noqa: E402

PAIR = ("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
MODEL = "us.anthropic.claude-sonnet-4-6-v1:0"  # the colon is what home-made signers sign wrong
TOOLS = {"tools": [{"toolSpec": {"name": "get_weather", "inputSchema": {"json": {
    "type": "object", "properties": {"city": {"type": "string"}}}}}}]}


def user(*content):
    return {"role": "user", "content": [{"text": c} if isinstance(c, str) else c for c in content]}


@pytest.fixture(scope="module")
def sim():
    makers = Makers()
    yield makers.sim("--seed", "7", "--key", ":".join(PAIR))
    makers.end()


def make_client(sim, secret=PAIR[1]):
    return boto3.client("bedrock-runtime", region_name="us-east-1", endpoint_url=sim.url, aws_access_key_id=PAIR[0],
                        aws_secret_access_key=secret, config=Config(retries={"total_max_attempts": 1}, read_timeout=30))


@pytest.fixture(scope="module")
def client(sim):
    return make_client(sim)


def streamed(client, **asked):
    """The events of a stream put together: content, stopReason, usage."""
    blocks, end = {}, {}
    for event in client.converse_stream(**asked)["stream"]:
        (kind, body), = event.items()
        if kind == "contentBlockStart":
            blocks[body["contentBlockIndex"]] = {"toolUse": {**body["start"]["toolUse"], "input": ""}}
        elif kind == "contentBlockDelta":
            block, delta = blocks.setdefault(body["contentBlockIndex"], {}), body["delta"]
            if "text" in delta:
                block["text"] = block.get("text", "") + delta["text"]
            elif "toolUse" in delta:
                block["toolUse"]["input"] += delta["toolUse"]["input"]
            else:
                inner = block.setdefault("reasoningContent", {"reasoningText": {"text": ""}})["reasoningText"]
                inner["text"] += delta["reasoningContent"].get("text", "")
                inner.update({k: v for k, v in delta["reasoningContent"].items() if k == "signature"})
        elif kind in ("messageStop", "metadata"):
            end.update(body)
    content = [blocks[i] for i in sorted(blocks)]
    for block in content:
        if "toolUse" in block:
            block["toolUse"]["input"] = json.loads(block["toolUse"]["input"] or "{}")
    return {"output": {"message": {"role": "assistant", "content": content}}, **end}


@pytest.mark.parametrize("ask", [lambda c, **a: c.converse(**a), streamed], ids=["whole", "stream"])
def test_loop(client, sim, ask):
    messages = [user('think and call get_weather {"city": "Oslo"}')]
    first = ask(client, modelId=MODEL, messages=messages, toolConfig=TOOLS)
    content = first["output"]["message"]["content"]
    assert first["stopReason"] == "tool_use" and content[1]["toolUse"]["input"] == {"city": "Oslo"}
    assert content[0]["reasoningContent"]["reasoningText"]["signature"]
    assert first["usage"]["totalTokens"] == first["usage"]["inputTokens"] + first["usage"]["outputTokens"]
    messages += [first["output"]["message"], user({"toolResult": {
        "toolUseId": content[1]["toolUse"]["toolUseId"], "content": [{"text": "cold"}]}})]
    second = ask(client, modelId=MODEL, messages=messages, toolConfig=TOOLS)
    assert second["output"]["message"]["content"][-1]["text"] == '[simulated] results: "cold"'
    last = sim.count()["served"][-1]
    assert (last["format"], last["input"], last["reasoning"]) == ("bedrock-converse", second["usage"]["inputTokens"], 16)
    content[0]["reasoningContent"]["reasoningText"]["signature"] = "AAAA"
    with pytest.raises(client.exceptions.ValidationException, match="Invalid `signature`"):
        ask(client, modelId=MODEL, messages=messages, toolConfig=TOOLS)


def test_media_and_count(client):
    image = {"image": {"format": "png", "source": {"bytes": b"\x89PNG\r\n\x1a\n"}}}
    answer = client.converse(modelId=MODEL, messages=[user(image, "what?")], inferenceConfig={"maxTokens": 100})
    assert answer["output"]["message"]["content"][0]["text"] == "[simulated] 1 image (image/png 8 bytes)"
    count = client.count_tokens(modelId="anthropic.claude-sonnet-4-6", input={"converse": {"messages": [user("12345678")]}})
    assert count["inputTokens"] == 5


@pytest.mark.parametrize("fault,name", [("429", "ThrottlingException"), ("500", "InternalServerException"),
                                        ("404", "ResourceNotFoundException"), ("403-scope", "AccessDeniedException"),
                                        ("context", "ValidationException"), ("503", "ServiceUnavailableException")])
def test_errors(client, fault, name):
    with pytest.raises(getattr(client.exceptions, name)):
        client.converse(modelId=f"sim-fault-{fault}", messages=[user("x")])


def test_errors_in_streams(client):
    with pytest.raises(EventStreamError, match="internalServerException"):
        streamed(client, modelId="sim-fault-error-event-3", messages=[user("x")])
    with pytest.raises(ChecksumMismatch):
        streamed(client, modelId="sim-fault-garbage-chunk-3", messages=[user("x")])


def test_wrong_secret(sim):
    with pytest.raises(ClientError, match="InvalidSignatureException"):
        make_client(sim, "wrong").converse(modelId=MODEL, messages=[user("x")])
