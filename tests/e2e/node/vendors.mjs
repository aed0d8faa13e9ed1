// The vendors' own SDKs for Node, driven by test_matrix.py: node vendors.mjs URL KEY.
import { Lacks, MAX, SCHEMA, TOOLS, dataUrl, failure, serve } from './cases.mjs';
import Anthropic from '@anthropic-ai/sdk';
import { ApiError, GoogleGenAI } from '@google/genai';
import OpenAI from 'openai-7';

const [url, key] = process.argv.slice(2);
const changed = (spec) => ({ maxRetries: spec.retries ?? 0, ...(spec.key ? { apiKey: spec.key } : {}) });
const said = (spec) => (spec.history ?? []).map(([role, content]) => ({ role, content }));
const text = (content) => content.filter((b) => b.type === 'text').map((b) => b.text).join('');

// What the SDK does not know it does not join, either: of each such member it keeps the last piece alone.
function joined(deltas) {
  const out = {};
  for (const { reasoning_content: piece, reasoning_details: details } of deltas) {
    if (piece) out.reasoning_content = (out.reasoning_content ?? '') + piece;
    for (const { index, ...detail } of details ?? []) {
      out.reasoning_details ??= [];
      const at = (out.reasoning_details[index ?? 0] ??= { index });
      for (const [name, value] of Object.entries(detail))
        at[name] = ['text', 'summary', 'data'].includes(name) ? (at[name] ?? '') + value : value;
    }
  }
  return out;
}

class Chat {
  c = new OpenAI({ baseURL: `${url}/v1`, apiKey: key, timeout: 60000 });
  fails = (error) => error instanceof OpenAI.APIError;

  read(answer) {
    const { message: m, finish_reason: finish } = answer.choices[0];
    const u = answer.usage;
    return {
      text: m.content ?? '', texts: answer.choices.map((c) => c.message.content ?? ''),
      calls: (m.tool_calls ?? []).map((c) => [c.id, c.function.name, JSON.parse(c.function.arguments)]), finish,
      in: u.prompt_tokens, out: u.completion_tokens, cached: u.prompt_tokens_details?.cached_tokens ?? 0,
      thought: m.reasoning_content ?? '', signed: Boolean(m.reasoning_details), message: m,
    };
  }

  more(spec) {
    const more = {};
    if (spec.schema)
      more.response_format = { type: 'json_schema', json_schema: { name: 'plan', schema: SCHEMA, strict: true } };
    if (spec.stop) more.stop = [spec.stop];
    if (spec.n) more.n = spec.n;
    if (spec.logprobs) Object.assign(more, { logprobs: true, top_logprobs: 2 });
    if (spec.search) more.web_search_options = {};
    if (spec.think) more.reasoning_effort = 'low';
    if (spec.tools)
      more.tools = TOOLS.map((name) => ({ type: 'function', function: { name, description: 'd', parameters: SCHEMA } }));
    if (spec.choice)
      more.tool_choice = spec.choice === 'none' ? 'none' : { type: 'function', function: { name: spec.choice } };
    return more;
  }

  messages(spec) {
    const parts = [{ type: 'text', text: spec.text }];
    if (spec.image) parts.push({ type: 'image_url', image_url: { url: dataUrl('image/png', spec.image) } });
    if (spec.pdf)
      parts.push({ type: 'file', file: { filename: 'a.pdf', file_data: dataUrl('application/pdf', spec.pdf) } });
    if (spec.audio) parts.push({ type: 'input_audio', input_audio: { data: spec.audio, format: 'wav' } });
    const user = { role: 'user', content: parts.length > 1 ? parts : spec.text };
    return [...(spec.system ? [{ role: 'system', content: spec.system }] : []), ...said(spec), user];
  }

  async send(spec, messages) {
    const asked = { model: spec.model, messages, max_completion_tokens: spec.max ?? MAX, ...this.more(spec) };
    const chat = this.c.withOptions(changed(spec)).chat.completions;
    if (!spec.stream) return this.read(await chat.create(asked));
    const stream = chat.stream({ ...asked, stream_options: { include_usage: true } });
    const thoughts = [];
    stream.on('chunk', (chunk) => thoughts.push(chunk.choices[0]?.delta));
    const answer = await stream.finalChatCompletion();
    Object.assign(answer.choices[0].message, joined(thoughts.filter(Boolean)));
    return this.read(answer);
  }

  ask(spec) {
    return this.send(spec, this.messages(spec));
  }

  async loop(asked) {
    const spec = { ...asked, tools: true };
    const first = await this.ask(spec);
    const { parsed, ...message } = first.message;
    message.tool_calls = message.tool_calls?.map(({ function: { parsed_arguments: _, ...f }, index: __, ...c }) =>
      ({ ...c, function: f }));
    const results = first.calls.map(([id, name]) => ({ role: 'tool', tool_call_id: id, content: `result-of-${name}` }));
    const second = { ...spec, model: spec.second ?? spec.model };
    return [first, await this.send(second, [...this.messages(spec), message, ...results])];
  }

  count() {
    throw new Lacks('count');
  }

  async models(spec) {
    const ids = [];
    for await (const m of this.c.models.list()) ids.push(m.id);
    return { ids, one: (await this.c.models.retrieve(spec.model)).id };
  }
}

class Responses extends Chat {
  read(answer) {
    const u = answer.usage;
    const calls = answer.output.filter((i) => i.type === 'function_call')
      .map((i) => [i.call_id, i.name, JSON.parse(i.arguments)]);
    const thoughts = answer.output.filter((i) => i.type === 'reasoning');
    return {
      text: answer.output_text, texts: [answer.output_text], calls,
      finish: calls.length ? 'tool_calls' :
        { completed: 'stop', max_output_tokens: 'length' }[answer.incomplete_details?.reason ?? answer.status] ?? 'content_filter',
      in: u.input_tokens, out: u.output_tokens, cached: u.input_tokens_details.cached_tokens,
      thought: thoughts.flatMap((i) => i.summary).map((s) => s.text).join(''),
      signed: thoughts.some((i) => i.encrypted_content), message: answer,
    };
  }

  more(spec) {
    const more = { store: false };
    const tools = [];
    if (spec.stop || spec.n) throw new Lacks('stop, n');
    if (spec.schema) more.text = { format: { type: 'json_schema', name: 'plan', schema: SCHEMA, strict: true } };
    if (spec.logprobs) Object.assign(more, { top_logprobs: 2, include: ['message.output_text.logprobs'] });
    if (spec.search) tools.push({ type: 'web_search' });
    if (spec.think) more.reasoning = { effort: 'low', summary: 'auto' };
    if (spec.think || spec.tools) more.include = ['reasoning.encrypted_content'];
    if (spec.tools)
      for (const name of TOOLS) tools.push({ type: 'function', name, description: 'd', parameters: SCHEMA, strict: false });
    if (spec.choice) more.tool_choice = spec.choice === 'none' ? 'none' : { type: 'function', name: spec.choice };
    if (spec.system) more.instructions = spec.system;
    return tools.length ? { ...more, tools } : more;
  }

  messages(spec) {
    const parts = [{ type: 'input_text', text: spec.text }];
    if (spec.image)
      parts.push({ type: 'input_image', detail: 'auto', image_url: dataUrl('image/png', spec.image) });
    if (spec.pdf)
      parts.push({ type: 'input_file', filename: 'a.pdf', file_data: dataUrl('application/pdf', spec.pdf) });
    if (spec.audio) throw new Lacks('audio');
    return [...said(spec), { role: 'user', content: parts.length > 1 ? parts : spec.text }];
  }

  async send(spec, input) {
    const asked = { model: spec.model, input, max_output_tokens: spec.max ?? MAX, ...this.more(spec) };
    const responses = this.c.withOptions(changed(spec)).responses;
    if (!spec.stream) return this.read(await responses.create(asked));
    const stream = responses.stream(asked);
    for await (const event of stream) {
      if (event.type !== 'response.failed') continue; // the SDK leaves it to its caller to look at it
      stream.abort();
      const { message, code } = event.response.error;
      return { error: { kinds: ['failed'], status: null, message, code, request_id: null } };
    }
    return this.read(await stream.finalResponse());
  }

  async loop(asked) {
    const spec = { ...asked, tools: true };
    const first = await this.ask(spec);
    const items = first.message.output.map(({ status, parsed_arguments, ...item }) => item);
    const results = first.calls.map(([id, name]) => ({ type: 'function_call_output', call_id: id, output: `result-of-${name}` }));
    const second = { ...spec, model: spec.second ?? spec.model };
    return [first, await this.send(second, [...this.messages(spec), ...items, ...results])];
  }

  async count(spec) {
    return { tokens: (await this.c.responses.inputTokens.count({ model: spec.model, input: this.messages(spec) })).input_tokens };
  }
}

class Messages {
  c = new Anthropic({ baseURL: url, apiKey: key, timeout: 60000 });
  fails = (error) => error instanceof Anthropic.APIError;

  read(m) {
    const u = m.usage;
    const cached = u.cache_read_input_tokens ?? 0;
    const finish = {
      end_turn: 'stop', stop_sequence: 'stop', tool_use: 'tool_calls', max_tokens: 'length', refusal: 'content_filter',
    }[m.stop_reason];
    return {
      text: text(m.content), texts: [text(m.content)], finish,
      calls: m.content.filter((b) => b.type === 'tool_use').map((b) => [b.id, b.name, b.input]),
      in: u.input_tokens + cached + (u.cache_creation_input_tokens ?? 0), out: u.output_tokens, cached,
      thought: m.content.filter((b) => b.type === 'thinking').map((b) => b.thinking).join(''),
      signed: m.content.some((b) => (b.type === 'thinking' && b.signature) || b.type === 'redacted_thinking'), message: m,
    };
  }

  more(spec) {
    const more = { max_tokens: spec.max ?? MAX };
    const tools = [];
    if (spec.n || spec.logprobs) throw new Lacks('n, logprobs');
    if (spec.schema) more.output_config = { format: { type: 'json_schema', schema: SCHEMA } };
    if (spec.stop) more.stop_sequences = [spec.stop];
    if (spec.search) tools.push({ type: 'web_search_20250305', name: 'web_search' });
    if (spec.think) more.thinking = { type: 'adaptive', display: 'summarized' };
    if (spec.think === 'budget') more.thinking = { type: 'enabled', budget_tokens: 1024 };
    if (spec.tools) for (const name of TOOLS) tools.push({ name, description: 'd', input_schema: SCHEMA });
    if (spec.choice) more.tool_choice = spec.choice === 'none' ? { type: 'none' } : { type: 'tool', name: spec.choice };
    if (spec.system)
      more.system = spec.cache ? [{ type: 'text', text: spec.system, cache_control: { type: 'ephemeral' } }] : spec.system;
    return tools.length ? { ...more, tools } : more;
  }

  messages(spec) {
    const parts = [{ type: 'text', text: spec.text }];
    if (spec.image)
      parts.push({ type: 'image', source: { type: 'base64', media_type: 'image/png', data: spec.image } });
    if (spec.pdf)
      parts.push({ type: 'document', source: { type: 'base64', media_type: 'application/pdf', data: spec.pdf } });
    if (spec.audio) throw new Lacks('audio');
    return [...said(spec), { role: 'user', content: parts.length > 1 ? parts : spec.text }];
  }

  async send(spec, messages) {
    const asked = { model: spec.model, messages, ...this.more(spec) };
    const c = this.c.withOptions(changed(spec));
    return this.read(await (spec.stream ? c.messages.stream(asked).finalMessage() : c.messages.create(asked)));
  }

  ask(spec) {
    return this.send(spec, this.messages(spec));
  }

  async loop(asked) {
    const spec = { ...asked, tools: true };
    const first = await this.ask(spec);
    const content = first.message.content.map(({ parsed_output, parsed_input, ...block }) => block);
    const results = first.calls.map(([id, name]) => ({ type: 'tool_result', tool_use_id: id, content: `result-of-${name}` }));
    const second = { ...spec, model: spec.second ?? spec.model };
    return [first, await this.send(second, [...this.messages(spec), { role: 'assistant', content },
      { role: 'user', content: results }])];
  }

  async count(spec) {
    return { tokens: (await this.c.messages.countTokens({ model: spec.model, messages: this.messages(spec) })).input_tokens };
  }

  async models(spec) {
    const ids = [];
    for await (const m of this.c.models.list()) ids.push(m.id);
    return { ids, one: (await this.c.models.retrieve(spec.model)).id };
  }
}

class Gemini {
  c = this.client({});
  fails = (error) => error instanceof ApiError;

  client(spec) {
    const retryOptions = spec.retries ? {} : { retryOptions: { attempts: 1 } };
    const httpOptions = { baseUrl: url, timeout: 60000, ...retryOptions };
    return new GoogleGenAI({ apiKey: spec.key ?? key, vertexai: false, httpOptions });
  }

  failure(error) {
    return { ...failure(error), code: null };
  }

  read(answers) {
    if (answers.some((a) => a.promptFeedback?.blockReason)) return { text: '', finish: 'content_filter' };
    const parts = answers.flatMap((a) => a.candidates?.[0]?.content?.parts ?? []);
    const finish = answers.map((a) => a.candidates?.[0]?.finishReason).filter(Boolean).at(-1);
    const u = answers.map((a) => a.usageMetadata).filter(Boolean).at(-1);
    const calls = parts.filter((p) => p.functionCall)
      .map(({ functionCall: f }) => [f.id ?? null, f.name, f.args]);
    const texts = [];
    for (const c of answers.flatMap((a) => a.candidates ?? []))
      texts[c.index ?? 0] = (texts[c.index ?? 0] ?? '') +
        (c.content?.parts ?? []).filter((p) => !p.thought).map((p) => p.text ?? '').join('');
    return {
      text: texts[0] ?? '', texts, calls,
      finish: calls.length ? 'tool_calls' : { STOP: 'stop', MAX_TOKENS: 'length' }[finish] ?? 'content_filter',
      in: u.promptTokenCount, out: (u.candidatesTokenCount ?? 0) + (u.thoughtsTokenCount ?? 0),
      cached: u.cachedContentTokenCount ?? 0, thought: parts.filter((p) => p.thought).map((p) => p.text ?? '').join(''),
      signed: parts.some((p) => p.thoughtSignature), message: parts,
    };
  }

  config(spec) {
    const config = { maxOutputTokens: spec.max ?? MAX };
    const tools = [];
    if (spec.schema) Object.assign(config, { responseMimeType: 'application/json', responseJsonSchema: SCHEMA });
    if (spec.stop) config.stopSequences = [spec.stop];
    if (spec.n) config.candidateCount = spec.n;
    if (spec.logprobs) Object.assign(config, { responseLogprobs: true, logprobs: 2 });
    if (spec.search) tools.push({ googleSearch: {} });
    if (spec.think) config.thinkingConfig = { includeThoughts: true, thinkingBudget: 1024 };
    if (spec.tools)
      tools.push({ functionDeclarations: TOOLS.map((name) => ({ name, description: 'd', parametersJsonSchema: SCHEMA })) });
    if (spec.choice) {
      const wanted = spec.choice === 'none' ? { mode: 'NONE' } : { mode: 'ANY', allowedFunctionNames: [spec.choice] };
      config.toolConfig = { functionCallingConfig: wanted };
    }
    if (spec.system) config.systemInstruction = spec.system;
    return tools.length ? { ...config, tools } : config;
  }

  contents(spec) {
    const parts = [{ text: spec.text }];
    for (const [name, mimeType] of [['image', 'image/png'], ['pdf', 'application/pdf'], ['audio', 'audio/wav']])
      if (spec[name]) parts.push({ inlineData: { data: spec[name], mimeType } });
    const before = (spec.history ?? []).map(([role, words]) =>
      ({ role: role === 'assistant' ? 'model' : role, parts: [{ text: words }] }));
    return [...before, { role: 'user', parts }];
  }

  async send(spec, contents) {
    const asked = { model: spec.model, contents, config: this.config(spec) };
    const { models } = spec.key || spec.retries ? this.client(spec) : this.c;
    if (!spec.stream) return this.read([await models.generateContent(asked)]);
    const answers = [];
    for await (const chunk of await models.generateContentStream(asked)) answers.push(chunk);
    return this.read(answers);
  }

  ask(spec) {
    return this.send(spec, this.contents(spec));
  }

  async loop(asked) {
    const spec = { ...asked, tools: true };
    const first = await this.ask(spec);
    const results = first.calls.map(([id, name]) => ({
      functionResponse: { ...(id ? { id } : {}), name, response: { output: `result-of-${name}` } },
    }));
    const second = { ...spec, model: spec.second ?? spec.model };
    return [first, await this.send(second, [...this.contents(spec), { role: 'model', parts: first.message },
      { role: 'user', parts: results }])];
  }

  async count(spec) {
    return { tokens: (await this.c.models.countTokens({ model: spec.model, contents: this.contents(spec) })).totalTokens };
  }

  async models(spec) {
    const bare = (m) => m.name.replace(/^models\//, '');
    const ids = [];
    for await (const m of await this.c.models.list()) ids.push(bare(m));
    return { ids, one: bare(await this.c.models.get({ model: spec.model })) };
  }
}

await serve({ chat: new Chat(), responses: new Responses(), messages: new Messages(), gemini: new Gemini() });
