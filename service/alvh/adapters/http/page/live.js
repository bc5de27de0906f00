/* Asks the daemon, hears from it when something has changed, and knows when it is gone. */

const SILENT_MS = 30_000; // three missed heartbeats of the stream
const RETRY_MS = 3_000;
const ANSWER_MS = 15_000;

let token = sessionStorage.getItem("alvh-token");

export function useToken(value) {
  token = value;
  sessionStorage.setItem("alvh-token", value);
}

function headers(more) {
  return token ? { ...more, Authorization: `Bearer ${token}` } : { ...more };
}

export class Refused extends Error {
  constructor(status, text) {
    super(text);
    this.status = status;
  }
}

async function understood(response) {
  const body = await response.json().catch(() => ({ error: `the daemon said ${response.status}` }));
  if (!response.ok) throw new Refused(response.status, body.error || `the daemon said ${response.status}`);
  return body;
}

export async function ask(path) {
  return understood(await fetch(path, { headers: headers(), cache: "no-store", signal: AbortSignal.timeout(ANSWER_MS) }));
}

export async function say(path, content) {
  return understood(await fetch(path, {
    method: "POST",
    headers: headers({ "Content-Type": "application/json", "X-Alvh-Intent": "answer" }),
    body: JSON.stringify(content),
    signal: AbortSignal.timeout(ANSWER_MS),
  }));
}

/* Calls `onChange` for each change told and `onEnd` when the stream has ended, and tries again for ever. */
export async function listen(onChange, onEnd) {
  for (;;) {
    const control = new AbortController();
    let watch = setTimeout(() => control.abort(), SILENT_MS);
    try {
      const response = await fetch("/api/stream", { headers: headers(), cache: "no-store", signal: control.signal });
      if (!response.ok) throw new Refused(response.status, "no stream");
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
      for (;;) {
        const { done, value } = await reader.read();
        if (done) break;
        clearTimeout(watch);
        watch = setTimeout(() => control.abort(), SILENT_MS);
        if (value.includes("event: changed")) onChange();
      }
    } catch {
      /* refused, broken off or silent: it is tried again below */
    }
    clearTimeout(watch);
    onEnd();
    await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
  }
}
