/* The page: what is asked for and when, what stands where, what is said aloud. */

import * as book from "./book.js";
import { el } from "./draw.js";
import { open as openAnswer } from "./answer.js";
import { ask, listen, useToken } from "./live.js";
import * as words from "./words.js";

const GAP_MS = 1_000; // no person reads faster
const POLL_MS = 5_000; // where no stream tells of changes, and for ages
const LOST_MS = 12_000;

const at = (id) => document.getElementById(id);
const shown = {
  status: null, rows: [], view: null, chart: null, messages: [], signals: { signals: [], flags: {} },
  heard: 0, offset: 0, selected: null, newest: new Map(), opened: new Map(), messagesOf: "", fault: "", isCutOff: false,
};

const isLost = () => shown.heard > 0 && (shown.isCutOff || Date.now() - shown.heard > LOST_MS);
const now = () => Date.now() / 1000 + shown.offset;

/* Replaces what a place shows if it differs, and keeps the focus where it was. */
const drawn = new Map();
function draw(place, key, make) {
  const text = JSON.stringify(key);
  if (drawn.get(place) === text) return;
  drawn.set(place, text);
  const focused = place.contains(document.activeElement) ? document.activeElement.dataset.key : null;
  const scrolled = [...place.querySelectorAll(".scroll-x")].map((each) => each.scrollLeft);
  place.replaceChildren(...[make()].flat(Infinity).filter(Boolean));
  [...place.querySelectorAll(".scroll-x")].forEach((each, i) => { each.scrollLeft = scrolled[i] || 0; });
  if (focused) place.querySelector(`[data-key="${CSS.escape(focused)}"]`)?.focus();
}

function tell(text) {
  at("said").textContent = text;
}

/* Asking */

let isAsking = false, isWanted = false, asked = 0, waiting = null;

async function refresh(isUrgent = false) {
  const rest = isUrgent ? 0 : asked + GAP_MS - Date.now();
  if (isAsking || rest > 0) {
    isWanted = true;
    if (!isAsking && waiting === null) waiting = setTimeout(() => { waiting = null; refresh(true); }, rest);
    return;
  }
  isAsking = true;
  isWanted = false;
  try {
    await fetchAll();
    shown.fault = "";
    shown.isCutOff = false;
    at("token").hidden = true;
    at("content").hidden = false;
  } catch (error) {
    shown.isCutOff = !error.status;
    if (error.status === 401) askForToken();
    else shown.fault = error.status ? error.message : "";
  }
  isAsking = false;
  asked = Date.now();
  render();
  if (isWanted) refresh(shown.view?.id !== shown.selected);
}

async function fetchAll() {
  const [status, rows] = await Promise.all([ask("/api/status"), ask("/api/portfolios")]);
  shown.heard = Date.now();
  shown.offset = status.now - Date.now() / 1000;
  shown.status = status;
  shown.rows = rows;
  choose();
  if (!shown.selected) return;
  const id = encodeURIComponent(shown.selected);
  const [view, chart, signals] = await Promise.all([
    ask(`/api/portfolios/${id}`), ask(`/api/portfolios/${id}/chart`), ask("/api/signals"),
  ]);
  const messagesOf = `${view.id} ${view.newest?.id}`;
  if (messagesOf !== shown.messagesOf) {
    shown.messages = await ask(`/api/adjustments?portfolio=${id}&limit=20`);
    shown.messagesOf = messagesOf;
  }
  notice(view);
  Object.assign(shown, { view, chart, signals });
}

/* What the address names, if there is such a portfolio; else the first. */
function choose() {
  const wanted = decodeURIComponent(location.hash.replace(/^#\/?/, ""));
  const known = shown.rows.some((row) => row.id === wanted);
  shown.selected = known ? wanted : (shown.rows[0]?.id ?? null);
}

function notice(view) {
  const before = shown.newest.get(view.id);
  const id = view.newest?.id ?? null;
  if (before !== undefined && before !== id && id) {
    tell(`${view.id}: adjustment ${Number(view.newest.sequence)}, ${view.newest.data.reason_codes.join(", ")}. Phase ${view.phase}.`);
  }
  shown.newest.set(view.id, id);
}

function askForToken() {
  at("token").hidden = false;
  at("content").hidden = true;
  if (document.activeElement !== at("token-value")) at("token-value").focus();
}

/* Showing */

function render() {
  document.body.classList.toggle("lost", isLost());
  if (!shown.status) {
    draw(at("banners"), ["waiting", shown.fault], () => el("p", { class: "banner warn" }, shown.fault || "Asking the daemon\u2026"));
    return;
  }
  renderHead();
  renderRows();
  if (shown.view && shown.chart) renderPortfolio();
}

function banners() {
  const { status } = shown;
  const found = [];
  const age = (Date.now() - shown.heard) / 1000;
  if (isLost()) found.push(["bad", "Daemon lost", `No answer for ${words.age(age)}. Everything below is as of ${words.clock(shown.heard / 1000)}.`]);
  else if (shown.fault) found.push(["bad", "Not all is shown", shown.fault]);
  if (status.feed.simulated) found.push(["made-up", "Simulated market", "No real market stands behind any number on this page."]);
  else if (status.feed.kind === "tape") found.push(["made-up", "Replayed tape", "These are recorded prices, not today\u2019s market."]);
  if (!status.feed.is_connected) found.push(["bad", "Feed down", "Prices below are the last that came. Nothing triggers until new ones do."]);
  const delayed = status.quotes.filter((quote) => !quote.is_live).map((quote) => quote.instrument);
  if (delayed.length) found.push(["made-up", "Delayed or frozen data", `${delayed.join(", ")}. Nothing triggers on ${delayed.length > 1 ? "these" : "it"}.`]);
  const late = stale();
  if (late.length) found.push(["bad", "Stale in session", `No new price of ${late.join(", ")}.`]);
  if (status.feed.note) found.push(["warn", "Feed", status.feed.note]);
  if (!status.is_leader) found.push(["warn", "Following", "Another node leads, or none does yet; answers are taken by the leader."]);
  if (status.not_ready.length) found.push(["warn", "Not ready", `${status.not_ready.join("; ")}.`]);
  for (const each of status.connections) if (each.note) found.push(["warn", `Connection to ${each.name}`, `${each.note}.`]);
  if (status.pending_messages > 20) found.push(["warn", "Delivery", `${status.pending_messages} messages wait for the broker.`]);
  return found;
}

function stale() {
  const { status } = shown;
  if (!status.in_session || !status.stale_after_s) return [];
  return status.quotes.filter((quote) => quote.received === null || now() - quote.received > status.stale_after_s).map((quote) => quote.instrument);
}

function renderHead() {
  const { status } = shown;
  const open = shown.rows.reduce((sum, row) => sum + row.unanswered, 0);
  const made = status.feed.simulated ? "SIMULATED \u00b7 " : status.feed.kind === "tape" ? "TAPE \u00b7 " : "";
  document.title = `${open ? `(${open}) ` : ""}${made}ALVH ${status.instance}`;
  at("instance").textContent = status.instance;
  at("version").textContent = `Version ${status.version}`;
  at("clock").textContent = `${status.in_session ? "In session" : "Out of session"}${status.session ? `, last close ${words.when(status.session)}` : ""} \u00b7 ${words.clock(now())}`;
  // Whoever says that a feed is gone is believed.
  const own = status.connections.map((each) => (each.name === "feed" ? { ...each, is_connected: each.is_connected && status.feed.is_connected } : each));
  const links = [...own, { name: status.is_leader ? "leader" : "follower", is_connected: status.is_leader }];
  if (!status.connections.some((each) => each.name === "feed")) links.unshift({ name: "feed", is_connected: status.feed.is_connected });
  links.unshift({ name: "page", is_connected: !isLost() });
  draw(at("connections"), links, () => links.map((link) => el("li", { class: link.is_connected ? "up" : "down", title: link.note || null },
    el("span", { class: "mark", "aria-hidden": "true" }, link.is_connected ? "\u25cf" : "\u25cb"), ` ${link.name}`, el("span", { class: "sr" }, link.is_connected ? ": up" : ": down"))));
  const said = banners();
  draw(at("banners"), said, () => said.map(([kind, head, text]) =>
    el("p", { class: `banner ${kind}`, role: kind === "bad" ? "alert" : null }, el("strong", null, head), " ", text)));
  const late = stale();
  const quotes = status.quotes.map((quote) => [quote, words.age(quote.received === null ? null : Math.max(0, now() - quote.received))]);
  draw(at("quotes"), [quotes, late], () => quotes.map(([quote, age]) => {
    const isBad = late.includes(quote.instrument) || !quote.is_live || quote.quality !== "ok";
    const note = !quote.is_live ? "delayed" : late.includes(quote.instrument) ? "stale" : quote.quality !== "ok" ? words.plain(quote.quality) : "";
    return el("li", { class: isBad ? "bad" : "", title: quote.time ? `Stamp of the source: ${quote.time}` : null },
      el("span", { class: "code" }, quote.instrument), " ", el("strong", null, words.price(quote.price)), " ",
      el("span", { class: "quiet" }, el("span", { class: "sr" }, "received "), age, /\d/.test(age) && el("span", { class: "sr" }, " ago")), note && el("span", { class: "note" }, ` ${note}`));
  }));
}

function bar(row) {
  return row.moves.map((move) => {
    const share = move.move_ratio === null ? null : Math.abs(move.move_ratio) / row.threshold;
    const kind = share === null ? "none" : share >= 1 ? "beyond" : share >= 0.8 ? "near" : "calm";
    return el("span", { class: `move ${kind}` }, el("span", { class: "quiet" }, move.index), ` ${words.move(move.move_ratio)}`, kind === "near" && " !", kind === "beyond" && " !!");
  });
}

/* As configured, or with what asks for somebody first: unanswered, then the nearest to a trigger. */
function inOrder(rows) {
  if (at("order").value !== "near") return rows;
  const nearness = (row) => Math.max(row.sessions_since_rebalance / row.timer.hard, ...row.moves.map((each) => Math.abs(each.move_ratio ?? 0) / row.threshold));
  return [...rows].sort((a, b) => b.unanswered - a.unanswered || nearness(b) - nearness(a));
}

function renderRows() {
  const sought = at("filter").value.trim().toLowerCase();
  const rows = inOrder(shown.rows).filter((row) => !sought || row.id.toLowerCase().includes(sought) || row.phase.toLowerCase().includes(sought));
  at("overview").hidden = shown.rows.length < 2;
  document.body.classList.toggle("single", shown.rows.length < 2);
  draw(at("rows"), [rows, shown.selected], () => rows.map((row) => el("li", null,
    el("a", { href: `#/${encodeURIComponent(row.id)}`, "data-key": row.id, "aria-current": row.id === shown.selected ? "page" : null },
      el("span", { class: "row-head" }, el("strong", null, row.id), el("span", { class: `badge phase ${row.phase}` }, row.phase)),
      el("span", { class: "row-moves" }, bar(row)),
      el("span", { class: "row-foot quiet" }, `${row.sessions_since_rebalance} of ${row.timer.hard} closes`,
        row.unanswered > 0 && el("span", { class: "badge warn" }, `${row.unanswered} unanswered`))))));
  at("rows-note").textContent = rows.length === shown.rows.length ? "" : `${rows.length} of ${shown.rows.length} shown`;
}

/* Cards are made once for a portfolio and then filled, so that nothing jumps and no focus is lost. */
let cards = new Map();

function card(name, title) {
  const body = el("div", { class: "body" });
  cards.set(name, body);
  return el("section", { class: `card ${name}`, "aria-label": title }, el("h3", null, title), body);
}

function lay(view) {
  cards = new Map();
  drawn.clear();
  const hasHedge = view.hedge !== "none";
  const widths = new ResizeObserver(() => renderPortfolio());
  const head = el("div", { class: "book-head" });
  cards.set("head", head);
  at("main").replaceChildren(head, el("div", { class: "book" },
    el("div", { class: "column" },
      card("moves", "Moves since the last rebalance"),
      hasHedge && card("offsets", "Loss and offset if the VIX rises"),
      hasHedge && card("hedge", "Hedge held and wanted")),
    el("div", { class: "column" },
      card("timer", "Session timer"),
      card("phase", "Phase"),
      hasHedge && card("cost", "Cost against the cap"))),
  card("adjustments", "Last adjustments"),
  card("signals", "Signals"));
  for (const name of ["moves", "offsets"]) if (cards.has(name)) widths.observe(cards.get(name));
  at("main").dataset.portfolio = view.id;
}

const widthOf = (place) => Math.max(280, Math.floor(place.clientWidth));

function renderPortfolio() {
  const { view, chart, messages, signals } = shown;
  if (at("main").dataset.portfolio !== view.id) lay(view);
  const data = view.newest?.data || {};
  const put = (name, key, make) => cards.has(name) && draw(cards.get(name), key, make);
  put("head", [view.id, view.phase, view.open.length], () => [el("h2", null, view.id), " ", el("span", { class: `badge phase ${view.phase}` }, view.phase), " ",
    view.open.length > 0 && el("span", { class: "badge warn" }, `${view.open.length} unanswered`)]);
  const wide = cards.get("moves");
  put("moves", [chart, view.moves, widthOf(wide)], () => book.movesChart(view, chart, widthOf(wide)));
  put("timer", [view.sessions_since_rebalance, view.timer], () => book.timer(view));
  put("phase", [view.phase, view.held, view.phase_history, view.advances, data.booleans], () => book.phase(view));
  if (cards.has("offsets")) {
    const place = cards.get("offsets");
    put("offsets", [view.newest?.id, widthOf(place)], () => book.offsetPlot(data, widthOf(place)));
  }
  put("cost", [view.newest?.id], () => book.cost(data));
  put("hedge", [view.hedge, view.legs, view.account], () => book.hedge(view));
  put("adjustments", [messages, view.open, view.answers, view.newest?.id], () => book.adjustments(view, messages,
    (id, isNewest) => shown.opened.get(id) ?? isNewest, (id, isOpen) => shown.opened.set(id, isOpen), answer));
  put("signals", [signals, data.signals], () => book.signals(signals, data.signals || []));
}

function answer(view, message, decision) {
  openAnswer(at("answer"), view, message, decision, (text) => {
    tell(text);
    refresh(true);
  });
}

/* Beginning */

at("filter").addEventListener("input", renderRows);
at("order").addEventListener("change", renderRows);
at("token-form").addEventListener("submit", (event) => {
  event.preventDefault();
  at("token-fault").textContent = "";
  useToken(at("token-value").value);
  ask("/api/status").then(() => refresh(true), (error) => { at("token-fault").textContent = error.message; });
});
addEventListener("hashchange", () => {
  choose();
  renderRows();
  refresh(true);
  at("main").focus({ preventScroll: innerWidth > 900 });
});
setInterval(() => { if (shown.status) { document.body.classList.toggle("lost", isLost()); renderHead(); } }, 1_000);
setInterval(() => refresh(), POLL_MS);
listen(() => refresh(), () => refresh(true));
refresh();
