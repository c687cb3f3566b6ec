// Vercel's AI SDK by four of its ways to a model; prints what it saw as JSON.
import { createAnthropic } from "@ai-sdk/anthropic";
import { createOpenAI } from "@ai-sdk/openai";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { generateObject, generateText, Output, stepCountIs, streamObject, streamText, tool } from "ai";
import { z } from "zod";

globalThis.AI_SDK_LOG_WARNINGS = false;
const { KEY: apiKey, URL: baseURL } = process.env;
const openai = createOpenAI({ apiKey, baseURL });
const compatible = createOpenAICompatible({ name: "xroute", apiKey, baseURL, includeUsage: true, supportsStructuredOutputs: true });
const anthropic = createAnthropic({ apiKey, baseURL });
const ways = {
  responses: (model) => openai.responses(model),
  chat: (model) => openai.chat(model),
  compatible: (model) => compatible(model),
  anthropic: (model) => anthropic(model),
};
const person = z.object({ name: z.string(), cities: z.array(z.string()), born: z.number() });
const once = { prompt: "Hello", maxRetries: 0 };

function loop(asked) {
  const weather = tool({
    description: "The weather of a city.",
    inputSchema: z.object({ city: z.string() }),
    execute: async ({ city }) => {
      asked.push(city);
      return { degrees: 4, sky: "rain" };
    },
  });
  return { ...once, tools: { weather }, stopWhen: stepCountIs(5) };
}

const cases = {
  async text(model) {
    const { text, usage, finishReason } = await generateText({ ...once, model });
    return { text, usage, finishReason };
  },
  async stream(model) {
    const result = streamText({ ...once, model });
    const parts = [];
    for await (const part of result.textStream) parts.push(part);
    return { parts, usage: await result.usage, finishReason: await result.finishReason };
  },
  async tools(model) {
    const asked = [];
    const { text, steps } = await generateText({ ...loop(asked), model });
    return { asked, text, steps: steps.map((step) => step.finishReason) };
  },
  async streamedTools(model) {
    const asked = [];
    const result = streamText({ ...loop(asked), model });
    const kinds = [];
    for await (const part of result.fullStream) kinds.push(part.type);
    return { asked, text: await result.text, steps: (await result.steps).map((s) => s.finishReason), kinds };
  },
  async object(model) {
    const { object } = await generateObject({ ...once, model, schema: person });
    return { object };
  },
  async streamedObject(model) {
    const result = streamObject({ ...once, model, schema: person });
    const stages = [];
    for await (const stage of result.partialObjectStream) stages.push(stage);
    return { stages: stages.length, object: await result.object };
  },
  async output(model) {
    const result = await generateText({ ...once, model, output: Output.object({ schema: person }) });
    return { object: result.output };
  },
};

async function refused(model) {
  try {
    await generateText({ ...once, model });
    return null;
  } catch (error) {
    return { name: error.name, status: error.statusCode, message: error.message, body: error.responseBody };
  }
}

async function cut(model) {
  const result = streamText({ ...once, model, onError: () => {} });
  let text = "";
  let error = null;
  for await (const part of result.fullStream) {
    if (part.type === "text-delta") text += part.text;
    if (part.type === "error") error = part.error;
  }
  return { text, error: error && JSON.stringify(error), raw: (await result.steps).at(-1).rawFinishReason };
}

async function told(run) {
  try {
    return await run();
  } catch (error) {
    return { failed: `${error.name}: ${error.message}`, body: error.responseBody };
  }
}

const seen = {};
for (const [way, make] of Object.entries(ways)) {
  seen[way] = { errors: {} };
  for (const model of ["nobody/nothing", "rehearsal/limited", "rehearsal/broken"])
    seen[way].errors[model] = await refused(make(model));
  seen[way].cut = await told(() => cut(make("rehearsal/cut")));
  for (const model of JSON.parse(process.env.MODELS)) {
    seen[way][model] = {};
    for (const [name, run] of Object.entries(cases)) seen[way][model][name] = await told(() => run(make(model)));
  }
}
console.log(JSON.stringify(seen));
