// What an application asks of OpenAI, with the official client: the base URL and the key are in the
// environment. Prints what each call saw, as JSON. With OPENAI_SOCKET all goes over that Unix socket.

import { connect } from "node:net";
import { OpenAI, toFile } from "openai";
import { OpenAIRealtimeWS } from "openai/realtime/ws";

const model = "gpt-5-mini";
const messages = [{ role: "user", content: "does this key work?" }];
const client = new OpenAI({ maxRetries: 0 });

const calls = {
  async chat() {
    const made = await client.chat.completions.create({ model, messages });
    return [made.choices[0].message.content, made.usage.completion_tokens];
  },
  async chat_stream() {
    const pieces = [];
    const stream = await client.chat.completions.create({
      model,
      messages,
      stream: true,
      stream_options: { include_usage: true },
    });
    let usage;
    for await (const chunk of stream) {
      pieces.push(chunk.choices[0]?.delta.content ?? "");
      usage = chunk.usage ?? usage;
    }
    return [pieces.join(""), usage.completion_tokens];
  },
  async responses_stream() {
    const stream = await client.responses.create({ model, input: "x", stream: true });
    let last;
    for await (const event of stream) last = event;
    return [last.response.output_text ?? last.response.output[0].content[0].text, last.response.usage.output_tokens];
  },
  async embeddings() {
    const made = await client.embeddings.create({ model, input: ["one", "two"], dimensions: 16 });
    return [made.data.map((each) => each.embedding.length), made.usage.total_tokens];
  },
  async files() {
    const content = Buffer.alloc(300_000, "x");
    const file = await toFile(content, "data.jsonl");
    const made = await client.files.create({ file, purpose: "user_data" });
    const answer = await client.files.content(made.id);
    const size = (await answer.arrayBuffer()).byteLength;
    const gone = await client.files.delete(made.id);
    return [made.bytes, size, gone.deleted];
  },
  async images() {
    const prompt = "a small key";
    const made = await client.images.generate({ model: "gpt-image-1", prompt });
    const image = await toFile(Buffer.from("x"), "key.png", { type: "image/png" });
    const edited = await client.images.edit({ model: "gpt-image-1", prompt, image });
    return [made.data[0].b64_json === edited.data[0].b64_json, made.usage.output_tokens];
  },
  async transcription() {
    const file = await toFile(Buffer.alloc(48_000), "speech.mp3");
    const made = await client.audio.transcriptions.create({ model: "gpt-4o-transcribe", file });
    return [made.text, made.usage.input_tokens];
  },
  async speech() {
    const answer = await client.audio.speech.create({ model: "tts", voice: "coral", input: "x" });
    return [answer.headers.get("content-type"), (await answer.arrayBuffer()).byteLength];
  },
  realtime,
};

// The client asks for TLS, whatever the base URL says: a connection of our own is without.
function createConnection() {
  const { hostname, port } = new URL(client.baseURL);
  const { OPENAI_SOCKET: path } = process.env;
  return connect(path ? { path } : { host: hostname, port });
}

function realtime() {
  return new Promise((resolve, reject) => {
    const session = new OpenAIRealtimeWS(
      { model: "gpt-realtime", options: { createConnection } },
      client,
    );
    let text = "";
    session.on("error", reject);
    session.on("session.created", () => {
      session.send({
        type: "session.update",
        session: { type: "realtime", output_modalities: ["text"] },
      });
    });
    session.on("session.updated", () => session.send({ type: "response.create" }));
    session.on("response.output_text.delta", ({ delta }) => (text += delta));
    session.on("response.done", ({ response }) => {
      session.close();
      session.socket.on("close", (code) => resolve([text, response.usage.output_tokens, code]));
    });
  });
}

const seen = {};
for (const [name, call] of Object.entries(calls)) {
  try {
    seen[name] = await call();
  } catch (error) {
    seen[name] = String(error.status ?? error.message ?? error);
  }
}
console.log(JSON.stringify(seen));
