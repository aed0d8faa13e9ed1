// OpenAI's SDK for Node: embeddings, moderations, images, speech. Prints one line of JSON; run by test_operations.py.
import OpenAI from "openai";

const client = new OpenAI({ baseURL: process.env.SLUICE_URL + "/v1", apiKey: process.env.SLUICE_KEY, maxRetries: 0 });
const out = {};
const texts = ["one", "two", "three"];
out.embeddings = (await client.embeddings.create({ model: "gembed2", input: texts, dimensions: 8 })).data.map((d) => d.embedding);
out.floats = (await client.embeddings.create({ model: "gembed2", input: texts, dimensions: 8, encoding_format: "float" })).data.map((d) => d.embedding);
out.flagged = (await client.moderations.create({ model: "safe", input: "kill" })).results[0].flagged;
out.image = Buffer.from((await client.images.generate({ model: "imagen", prompt: "a red circle" })).data[0].b64_json, "base64").toString();
out.events = [];
for await (const e of await client.images.generate({ model: "draw", prompt: "a red circle", stream: true, partial_images: 1 })) out.events.push(e.type);
const sound = await client.audio.speech.create({ model: "say", input: "x".repeat(1000), voice: "alloy", response_format: "wav" });
out.sound = (await sound.arrayBuffer()).byteLength;
try {
  await client.images.generate({ model: "dall", prompt: "x", size: "1x1" });
} catch (e) {
  out.refused = [e.status, e.param];
}
console.log(JSON.stringify(out));
