// A batch that the gateway runs itself, by OpenAI's own library: prints one line of JSON. Run by test_batches_here.py.
import OpenAI, {toFile} from "openai";

const client = new OpenAI({baseURL: process.env.SLUICE_URL + "/v1", apiKey: process.env.SLUICE_KEY, maxRetries: 0});
const line = id => JSON.stringify({custom_id: id, method: "POST", url: "/v1/chat/completions",
                                   body: {model: "m", messages: [{role: "user", content: id}]}}) + "\n";
const text = ["one", "bad", "two"].map(line).join("");
const file = await client.files.create({file: await toFile(Buffer.from(text), "in.jsonl"), purpose: "batch"});
let batch = await client.batches.create({input_file_id: file.id, endpoint: "/v1/chat/completions", completion_window: "24h"});
for (let i = 0; i < 3000 && !["completed", "failed", "expired", "cancelled"].includes(batch.status); i++) {
  await new Promise(done => setTimeout(done, 10));
  batch = await client.batches.retrieve(batch.id);
}
const ids = async id => (await (await client.files.content(id)).text()).trim().split("\n").map(l => JSON.parse(l).custom_id);
let listed = 0, unknown = 0;
for await (const b of client.batches.list()) listed += b.id === batch.id;
await client.batches.retrieve("batch_unknown").catch(e => { unknown = e.status; });
console.log(JSON.stringify({status: batch.status, counts: batch.request_counts, out: await ids(batch.output_file_id),
                            err: await ids(batch.error_file_id), listed, unknown}));
