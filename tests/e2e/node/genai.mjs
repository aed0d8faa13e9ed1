// Videos as Google's form has them, asked for by Google's own library for Node (as on Vertex, the only way in which it makes videos):
// prints one line of JSON; run by test_google_videos.py.
import { GoogleGenAI } from "@google/genai";

const options = { apiKey: process.env.SLUICE_KEY, httpOptions: { baseUrl: process.env.SLUICE_URL } };
const ai = new GoogleGenAI({ vertexai: true, ...options });

async function make(model, prompt, config) {
  let operation = await ai.models.generateVideos({ model, source: { prompt }, config });
  const name = operation.name;
  while (!operation.done) {
    await new Promise((go) => setTimeout(go, 50));
    operation = await ai.operations.getVideosOperation({ operation });
  }
  return { name, same: operation.name === name, error: operation.error, response: operation.response };
}

const out = {};
for (const name of ["veo", "clip"]) {
  const done = await make(name, "[[video takes=60]] a boat", { numberOfVideos: 1, aspectRatio: "16:9", durationSeconds: name === "veo" ? 6 : 5 });
  const uri = done.response.generatedVideos[0].video.uri;
  const got = await fetch(uri, { headers: { "x-goog-api-key": process.env.SLUICE_KEY } });
  out[name] = { name: done.name, same: done.same, status: got.status, type: got.headers.get("content-type"), size: (await got.arrayBuffer()).byteLength };
}
out.failed = (await make("veo", "[[video takes=60 fate=fail]] x", {})).error;
out.filtered = (await make("veo", "[[video takes=60 fate=filtered]] x", {})).response;
try {
  await make("veo", "x", { durationSeconds: 5 });
} catch (e) {
  out.refused = { status: e.status, message: e.message };
}
console.log(JSON.stringify(out));
