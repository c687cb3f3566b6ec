// OpenAI's JavaScript client, unchanged but for its base URL; prints what it saw as JSON.
import OpenAI from "openai";

const client = new OpenAI({ apiKey: process.env.KEY, baseURL: process.env.URL, maxRetries: 0 });
const model = "gpt-4o-mini";
const messages = [{ role: "user", content: "Hello" }];
const weather = {
  type: "function",
  function: {
    name: "weather",
    parameters: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
  },
};

async function completion() {
  const { data, response } = await client.chat.completions.create({ model, messages }).withResponse();
  return { answer: data, provider: response.headers.get("x-xroute-provider") };
}

async function stream() {
  const chunks = [];
  const options = { model, messages, stream: true, stream_options: { include_usage: true } };
  for await (const chunk of await client.chat.completions.create(options)) chunks.push(chunk);
  const text = chunks.map((chunk) => chunk.choices[0]?.delta.content ?? "").join("");
  return { text, count: chunks.length, usage: chunks.at(-1).usage };
}

async function tools() {
  const asked = [];
  const runner = client.chat.completions.runTools({
    model,
    messages,
    tools: [
      {
        type: "function",
        function: {
          ...weather.function,
          parse: JSON.parse,
          function: ({ city }) => {
            asked.push(city);
            return "rain";
          },
        },
      },
    ],
  });
  return { asked, text: await runner.finalContent() };
}

async function streamedTools() {
  const request = { model, messages, tools: [weather], tool_choice: "required" };
  const final = await client.chat.completions.stream(request).finalChatCompletion();
  const whole = await client.chat.completions.create(request);
  return { streamed: final.choices[0].message.tool_calls, whole: whole.choices[0].message.tool_calls };
}

async function refused(change, request) {
  try {
    await client.withOptions(change).chat.completions.create({ model, messages, ...request });
    return null;
  } catch (error) {
    return { name: error.constructor.name, status: error.status, code: error.code, param: error.param };
  }
}

async function cut() {
  let text = "";
  try {
    const options = { model: "rehearsal/cut", messages, stream: true };
    for await (const chunk of await client.chat.completions.create(options)) {
      text += chunk.choices[0]?.delta.content ?? "";
    }
    return null;
  } catch (error) {
    return { text, name: error.constructor.name };
  }
}

async function models() {
  const found = [];
  for await (const each of client.models.list()) found.push(each.id);
  return found;
}

console.log(
  JSON.stringify({
    completion: await completion(),
    stream: await stream(),
    tools: await tools(),
    streamedTools: await streamedTools(),
    wrongKey: await refused({ apiKey: "sk-wrong" }, {}),
    unknownModel: await refused({}, { model: "nobody/nothing" }),
    wrongType: await refused({}, { temperature: "hot" }),
    limited: await refused({}, { model: "rehearsal/limited" }),
    cut: await cut(),
    models: await models(),
  }),
);
