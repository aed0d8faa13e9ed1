// What the drivers of SDKs in Node share (see ../lib/sdk_python.py for the protocol): a case a line on standard input, its answers a
// line on standard output.
import readline from 'node:readline';

export const MAX = 4000;
export const TOOLS = ['weather', 'news'];
export const SCHEMA = {
  type: 'object', properties: { city: { type: 'string' }, days: { type: 'integer' } }, required: ['city', 'days'],
  additionalProperties: false,
};
export const dataUrl = (type, data) => `data:${type};base64,${data}`;

// The face has no word for what the case wants.
export class Lacks extends Error {}

// What came below the SDK: status and headers of each answer.
const HEADERS = ['x-sluice-id', 'x-sluice-dropped', 'request-id', 'x-request-id', 'retry-after', 'x-should-retry'];
let seen = [];
const realFetch = globalThis.fetch;
globalThis.fetch = async (...asked) => {
  const answer = await realFetch(...asked);
  const headers = HEADERS.filter((name) => answer.headers.has(name)).map((name) => [name, answer.headers.get(name)]);
  seen.push({ status: answer.status, ...Object.fromEntries(headers) });
  return answer;
};

export function failure(error) {
  const kinds = [];
  for (let at = Object.getPrototypeOf(error); at && at !== Object.prototype; at = Object.getPrototypeOf(at))
    kinds.push(at.constructor.name);
  return {
    kinds: [...kinds, error.name], status: error.status ?? error.statusCode ?? null, message: error.message,
    code: error.code ?? null, request_id: error.requestID ?? error.request_id ?? null,
  };
}

async function run(face, spec) {
  seen = [];
  let answers;
  try {
    answers = await face[spec.op](spec);
  } catch (error) {
    if (error instanceof Lacks) return { lacks: error.message };
    if (!face.fails(error)) return { broken: error.stack };
    answers = { error: (face.failure ?? failure)(error) };
  }
  if (!Array.isArray(answers)) answers = [answers];
  return { answers: answers.map(({ message, ...rest }) => rest), http: seen };
}

export async function serve(faces) {
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const { face, ...spec } = JSON.parse(line);
    console.log(JSON.stringify(await run(faces[face], spec)));
  }
  process.exit(0);
}
