// Files of Google's and OpenAI's SDKs for Node: prints one line of JSON; run by test_gemini_files.py.
import { GoogleGenAI, createPartFromUri } from "@google/genai";
import OpenAI, { toFile } from "openai";

const out = {};
const google = new GoogleGenAI({ apiKey: process.env.SLUICE_KEY, httpOptions: { baseUrl: process.env.SLUICE_URL } });
const made = await google.files.upload({ file: new Blob([new Uint8Array(300000)]), config: { mimeType: "text/plain" } });
const seen = await google.files.get({ name: made.name });
let listed = false;
for await (const f of await google.files.list({ config: { pageSize: 2 } })) listed ||= f.name === made.name;
const answer = await google.models.generateContent({
  model: "gemini-3.8-flash",
  contents: [{ role: "user", parts: [{ text: "say" }, createPartFromUri(seen.uri, seen.mimeType)] }],
});
await google.files.delete({ name: made.name });
let gone = 0;
try {
  await google.files.get({ name: made.name });
} catch (e) {
  gone = e.status;
}
out.google = { size: Number(seen.sizeBytes), state: seen.state, listed, said: answer.text.includes("simulated"), gone };

const openai = new OpenAI({ baseURL: process.env.SLUICE_URL + "/v1", apiKey: process.env.SLUICE_KEY, maxRetries: 0 });
const begun = await openai.uploads.create({ bytes: 6, filename: "b.txt", mime_type: "text/plain", purpose: "user_data" });
const ids = [];
for (const piece of ["abc", "def"])
  ids.push((await openai.uploads.parts.create(begun.id, { data: await toFile(Buffer.from(piece), "part") })).id);
const whole = await openai.uploads.complete(begun.id, { part_ids: ids });
out.openai = { status: whole.status, content: await (await openai.files.content(whole.file.id)).text() };
console.log(JSON.stringify(out));
