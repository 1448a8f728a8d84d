// The WebSocket: comes back by itself, asks for what it missed, and repeats what was not confirmed (the server takes
// each key once). What waits for an answer survives a reload of the page.

const SLOWEST = 15000;

export class Link {
  constructor(room, { onEvent, onState }) {
    this.room = room;
    this.onEvent = onEvent;
    this.onState = onState;
    this.seen = 0;
    this.wait = 500;
    this.open = false;
    this.store = `waiting:${room}`;
    this.waiting = new Map(JSON.parse(sessionStorage.getItem(this.store) || "[]"));
    this.answers = new Map();
    addEventListener("online", () => this.connect());
    document.addEventListener("visibilitychange", () => document.hidden || this.connect());
  }

  connect() {
    if (this.socket && this.socket.readyState <= WebSocket.OPEN) return;
    clearTimeout(this.timer);
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    const address = `${scheme}//${location.host}/live?room=${encodeURIComponent(this.room)}&seen=${this.seen}`;
    const socket = (this.socket = new WebSocket(address));
    socket.onmessage = (event) => this.take(JSON.parse(event.data));
    socket.onclose = () => socket === this.socket && this.lost();
  }

  lost() {
    this.open = false;
    this.onState(false);
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.connect(), this.wait * (0.5 + Math.random() / 2));
    this.wait = Math.min(SLOWEST, this.wait * 2);
  }

  take(event) {
    if (event.t === "hello") {
      this.open = true;
      this.wait = 500;
      this.onEvent(event);
      this.seen = event.seen;
      this.onState(true);
      for (const ask of this.waiting.values()) this.socket.send(JSON.stringify(ask));
      return;
    }
    if (event.t === "message") this.seen = Math.max(this.seen, event.changed);
    if (event.t === "done" || event.t === "refused") {
      event.ask = this.waiting.get(event.key);
      this.waiting.delete(event.key);
      this.keep();
      const answer = this.answers.get(event.key);
      this.answers.delete(event.key);
      if (answer && event.t === "done") answer(event);
    }
    this.onEvent(event);
  }

  // Said for sure, once: repeated until the server confirms or refuses it.
  ask(fields) {
    const ask = { ...fields, key: key() };
    this.waiting.set(ask.key, ask);
    this.keep();
    if (this.open) this.socket.send(JSON.stringify(ask));
    return ask;
  }

  // Asked now or never.
  question(fields, answer) {
    if (!this.open) return null;
    const ask = { ...fields, key: key() };
    this.answers.set(ask.key, answer);
    this.socket.send(JSON.stringify(ask));
    return ask.key;
  }

  keep() {
    sessionStorage.setItem(this.store, JSON.stringify([...this.waiting]));
  }
}

function key() {
  const bytes = crypto.getRandomValues(new Uint8Array(12));
  return Array.from(bytes, (each) => each.toString(16).padStart(2, "0")).join("");
}
