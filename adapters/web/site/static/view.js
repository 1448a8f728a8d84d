// Messages as elements. Everything anybody wrote goes in as text, never as markup.

export function make(tag, { text, on, data, ...attributes } = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === true) element.setAttribute(name, "");
    else if (value !== undefined && value !== null && value !== false) element.setAttribute(name, value);
  }
  if (text !== undefined) element.textContent = text;
  for (const [name, act] of Object.entries(on || {})) element.addEventListener(name, act);
  Object.assign(element.dataset, data || {});
  element.append(...children.filter(Boolean));
  return element;
}

const ADDRESS = /https?:\/\/[^\s<>"“”]+/g;

function words(text) {
  const shown = make("div", { class: "words" });
  let at = 0;
  for (const found of text.matchAll(ADDRESS)) {
    const href = found[0].replace(/[.,;:!?)\]]+$/, "");
    shown.append(text.slice(at, found.index));
    shown.append(make("a", { href, rel: "noopener noreferrer nofollow", target: "_blank", text: href }));
    at = found.index + href.length;
  }
  shown.append(text.slice(at));
  return shown;
}

function when(seconds) {
  const date = new Date(seconds * 1000);
  const today = date.toDateString() === new Date().toDateString();
  const style = today ? { timeStyle: "short" } : { dateStyle: "medium", timeStyle: "short" };
  return make("time", { datetime: date.toISOString(), text: new Intl.DateTimeFormat(undefined, style).format(date) });
}

function picture(each, message, acts) {
  const image = make("img", {
    src: `/pictures/${each.file}`, alt: each.alt || each.name, loading: "lazy",
    width: each.width || null, height: each.height || null,
  });
  const open = make("button", { type: "button", on: { click: () => acts.large(each, message) } }, image);
  open.setAttribute("aria-label", `Open large: ${each.alt || each.name}`);
  return open;
}

export function buttons(offered, press) {
  const row = make("div", { class: "buttons" });
  offered.forEach((each, number) => {
    const label = each.emoji ? `${each.emoji} ${each.label}` : each.label;
    row.append(make("button", { type: "button", class: each.style === "plain" ? null : each.style, text: label, on: { click: () => press(number) } }));
  });
  return row;
}

function pictures(message, acts) {
  const row = make("div", { class: "pictures" }, ...message.pictures.map((each) => picture(each, message, acts)));
  const hidden = message.warning || (message.pictures.some((each) => each.spoiler) ? "Hidden picture" : "");
  return hidden ? make("details", {}, make("summary", { text: hidden }), row) : row;
}

function reactions(message, me, acts) {
  const row = make("div", { class: "reactions" });
  for (const [emoji, people] of Object.entries(message.reactions || {})) {
    const mine = me.id in people;
    const names = Object.values(people).join(", ");
    const count = Object.keys(people).length;
    row.append(make("button", {
      type: "button", text: `${emoji} ${count}`, title: names, "aria-pressed": String(mine),
      "aria-label": `${emoji} from ${names}`, on: { click: () => acts.react(message, emoji, !mine) },
    }));
  }
  return row;
}

function act(label, click, about) {
  return make("button", { type: "button", class: "plain", text: label, "aria-label": about, on: { click } });
}

// One message: `context` has me, bot and find(number).
export function article(message, context, acts) {
  const mine = message.person === context.me.id;
  const who = message.person ? message.who : context.bot;
  const answered = message.reply_to && context.find(message.reply_to);
  const classes = [mine && "mine", message.whispered && "whispered", message.pending && "pending"].filter(Boolean);
  const head = make("header", {},
    make("h3", { text: who }), message.at && when(message.at),
    message.edited && make("span", { class: "edited", text: "edited" }),
    message.whispered && make("span", { class: "edited", text: "only you see this" }),
    message.pending && make("span", { class: "edited", text: "sending …" }),
  );
  const label = `${who}: ${message.text.slice(0, 80)}`;
  const shown = make("article", { class: classes.join(" ") || null, "aria-label": label }, head);
  if (answered && !answered.gone) {
    const quoted = answered.text || (answered.pictures[0] && answered.pictures[0].alt) || "a picture";
    shown.append(make("div", { class: "quote", text: `${answered.person ? answered.who : context.bot}: ${quoted.slice(0, 160)}` }));
  }
  if (message.text) shown.append(words(message.text));
  if (message.pictures.length) shown.append(pictures(message, acts));
  if (message.pending) return shown;
  if (message.buttons.length) shown.append(buttons(message.buttons, (number) => acts.press(message.id, number)));
  if (Object.keys(message.reactions || {}).length) shown.append(reactions(message, context.me, acts));
  shown.append(make("div", { class: "acts" },
    act("Reply", () => acts.reply(message), `Reply to ${label}`),
    act("React", (event) => acts.pick(message, event.currentTarget), `React to ${label}`),
    message.thread && act("Thread", () => acts.thread(message.thread), "Show this thread"),
    mine && act("Edit", () => acts.edit(message), `Edit ${label}`),
    mine && act("Delete", () => acts.remove(message), `Delete ${label}`),
  ));
  return shown;
}

export function progress(event, acts) {
  const bar = make("progress", { max: 1, "aria-label": "Progress" });
  if (event.fraction !== null) bar.value = event.fraction;
  const offered = buttons(event.buttons, (number) => acts.press(event.id, number));
  const shown = make("li", { data: { id: event.id } }, make("p", { text: event.text }), bar, offered);
  look(shown, event.preview);
  return shown;
}

// The picture as it is by now; the page may show its own files and what it made itself, no address with data in it.
export function look(element, preview) {
  if (!preview) return;
  const bytes = Uint8Array.from(atob(preview.data), (each) => each.charCodeAt(0));
  let image = element.querySelector("img");
  if (!image) {
    image = make("img", { class: "preview", on: { load: () => URL.revokeObjectURL(image.src) } });
    element.prepend(image);
  }
  image.alt = preview.alt;
  image.src = URL.createObjectURL(new Blob([bytes], { type: preview.mime }));
}
