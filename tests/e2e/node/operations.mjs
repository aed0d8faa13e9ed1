// OpenAI's SDK for Node: embeddings, moderations, images, speech, forms, videos; Google's: embeddings. Prints one line of JSON; run by test_operations.py.
import { GoogleGenAI } from "@google/genai";
import OpenAI, { toFile } from "openai";

const client = new OpenAI({ baseURL: process.env.SLUICE_URL + "/v1", apiKey: process.env.SLUICE_KEY, maxRetries: 0 });
const out = {};
const texts = ["one", "two", "three"];
out.embeddings = (await client.embeddings.create({ model: "gembed2", input: texts, dimensions: 8 })).data.map((d) => d.embedding);
out.floats = (await client.embeddings.create({ model: "gembed2", input: texts, dimensions: 8, encoding_format: "float" })).data.map((d) => d.embedding);
out.flagged = (await client.moderations.create({ model: "safe", input: "kill" })).results[0].flagged;
out.image = Buffer.from((await client.images.generate({ model: "imagen", prompt: "a red circle" })).data[0].b64_json, "base64").toString();
out.events = [];
for await (const e of await client.images.generate({ model: "draw", prompt: "a red circle", stream: true, partial_images: 1 })) out.events.push(e.type);
out.thought = [];
for await (const e of await client.images.generate({ model: "nano", prompt: "a red circle", n: 2, stream: true, partial_images: 1 }))
  out.thought.push([e.type, e.usage?.output_tokens ?? e.partial_image_index]);
const spoken = await client.audio.speech.create({ model: "gsay", input: "x".repeat(1000), voice: "Kore", response_format: "pcm" });
out.spoken = (await spoken.arrayBuffer()).byteLength;
const sound = await client.audio.speech.create({ model: "say", input: "x".repeat(1000), voice: "alloy", response_format: "wav" });
out.sound = (await sound.arrayBuffer()).byteLength;
out.heard = (await client.audio.transcriptions.create({ model: "hear", file: await toFile(Buffer.alloc(5000), "a.wav") })).text;
out.translated = (await client.audio.translations.create({ model: "whisper", file: await toFile(Buffer.alloc(5000), "a.wav") })).text;
out.deltas = [];
for await (const e of await client.audio.transcriptions.create({ model: "hear", file: await toFile(Buffer.alloc(50), "a.wav"), stream: true })) out.deltas.push(e.type);
const edited = await client.images.edit({ model: "draw", image: await toFile(Buffer.alloc(300), "a.png"), prompt: "blue" });
out.edited = Buffer.from(edited.data[0].b64_json, "base64").toString();
const varied = await client.images.createVariation({ model: "draw", image: await toFile(Buffer.alloc(200), "a.png") });
out.varied = Buffer.from(varied.data[0].b64_json, "base64").toString();
const elsewhere = await client.images.edit({ model: "banana", image: [await toFile(Buffer.alloc(300), "a.png")], prompt: "blue" });
out.elsewhere = Buffer.from(elsewhere.data[0].b64_json, "base64").toString();
let video = await client.videos.create({ model: "clip", prompt: "[[video takes=60]] a boat", seconds: "4", size: "1280x720" });
out.video = [video.status];
while (video.status === "queued" || video.status === "in_progress") video = await client.videos.retrieve(video.id);
out.video.push(video.status, (await (await client.videos.downloadContent(video.id)).arrayBuffer()).byteLength);
const remixed = await client.videos.remix(video.id, { prompt: "[[video takes=60]] in snow" });
out.remixed = [remixed.remixed_from_video_id === video.id, remixed.id !== video.id, (await client.videos.delete(remixed.id)).deleted];
out.video.push((await client.videos.list({ limit: 1 })).data[0].id === video.id, (await client.videos.delete(video.id)).deleted);
const google = new GoogleGenAI({ apiKey: process.env.SLUICE_KEY, httpOptions: { baseUrl: process.env.SLUICE_URL } });
const vectors = await google.models.embedContent({ model: "gembed", contents: texts });
out.google = [vectors.embeddings.length, vectors.embeddings[0].values.length];
const drawn = await google.models.generateContent({ model: "banana", contents: "a red circle", config: { responseModalities: ["TEXT", "IMAGE"] } });
out.drawn = Buffer.from(drawn.candidates[0].content.parts.at(-1).inlineData.data, "base64").toString();
try {
  await client.images.generate({ model: "dall", prompt: "x", size: "1x1" });
} catch (e) {
  out.refused = [e.status, e.param];
}
console.log(JSON.stringify(out));
