// Run by test_sdk_node.py: the official OpenAI SDK for Node against a gateway. Prints one JSON line per case:
// {"case": name, "ok": true} or {"case": name, "ok": false, "why": text}.
import assert from 'node:assert/strict';
import OpenAI from 'openai';

const { SLUICE_URL, SLUICE_KEY, UPSTREAM_CONTROL } = process.env;
const client = new OpenAI({ baseURL: `${SLUICE_URL}/v1`, apiKey: SLUICE_KEY, maxRetries: 0, timeout: 60000 });
const messages = [{ role: 'user', content: 'hi' }];
const tools = [{
  type: 'function',
  function: { name: 'get_weather', parameters: { type: 'object', properties: { city: { type: 'string' } } } },
}];

async function fails(promise, kind, check = () => {}) {
  try {
    await promise;
  } catch (error) {
    assert.ok(error instanceof kind, `${error.constructor.name}: ${error.message}`);
    check(error);
    return;
  }
  assert.fail('did not fail');
}

const cases = {
  async chat() {
    const answer = await client.chat.completions.create({ model: 'm', messages });
    assert.equal(answer.choices[0].message.content, 'Hello there.');
    assert.equal(answer.usage.total_tokens, 12);
  },
  async stream() {
    let text = '';
    for await (const chunk of await client.chat.completions.create({ model: 'm', messages, stream: true })) {
      assert.ok(chunk.choices.length === 1);
      text += chunk.choices[0].delta.content ?? '';
    }
    assert.equal(text, 'Hello there.');
  },
  async usage() {
    let last;
    const asked = { model: 'm', messages, stream: true, stream_options: { include_usage: true } };
    for await (const chunk of await client.chat.completions.create(asked)) last = chunk;
    assert.equal(last.usage.prompt_tokens, 9);
  },
  async helper() {
    const stream = client.chat.completions.stream({ model: 'm', messages });
    assert.equal(await stream.finalContent(), 'Hello there.');
  },
  async many() {
    const all = await Promise.all(Array.from({ length: 30 }, () => client.chat.completions.create({ model: 'm', messages })));
    assert.ok(all.every((a) => a.choices[0].message.content === 'Hello there.'));
  },
  async tools() {
    const first = await client.chat.completions.create({ model: 'm', messages, tools });
    const call = first.choices[0].message.tool_calls[0];
    assert.deepEqual(JSON.parse(call.function.arguments), { city: 'Oslo' });
    const second = await client.chat.completions.create({
      model: 'm', tools,
      messages: [...messages, first.choices[0].message, { role: 'tool', tool_call_id: call.id, content: 'cold' }],
    });
    assert.equal(second.choices[0].message.content, 'It is cold.');
  },
  async toolsStreamed() {
    let text = '';
    for await (const chunk of await client.chat.completions.create({ model: 'm', messages, tools, stream: true }))
      text += chunk.choices[0]?.delta.tool_calls?.[0].function.arguments ?? '';
    assert.equal(text, '{"city":"Oslo"}');
  },
  async embeddings() {
    const base64 = await client.embeddings.create({ model: 'm', input: ['a', 'b'] });
    assert.deepEqual([...base64.data[1].embedding], [0.5, -0.25, 1.5, 3]);
    const floats = await client.embeddings.create({ model: 'm', input: 'a', encoding_format: 'float' });
    assert.deepEqual(floats.data[0].embedding, [0.5, -0.25, 1.5, 3]);
  },
  async completions() {
    const answer = await client.completions.create({ model: 'm', prompt: 'x' });
    assert.equal(answer.choices[0].text, 'Hello there.');
  },
  async models() {
    const ids = [];
    for await (const model of client.models.list()) ids.push(model.id);
    assert.ok(ids.includes('m'));
    assert.equal((await client.models.retrieve('m')).id, 'm');
  },
  async errors() {
    const ask = (model, options) => client.chat.completions.create({ model, messages }, options);
    await fails(ask('fail-400'), OpenAI.BadRequestError, (e) => assert.equal(e.code, 'invalid_value'));
    await fails(ask('fail-404'), OpenAI.NotFoundError);
    await fails(ask('fail-422'), OpenAI.UnprocessableEntityError);
    await fails(ask('fail-429'), OpenAI.RateLimitError);
    await fails(ask('fail-500'), OpenAI.InternalServerError);
    const stranger = new OpenAI({ baseURL: `${SLUICE_URL}/v1`, apiKey: 'sk-sluice-wrong', maxRetries: 0 });
    await fails(stranger.chat.completions.create({ model: 'm', messages }), OpenAI.AuthenticationError);
  },
  async retries() {
    const before = Number(await (await fetch(UPSTREAM_CONTROL)).text());
    const eager = new OpenAI({ baseURL: `${SLUICE_URL}/v1`, apiKey: SLUICE_KEY, maxRetries: 2 });
    await fails(eager.chat.completions.create({ model: 'fail-500', messages }), OpenAI.InternalServerError);
    const after = Number(await (await fetch(UPSTREAM_CONTROL)).text());
    assert.equal(after - before, 1, 'the SDK tried again although x-should-retry was false');
  },
  async timeout() {
    await fails(client.chat.completions.create({ model: 'hang', messages }, { timeout: 1500 }), OpenAI.APIConnectionTimeoutError);
  },
  async leaveEarly() {
    const stream = await client.chat.completions.create({ model: 'endless', messages, stream: true });
    for await (const chunk of stream) {
      assert.equal(chunk.choices[0].delta.content, 'one');
      break;
    }
  },
  async abort() {
    const controller = new AbortController();
    const stream = await client.chat.completions.create({ model: 'endless', messages, stream: true }, { signal: controller.signal });
    const seen = [];
    await fails((async () => {
      for await (const chunk of stream) {
        seen.push(chunk);
        controller.abort();
      }
      throw new OpenAI.APIUserAbortError(); // some versions end the loop quietly
    })(), OpenAI.APIUserAbortError);
    assert.ok(seen.length >= 1);
  },
};

for (const [name, run] of Object.entries(cases)) {
  try {
    await run();
    console.log(JSON.stringify({ case: name, ok: true }));
  } catch (error) {
    console.log(JSON.stringify({ case: name, ok: false, why: error.stack }));
  }
}
process.exit(0);
