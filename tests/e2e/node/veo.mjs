// Videos as Google's form has them, asked for by Vercel's AI SDK: prints one line of JSON; run by test_google_videos.py.
import { createGoogle } from "@ai-sdk/google";

const headers = { "x-goog-api-key": process.env.SLUICE_KEY };
const google = createGoogle({ baseURL: process.env.SLUICE_URL + "/v1beta", apiKey: process.env.SLUICE_KEY });

async function make(name, prompt, more) {
  const model = google.video(name);
  const { operation } = await model.doStart({ prompt, n: 1, providerOptions: {}, ...more });
  for (;;) {
    const now = await model.doStatus({ operation, headers });
    if (now.status !== "pending") return now;
    await new Promise((go) => setTimeout(go, 50));
  }
}

const out = {};
for (const name of ["veo", "clip"]) {
  const done = await make(name, "[[video takes=60]] a boat", { aspectRatio: "16:9", resolution: "1280x720", duration: name === "veo" ? 6 : 5 });
  const got = await fetch(done.videos[0].url);
  out[name] = { status: got.status, type: got.headers.get("content-type"), size: (await got.arrayBuffer()).byteLength };
}
out.failed = (await make("veo", "[[video takes=60 fate=fail]] x", {})).error;
try {
  await google.video("veo").doStart({ prompt: "x", n: 1, duration: 5, providerOptions: {} });
} catch (e) {
  out.refused = { status: e.statusCode, message: e.message };
}
console.log(JSON.stringify(out));
