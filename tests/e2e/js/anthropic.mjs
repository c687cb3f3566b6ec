// Anthropic's JavaScript client, unchanged but for its base URL; prints what it saw as JSON.
import Anthropic from "@anthropic-ai/sdk";
import { zodOutputFormat } from "@anthropic-ai/sdk/helpers/zod";
import { betaZodTool } from "@anthropic-ai/sdk/helpers/beta/zod";
import { z } from "zod";

const client = new Anthropic({ apiKey: process.env.KEY, baseURL: process.env.ORIGIN, maxRetries: 0 });
const ask = { max_tokens: 400, messages: [{ role: "user", content: "Hello" }] };
const person = z.object({ name: z.string(), cities: z.array(z.string()), born: z.number() });

async function whole(model) {
  const { content, stop_reason, usage } = await client.messages.create({ ...ask, model });
  return { content, stop_reason, usage };
}

async function stream(model) {
  const parts = [];
  const events = client.messages.stream({ ...ask, model }).on("text", (text) => parts.push(text));
  const { content, stop_reason, usage } = await events.finalMessage();
  return { parts, content, stop_reason, usage };
}

async function tools(model, isStream) {
  const asked = [];
  const weather = betaZodTool({
    name: "weather",
    description: "The weather of a city.",
    inputSchema: z.object({ city: z.string() }),
    run: ({ city }) => {
      asked.push(city);
      return "4 degrees, rain";
    },
  });
  const runner = client.beta.messages.toolRunner({ ...ask, model, tools: [weather], stream: isStream });
  const reasons = [];
  for await (const each of runner) reasons.push((isStream ? await each.finalMessage() : each).stop_reason);
  return { asked, reasons };
}

async function parsed(model) {
  const said = await client.messages.parse({ ...ask, model, output_config: { format: zodOutputFormat(person) } });
  return said.parsed_output;
}

async function counted(model) {
  return (await client.messages.countTokens({ model, messages: ask.messages })).input_tokens;
}

async function refused(model) {
  try {
    await client.messages.create({ ...ask, model });
    return null;
  } catch (error) {
    return { name: error.constructor.name, status: error.status, word: error.error?.error?.error_type };
  }
}

async function cut() {
  let text = "";
  try {
    await client.messages.stream({ ...ask, model: "rehearsal/cut" }).on("text", (part) => (text += part)).done();
    return null;
  } catch (error) {
    return { text, isApiError: error instanceof Anthropic.APIError, word: error.error?.error?.error_type };
  }
}

const seen = { cut: await cut(), refused: {}, models: {} };
for (const name of ["nobody/nothing", "rehearsal/limited"]) seen.refused[name] = await refused(name);
for (const model of JSON.parse(process.env.MODELS))
  seen.models[model] = {
    whole: await whole(model),
    stream: await stream(model),
    tools: await tools(model, false),
    streamedTools: await tools(model, true),
    parsed: await parsed(model),
    counted: await counted(model),
  };
console.log(JSON.stringify(seen));
