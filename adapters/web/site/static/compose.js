// Where one writes: completion from the server's commands, attachments, replies, edits.

import { make } from "./view.js";

const $ = (id) => document.getElementById(id);
const COMPLETE_AFTER = 80;

export class Composer {
  // `pending` shows what waits for the server's word.
  constructor({ link, pending }) {
    Object.assign(this, { link, pending, most: 20e6, thread: null });
    this.pictures = [];
    this.about = null;
    this.offers = [];
    this.chosen = -1;
    this.text = $("text");
    $("composer").addEventListener("submit", (event) => { event.preventDefault(); this.send(); });
    this.text.addEventListener("keydown", (event) => this.key(event));
    this.text.addEventListener("input", () => this.typed());
    this.text.addEventListener("blur", () => setTimeout(() => this.close(), 150));
    $("nocontext").addEventListener("click", () => { this.clear(); this.text.focus(); });
    $("attach").addEventListener("click", () => $("file").click());
    $("file").addEventListener("change", () => { this.upload([...$("file").files]); $("file").value = ""; });
    this.text.addEventListener("paste", (event) => {
      const files = [...event.clipboardData.files];
      if (files.length) { event.preventDefault(); this.upload(files); }
    });
    addEventListener("dragover", (event) => { event.preventDefault(); document.body.classList.add("dropping"); });
    addEventListener("dragleave", (event) => event.relatedTarget || document.body.classList.remove("dropping"));
    addEventListener("drop", (event) => {
      event.preventDefault();
      document.body.classList.remove("dropping");
      this.upload([...event.dataTransfer.files]);
    });
  }

  problem(sentence) {
    $("problem").textContent = sentence;
  }

  say(text) {
    this.text.value = text;
    this.send();
  }

  send() {
    const text = this.text.value;
    if (!text.trim() && !this.pictures.length) return;
    this.problem("");
    if (this.about?.t === "edit") this.link.ask({ t: "edit", message: this.about.message, text });
    else {
      const pictures = this.pictures.map(({ file, name }) => ({ file, name }));
      this.pending(this.link.ask({ t: "say", text, reply_to: this.about?.message ?? this.thread, pictures }));
    }
    this.text.value = "";
    this.pictures = [];
    this.attached();
    this.clear();
    this.close();
  }

  restore(ask) {
    if (this.text.value.trim()) return;
    this.text.value = ask.text;
    this.pictures = ask.pictures.map((each) => ({ ...each }));
    this.attached();
  }

  reply(message, who) {
    this.about = { t: "reply", message: message.id };
    this.context(`Reply to ${who}: ${message.text.slice(0, 80)}`);
  }

  edit(message) {
    this.about = { t: "edit", message: message.id };
    this.text.value = message.text;
    this.context("Edit your message (what you asked for with it stays asked)");
  }

  context(sentence) {
    $("contexttext").textContent = sentence;
    $("context").hidden = false;
    this.text.focus();
  }

  clear() {
    if (this.about?.t === "edit") this.text.value = "";
    this.about = null;
    $("context").hidden = true;
  }

  source(picture) {
    this.pictures = [{ file: picture.file, name: picture.name }];
    this.attached();
    if (!this.text.value.trim()) this.text.value = "draw ";
    this.text.focus();
    this.text.setSelectionRange(this.text.value.length, this.text.value.length);
  }

  async upload(files) {
    for (const file of files.slice(0, 4 - this.pictures.length)) {
      if (file.size > this.most) {
        this.problem(`“${file.name}” is too large: at most ${Math.floor(this.most / 1000).toLocaleString()} kilobytes.`);
        continue;
      }
      const address = `/upload?name=${encodeURIComponent(file.name.slice(-200))}`;
      try {
        const answer = await fetch(address, { method: "POST", body: file, headers: { "Content-Type": "application/octet-stream" } });
        const told = await answer.json();
        if (!answer.ok) this.problem(told.error);
        else this.pictures.push({ file: told.file, name: told.name, preview: URL.createObjectURL(file) });
      } catch {
        this.problem(`“${file.name}” could not be uploaded. Please try again.`);
      }
    }
    this.attached();
    this.text.focus();
  }

  attached() {
    const entry = (each, at) => make("li", {},
      make("img", { src: each.preview || `/pictures/${each.file}`, alt: "" }),
      make("span", { text: each.name }),
      make("button", {
        type: "button", class: "plain", text: "Remove", "aria-label": `Remove ${each.name}`,
        on: { click: () => { this.pictures.splice(at, 1); this.attached(); this.text.focus(); } },
      }));
    $("attached").replaceChildren(...this.pictures.map(entry));
    $("attached").hidden = !this.pictures.length;
  }

  typed() {
    this.problem("");
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.complete(), COMPLETE_AFTER);
  }

  complete() {
    const before = this.text.value.slice(0, this.text.selectionStart);
    if (!/(^\s*(@\w+\s+)?\/|--|\w:)/.test(before)) return this.close();
    this.asked = this.link.question({ t: "complete", text: before.slice(0, 2000) }, (answer) => {
      if (answer.key === this.asked) this.offer(answer);
    });
  }

  offer({ start, offers }) {
    this.start = start;
    this.offers = offers;
    this.chosen = -1;
    const entry = (each, at) => make("li", {
      id: `offer${at}`, role: "option", "aria-selected": "false",
      on: { mousedown: (event) => { event.preventDefault(); this.take(at); } },
    }, make("b", { text: each.insert.trim() }), make("span", { class: "quiet", text: each.about }));
    $("offers").replaceChildren(...offers.map(entry));
    $("offers").hidden = !offers.length;
    $("spoken").textContent = offers.length ? `${offers.length} offers, arrow keys choose` : "";
  }

  close() {
    this.asked = null;
    this.offer({ start: 0, offers: [] });
    this.text.removeAttribute("aria-activedescendant");
  }

  choose(step) {
    this.chosen = (this.chosen + step + this.offers.length) % this.offers.length;
    [...$("offers").children].forEach((each, at) => {
      each.setAttribute("aria-selected", String(at === this.chosen));
      if (at === this.chosen) each.scrollIntoView({ block: "nearest" });
    });
    this.text.setAttribute("aria-activedescendant", `offer${this.chosen}`);
  }

  take(at) {
    const end = this.text.selectionStart;
    this.text.setRangeText(this.offers[at].insert, this.start, end, "end");
    this.close();
    this.typed();
  }

  key(event) {
    if (event.isComposing) return;
    const open = this.offers.length > 0;
    if (open && event.key === "ArrowDown") { event.preventDefault(); this.choose(1); }
    else if (open && event.key === "ArrowUp") { event.preventDefault(); this.choose(this.chosen < 0 ? 0 : -1); }
    else if (open && event.key === "Tab" && !event.shiftKey) { event.preventDefault(); this.take(Math.max(0, this.chosen)); }
    else if (open && event.key === "Enter" && this.chosen >= 0) { event.preventDefault(); this.take(this.chosen); }
    else if (event.key === "Escape") { if (open) this.close(); else this.clear(); }
    else if (event.key === "Enter" && !event.shiftKey) { event.preventDefault(); this.send(); }
  }
}
