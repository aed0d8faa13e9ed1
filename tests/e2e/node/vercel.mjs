// Vercel's AI SDK on the four faces, driven by test_matrix.py: node vercel.mjs URL KEY.
import { MAX, SCHEMA, TOOLS, failure, serve } from './cases.mjs';
import { createAnthropic } from '@ai-sdk/anthropic';
import { createGoogle } from '@ai-sdk/google';
import { createOpenAI } from '@ai-sdk/openai';
import { APICallError, Output, generateText, jsonSchema, stepCountIs, streamText, tool } from 'ai';

globalThis.AI_SDK_LOG_WARNINGS = false;
const [url, key] = process.argv.slice(2);

const models = {
  chat: (apiKey) => (name) => createOpenAI({ baseURL: `${url}/v1`, apiKey }).chat(name),
  responses: (apiKey) => createOpenAI({ baseURL: `${url}/v1`, apiKey }),
  messages: (apiKey) => createAnthropic({ baseURL: `${url}/v1`, apiKey }),
  gemini: (apiKey) => createGoogle({ baseURL: `${url}/v1beta`, apiKey }),
};
// The gateway's names of models say nothing to the SDK: with forceReasoning it takes them for models that reason, which is what
// OpenAI's newer ones want (max_completion_tokens).
const always = {
  chat: { openai: { forceReasoning: true } },
  responses: { openai: { store: false, include: ['reasoning.encrypted_content'] } },
};
const thinking = {
  chat: { openai: { ...always.chat.openai, reasoningEffort: 'low' } },
  responses: {
    openai: { ...always.responses.openai, reasoningEffort: 'low', reasoningSummary: 'auto', forceReasoning: true },
  },
  messages: { anthropic: { thinking: { type: 'adaptive', display: 'summarized' } } },
  'messages by budget': { anthropic: { thinking: { type: 'enabled', budgetTokens: 1024 } } },
  gemini: { google: { thinkingConfig: { includeThoughts: true, thinkingBudget: 1024 } } },
};
const FINISH = { stop: 'stop', 'tool-calls': 'tool_calls', length: 'length' };
const tools = Object.fromEntries(TOOLS.map((name) => [name, tool({
  description: 'd', inputSchema: jsonSchema(SCHEMA), execute: async () => `result-of-${name}`,
})]));

class Face {
  constructor(name) {
    this.name = name;
  }

  fails = (error) => APICallError.isInstance(error.lastError ?? error) || error.type !== undefined;

  failure(thrown) {
    const error = thrown.lastError ?? thrown;
    const told = failure(error);
    const code = error.data?.error?.code ?? error.code ?? null;
    const h = error.responseHeaders ?? {};
    return { ...told, code, request_id: h['x-request-id'] ?? h['request-id'] ?? null };
  }

  read(step) {
    const u = step.usage;
    return {
      text: step.text, texts: [step.text], calls: step.toolCalls.map((c) => [c.toolCallId, c.toolName, c.input]),
      finish: FINISH[step.finishReason], in: u.inputTokens, out: u.outputTokens,
      cached: u.inputTokenDetails?.cacheReadTokens ?? 0, thought: step.reasoningText ?? '', signed: false,
    };
  }

  options(spec) {
    if (!spec.think) return always[this.name];
    return (spec.think === 'budget' && thinking[`${this.name} by budget`]) || thinking[this.name];
  }

  asked(spec) {
    const content = [{ type: 'text', text: spec.text }];
    if (spec.image) content.push({ type: 'file', data: spec.image, mediaType: 'image/png' });
    if (spec.pdf) content.push({ type: 'file', data: spec.pdf, mediaType: 'application/pdf', filename: 'a.pdf' });
    return {
      model: models[this.name](spec.key ?? key)(spec.model), messages: [{ role: 'user', content }], maxOutputTokens: MAX,
      maxRetries: spec.retries ?? 0, abortSignal: AbortSignal.timeout(60000), ...(spec.system ? { instructions: spec.system } : {}),
      ...(spec.schema ? { output: Output.object({ schema: jsonSchema(SCHEMA) }) } : {}),
      ...(spec.tools ? { tools, stopWhen: stepCountIs(2) } : {}),
      providerOptions: this.options(spec),
    };
  }

  async steps(spec) {
    if (!spec.stream) return (await generateText(this.asked(spec))).steps;
    const result = streamText({ ...this.asked(spec), onError() {} });
    for await (const part of result.fullStream) if (part.type === 'error') throw part.error;
    return result.steps;
  }

  async ask(spec) {
    return this.read((await this.steps(spec)).at(-1));
  }

  async loop(spec) {
    return (await this.steps({ ...spec, tools: true })).map((step) => this.read(step));
  }
}

await serve(Object.fromEntries(Object.keys(models).map((name) => [name, new Face(name)])));
