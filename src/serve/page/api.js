// Answers of the server. Errors are OpenAI's error object; a 401 asks for the key once and tries again.

export class Failed extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

const key = {
  get: () => { try { return sessionStorage.getItem("lorec-key"); } catch { return null; } },
  set: (word) => { try { sessionStorage.setItem("lorec-key", word); } catch { /* asked for again */ } },
};

let asking = null; // one dialog for all that wait
let declined = false; // until the next view: what is asked again and again must not open it each time
addEventListener("hashchange", () => { declined = false; });

function askForKey() {
  if (declined) return Promise.resolve(false);
  asking ??= new Promise((resolve) => {
    const dialog = document.getElementById("key"), word = document.getElementById("key-word");
    word.value = "";
    dialog.returnValue = "";
    dialog.addEventListener("close", () => {
      asking = null;
      const ok = dialog.returnValue === "ok" && word.value !== "";
      if (ok) key.set(word.value);
      declined = !ok;
      resolve(ok);
    }, {once: true});
    dialog.showModal();
  });
  return asking;
}

async function request(method, path, body, signal) {
  for (let again = true; ; again = false) {
    const headers = {};
    const word = key.get();
    if (word) headers["X-API-Key"] = word;
    if (body !== undefined) headers["Content-Type"] = "application/json";
    let answer;
    try {
      answer = await fetch(path, {method, headers, signal, body: body === undefined ? undefined : JSON.stringify(body)});
    } catch (e) {
      if (e.name === "AbortError") throw e;
      throw new Failed(0, "the server does not answer");
    }
    if (answer.ok) return answer;
    if (answer.status === 401 && again && await askForKey()) continue;
    let message = `${answer.status} ${answer.statusText}`;
    try { message = (await answer.json()).error.message; } catch { /* not ours: a proxy's page */ }
    throw new Failed(answer.status, message);
  }
}

export async function get(path, signal) {
  return (await request("GET", path, undefined, signal)).json();
}

export async function getText(path, signal) {
  return (await request("GET", path, undefined, signal)).text();
}

export async function post(path, body, signal) {
  return (await request("POST", path, body, signal)).json();
}

// Server-sent events: each data line as an object, until [DONE].
export async function* events(path, body, signal) {
  const answer = await request("POST", path, body, signal);
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  for (let rest = ""; ;) {
    const {value, done} = await reader.read();
    if (done) return;
    rest += value;
    const lines = rest.split("\n");
    rest = lines.pop();
    for (const line of lines) {
      if (!line.startsWith("data:")) continue;
      const data = line.slice(5).trim();
      if (data === "[DONE]") return;
      const event = JSON.parse(data);
      if (event.error) throw new Failed(500, event.error.message);
      yield event;
    }
  }
}

export const word = encodeURIComponent;
