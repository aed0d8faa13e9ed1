// The Node SDK on stored responses: prints one line of JSON. Run by test_responses_store.py.
import OpenAI from "openai";

const client = new OpenAI({ baseURL: process.env.SLUICE_URL + "/v1", apiKey: process.env.SLUICE_KEY, maxRetries: 0 });
const model = process.env.MODEL;

const caught = async (promise) => {
  try {
    await promise;
    return null;
  } catch (error) {
    return [error.constructor.name, error.status, error.code];
  }
};

const first = await client.responses.create({ model, input: "one" });
const stream = client.responses.stream({ model, input: "two", previous_response_id: first.id });
const second = await stream.finalResponse();
const read = await client.responses.retrieve(second.id);
const items = [];
for await (const item of client.responses.inputItems.list(second.id, { order: "asc", limit: 1 })) items.push(item.type);
const tokens = await client.responses.inputTokens.count({ model, input: "three", previous_response_id: second.id });
await client.responses.delete(second.id);
console.log(JSON.stringify({
  same: read.output_text === second.output_text && read.output_text.length > 0,
  previous: read.previous_response_id === first.id,
  items,
  tokens: tokens.input_tokens,
  gone: await caught(client.responses.retrieve(second.id)),
  goneOn: await caught(client.responses.create({ model, input: "four", previous_response_id: second.id })),
  notCancelled: await caught(client.responses.cancel(first.id)),
}));
