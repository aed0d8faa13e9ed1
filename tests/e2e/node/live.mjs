// Google's SDK for Node: a conversation over the Live API, a function among it.
import { GoogleGenAI, Modality } from "@google/genai";

const google = new GoogleGenAI({ apiKey: process.env.SLUICE_KEY, httpOptions: { baseUrl: process.env.SLUICE_URL } });
const said = [];
let wake;
const session = await google.live.connect({
  model: "live",
  config: { responseModalities: [Modality.TEXT] },
  callbacks: {
    onmessage: (m) => { said.push(m); wake?.(); },
    onerror: (e) => { console.error("error", e.message); process.exit(1); },
    onclose: (e) => { if (e.code !== 1000 && e.code !== 1005) console.error("closed", e.code, e.reason); },
  },
});
const until = async (fits) => {
  for (;;) {
    const at = said.findIndex(fits);
    if (at >= 0) return said.splice(0, at + 1);
    await new Promise((go) => { wake = go; });
  }
};
const words = (messages) => messages.map((m) => m.text ?? "").join("");
session.sendClientContent({ turns: [{ role: "user", parts: [{ text: "ECHO: from node" }] }] });
const first = await until((m) => m.serverContent?.turnComplete);
session.sendClientContent({ turns: "TOOL: weather" });
const call = (await until((m) => m.toolCall)).at(-1).toolCall.functionCalls[0];
session.sendToolResponse({ functionResponses: [{ id: call.id, name: call.name, response: { output: "rain" } }] });
const second = await until((m) => m.serverContent?.turnComplete);
session.close();
console.log(JSON.stringify({ first: words(first), call: call.name, second: words(second), usage: first.at(-1).usageMetadata.responseTokenCount }));
