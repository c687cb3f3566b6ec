// OpenAI's JavaScript client and its Responses API; prints what it saw as JSON.
import OpenAI from "openai";
import { zodTextFormat } from "openai/helpers/zod";
import { z } from "zod";

const client = new OpenAI({ apiKey: process.env.KEY, baseURL: process.env.URL, maxRetries: 0 });
const input = "Hello";
const weather = {
  type: "function",
  name: "weather",
  strict: true,
  parameters: {
    type: "object",
    properties: { city: { type: "string" } },
    required: ["city"],
    additionalProperties: false,
  },
};
const person = z.object({ name: z.string(), cities: z.array(z.string()), born: z.number() });

async function whole(model) {
  const { output_text, status, usage } = await client.responses.create({ model, input });
  return { output_text, status, usage };
}

async function stream(model) {
  const events = client.responses.stream({ model, input });
  const kinds = [];
  for await (const event of events) kinds.push(event.type);
  const { output_text, usage } = await events.finalResponse();
  return { kinds, output_text, usage };
}

async function tools(model) {
  const asked = await client.responses.create({ model, input, tools: [weather], tool_choice: "required" });
  const call = asked.output.find((item) => item.type === "function_call");
  const result = { type: "function_call_output", call_id: call.call_id, output: "4 degrees" };
  const answered = await client.responses.create({
    model,
    input: [result],
    previous_response_id: asked.id,
    tools: [weather],
  });
  return { name: call.name, args: JSON.parse(call.arguments), text: answered.output_text };
}

async function parsed(model) {
  const text = { format: zodTextFormat(person, "person") };
  return (await client.responses.parse({ model, input, text })).output_parsed;
}

async function refused(model) {
  try {
    await client.responses.create({ model, input });
    return null;
  } catch (error) {
    return { name: error.constructor.name, status: error.status, word: error.error?.metadata?.error_type };
  }
}

async function cut() {
  let text = "";
  let last = null;
  for await (const event of await client.responses.create({ model: "rehearsal/cut", input, stream: true })) {
    if (event.type === "response.output_text.delta") text += event.delta;
    last = event;
  }
  return { text, kind: last.type, error: last.response.error };
}

const seen = { cut: await cut(), refused: {}, models: {} };
for (const name of ["nobody/nothing", "rehearsal/limited"]) seen.refused[name] = await refused(name);
for (const model of JSON.parse(process.env.MODELS))
  seen.models[model] = {
    whole: await whole(model),
    stream: await stream(model),
    tools: await tools(model),
    parsed: await parsed(model),
  };
console.log(JSON.stringify(seen));
