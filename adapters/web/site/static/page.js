// Puts the page together: who you are, the conversation, the composer (compose.js), the link (link.js).

import { Composer } from "./compose.js";
import { Link } from "./link.js";
import { article, look, make, progress } from "./view.js";

const EMOJIS = ["👍", "❤️", "😂", "😮", "🎉", "🔥", "👀", "🙏", "🍪", "🎁", "🏆", "🔁", "🎨", "🗑️", "👎"];
const EXAMPLES = ["draw a red apple on a blue background", "draw two green frogs", "help"];
const SPOKEN_EVERY = 8000;
const $ = (id) => document.getElementById(id);

const room = location.pathname.startsWith("/room/") ? decodeURIComponent(location.pathname.slice(6)) : "direct";
const known = new Map();
const shown = new Map();
let me = { id: "", name: "" };
let bot = "largesse";
let thread = null;
let spokenAt = 0;
let fresh = true;
let pinned = true;
let oldest = 0;

const link = new Link(room, { onEvent: take, onState: connected });
const composer = new Composer({ link, pending: (ask) => pend(ask) });

const acts = {
  press: (message, button) => link.ask({ t: "press", message, button }),
  react: (message, emoji, added) => link.ask({ t: "react", message: message.id, emoji, added }),
  reply: (message) => composer.reply(message, message.person ? message.who : bot),
  edit: (message) => composer.edit(message),
  remove: (message) => confirm("Delete this message for everybody?") && link.ask({ t: "delete", message: message.id }),
  thread: (number) => filter(number),
  pick, large,
};

function take(event) {
  if (event.t === "hello") hello(event);
  else if (event.t === "message") put(event);
  else if (event.t === "progress") move(event);
  else if (event.t === "over") over(event.id);
  else if (event.t === "people") people(event);
  else if (event.t === "done") settle(event.key);
  else if (event.t === "refused") refused(event);
}

function hello(event) {
  ({ me, bot } = event);
  if (event.fresh) {
    known.clear();
    shown.clear();
    $("log").replaceChildren();
    reach(event);
  }
  $("rename").textContent = me.name;
  $("rename").setAttribute("aria-label", `Your name: ${me.name}. Change it`);
  rooms(event.rooms);
  composer.most = event.most;
  pinned ||= event.fresh;
  $("live").setAttribute("aria-live", fresh ? "off" : "polite");
  for (const each of event.messages) put(each, { quiet: true });
  $("moving").replaceChildren();
  for (const each of event.progress) move(each);
  for (const ask of link.waiting.values()) pend(ask);
  if (pinned) toBottom();
  setTimeout(() => $("live").setAttribute("aria-live", "polite"), 500);
  fresh = false;
  welcome();
}

function welcome() {
  const empty = known.size === 0;
  $("welcome").hidden = !empty;
  const direct = room === "direct";
  $("how").textContent = direct
    ? "Here you talk with the bot alone: whatever you write is for it."
    : `Begin with “draw”, with / or with @${bot} to ask the bot; everything else is for the people here.`;
  $("hint").textContent = direct
    ? "Enter sends, Shift+Enter makes a new line, / lists commands."
    : `“draw …”, / or @${bot} asks the bot. Enter sends, Shift+Enter makes a new line.`;
  if (empty && !$("examples").childElementCount) {
    for (const text of EXAMPLES) {
      $("examples").append(make("button", { type: "button", text, on: { click: () => composer.say(text) } }));
    }
  }
}

function rooms(names) {
  const entry = (name) => {
    const label = name === "direct" ? "Direct with the bot" : `# ${name}`;
    const href = name === "direct" ? "/room/direct" : `/room/${encodeURIComponent(name)}`;
    return make("li", {}, make("a", { href, text: label, "aria-current": name === room ? "page" : null }));
  };
  $("rooms").replaceChildren(...names.map(entry));
  const title = room === "direct" ? "Direct with the bot" : `# ${room}`;
  $("title").textContent = title;
  document.title = `${title} · Largesse`;
}

const context = { get me() { return me; }, get bot() { return bot; }, find: (number) => known.get(number) };

// How far back the page shows everything without a gap.
function reach({ messages, more }) {
  oldest = more ? Math.min(...messages.map((each) => each.id)) : 0;
  $("earlier").hidden = !more;
}

// Into its place by number; what is known and not newer changes nothing, what is further back comes when asked for.
function put(message, { quiet = false } = {}) {
  const before = known.get(message.id);
  if (message.id < oldest || (before && before.changed >= message.changed)) return;
  known.set(message.id, message);
  settle(message.key);
  const old = shown.get(message.id);
  if (message.gone) {
    if (old) moveFocus(old);
    old?.remove();
    shown.delete(message.id);
  } else {
    const element = make("li", { data: { id: message.id } }, article(message, context, acts));
    element.hidden = outside(message);
    if (old) {
      const held = old.contains(document.activeElement) ? document.activeElement.textContent : null;
      old.replaceWith(element);
      if (held) [...element.querySelectorAll("button")].find((each) => each.textContent === held)?.focus();
    } else insert(element, message.id);
    shown.set(message.id, element);
  }
  welcome();
  if (quiet || old) return;
  if (pinned || message.person === me.id) toBottom();
  else $("newest").hidden = false;
}

function moveFocus(element) {
  if (element.contains(document.activeElement)) $("text").focus();
}

function insert(element, id) {
  const after = [...$("log").children].find((each) => each.dataset.id && Number(each.dataset.id) > id);
  const pending = $("log").querySelector("[data-key]");
  $("log").insertBefore(element, after || pending);
}

// What was written here and is not confirmed yet.
function pend(ask) {
  if (ask.t !== "say" || $("log").querySelector(`[data-key="${ask.key}"]`)) return;
  const message = { person: me.id, who: me.name, text: ask.text, pictures: [], buttons: [], pending: true, reply_to: ask.reply_to };
  $("log").append(make("li", { data: { key: ask.key } }, article(message, context, acts)));
  toBottom();
}

function settle(key) {
  $("log").querySelector(`[data-key="${CSS.escape(key || "")}"]`)?.remove();
}

function refused(event) {
  settle(event.key);
  composer.problem(event.error);
  if (event.ask && event.ask.t === "say") composer.restore(event.ask);
}

function move(event) {
  const old = $("moving").querySelector(`[data-id="${CSS.escape(event.id)}"]`);
  if (old) {
    old.querySelector("p").textContent = event.text;
    const bar = old.querySelector("progress");
    if (event.fraction === null) bar.removeAttribute("value");
    else bar.value = event.fraction;
    look(old, event.preview);
  } else $("moving").append(progress(event, acts));
  if (Date.now() - spokenAt > SPOKEN_EVERY) {
    spokenAt = Date.now();
    $("spoken").textContent = event.text;
  }
}

function over(id) {
  const old = $("moving").querySelector(`[data-id="${CSS.escape(id)}"]`);
  if (old) moveFocus(old);
  old?.remove();
}

function people({ names, count }) {
  const more = count > names.length ? ` and ${count - names.length} more` : "";
  $("people").textContent = `Here: ${names.join(", ")}${more}`;
}

function connected(open) {
  $("connection").hidden = open;
  $("connection").textContent = open ? "" : "Not connected. Trying again …";
  document.documentElement.dataset.connected = String(open);
  if (!open) recheck();
}

// The name may not be known (any more): the server says so, the socket cannot.
async function recheck() {
  try {
    const answer = await (await fetch("/me")).json();
    if (!answer.name) enter(answer);
  } catch {
    return;
  }
}

// Whoever reads the end stays at the end, whatever grows there; whoever reads above is left in peace.
const scroller = $("scroll");
function toBottom() {
  pinned = true;
  $("newest").hidden = true;
  scroller.scrollTop = scroller.scrollHeight;
}
scroller.addEventListener("scroll", () => {
  pinned = scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < 80;
  if (pinned) $("newest").hidden = true;
});
const growth = new ResizeObserver(() => { if (pinned) toBottom(); });
for (const each of [scroller, $("live"), $("moving")]) growth.observe(each);
$("newest").addEventListener("click", toBottom);
$("earlier").addEventListener("click", () => {
  const height = scroller.scrollHeight;
  link.question({ t: "earlier", before: oldest }, (answer) => {
    $("live").setAttribute("aria-live", "off");
    reach(answer);
    for (const each of answer.messages) put(each, { quiet: true });
    scroller.scrollTop += scroller.scrollHeight - height;
    setTimeout(() => $("live").setAttribute("aria-live", "polite"), 500);
  });
});

function outside(message) {
  return thread !== null && message.id !== thread && message.thread !== thread;
}
function filter(number) {
  thread = number;
  composer.thread = number;
  $("threadbar").hidden = thread === null;
  for (const [id, element] of shown) element.hidden = outside(known.get(id));
  if (thread !== null) $("leavethread").focus();
  toBottom();
}
$("leavethread").addEventListener("click", () => { filter(null); $("text").focus(); });

function pick(message) {
  const choose = (emoji) => {
    const people = (known.get(message.id)?.reactions || {})[emoji] || {};
    acts.react(message, emoji, !(me.id in people));
    $("picker").close();
  };
  $("emojis").replaceChildren(...EMOJIS.map((emoji) => make("button", { type: "button", text: emoji, on: { click: () => choose(emoji) } })));
  $("picker").showModal();
}

function large(picture, message) {
  const address = `/pictures/${picture.file}`;
  $("largeimage").src = address;
  $("largeimage").alt = picture.alt || picture.name;
  $("download").href = address;
  $("download").download = picture.name;
  const facts = [["Words", message.text], ["Shows", picture.alt], ["Made with", picture.made_with], ["Size", `${picture.width} × ${picture.height}`], ["File", picture.name]];
  $("facts").replaceChildren();
  for (const [name, value] of facts) if (value) $("facts").append(make("dt", { text: name }), make("dd", { text: value }));
  $("usesource").onclick = () => {
    $("large").close();
    composer.source(picture);
  };
  $("large").showModal();
}

for (const each of document.querySelectorAll("[data-close]")) {
  each.addEventListener("click", () => each.closest("dialog").close());
}

// Up and down through the messages while one of them, or the list, has the focus.
scroller.addEventListener("keydown", (event) => {
  if (!["ArrowUp", "ArrowDown"].includes(event.key) || event.target.closest("button, a, summary")) return;
  const articles = [...document.querySelectorAll("#log li:not([hidden]) article")];
  if (!articles.length) return;
  const at = articles.indexOf(document.activeElement);
  const next = event.key === "ArrowUp" ? (at < 0 ? articles.length - 1 : at - 1) : at + 1;
  if (at < 0 && event.key === "ArrowDown") return;
  event.preventDefault();
  const target = articles[Math.min(Math.max(next, 0), articles.length - 1)];
  target.tabIndex = -1;
  target.focus();
});

const THEMES = ["system", "light", "dark"];
function theme(name) {
  if (name === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = name;
  $("theme").textContent = `Theme: ${name}`;
  localStorage.setItem("theme", name);
}
theme(THEMES.includes(localStorage.getItem("theme")) ? localStorage.getItem("theme") : "system");
$("theme").addEventListener("click", () => {
  const now = localStorage.getItem("theme");
  theme(THEMES[(THEMES.indexOf(now) + 1) % THEMES.length]);
});

function enter({ name, secret }) {
  if ($("enter").open) return;
  $("name").value = name || "";
  $("secretfield").hidden = !secret;
  $("secret").required = secret;
  $("enter").showModal();
}
$("rename").addEventListener("click", async () => enter(await (await fetch("/me")).json()));
$("enterform").addEventListener("submit", async (event) => {
  event.preventDefault();
  const body = JSON.stringify({ name: $("name").value, secret: $("secret").value });
  const answer = await fetch("/enter", { method: "POST", body, headers: { "Content-Type": "application/json" } });
  const told = await answer.json();
  $("enterproblem").textContent = told.error || "";
  if (!answer.ok) return;
  $("enter").close();
  if (link.socket) link.socket.close();
  link.connect();
  $("text").focus();
});
$("enter").addEventListener("cancel", (event) => { if (!me.id) event.preventDefault(); });

const who = await (await fetch("/me")).json();
if (who.name) link.connect();
else enter(who);
