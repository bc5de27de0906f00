/* One portfolio, card by card. */

import { el, meter, moves, offsets, shocks, table } from "./draw.js";
import * as words from "./words.js";

const badge = (text, kind) => el("span", { class: `badge ${kind}` }, text);
const fact = (name, value) => el("div", { class: "fact" }, el("dt", null, name), el("dd", null, value));

const MARKS = { true: ["\u2713", "yes"], false: ["\u2013", "no"], null: ["?", "missing"] };

function flag(name, value) {
  const [mark, meaning] = MARKS[String(value ?? null)];
  return el("li", { class: `flag ${meaning}` },
    el("span", { class: "mark", "aria-hidden": "true" }, mark),
    `${words.FLAGS[name] || words.plain(name)}`, el("span", { class: "sr" }, `: ${meaning}`));
}

export function phase(view) {
  const names = Object.keys(words.PHASES);
  const history = [...view.phase_history].reverse();
  const known = Object.keys(view.newest?.data.booleans || {}).length ? view.newest.data.booleans : null;
  return [
    el("ol", { class: "phases", "aria-label": "Phases of the hedge" }, names.map((name) =>
      el("li", { class: name === view.phase ? "here" : "", "aria-current": name === view.phase ? "step" : null }, name))),
    el("p", null, words.PHASES[view.phase] || "", " Held for ", words.count(view.held, "close"), "."),
    history.length > 0 && el("h4", null, "How it got here"),
    history.length > 0 && el("ol", { class: "history" }, history.slice(0, 6).map((step) =>
      el("li", null, el("strong", null, step.phase), ` since ${words.when(step.since)}`,
        step.reason && el("span", { class: "quiet" }, ` \u2014 ${step.reason}`)))),
    (view.advances || []).length > 0 && el("h4", null, "Where it can go from here"),
    (view.advances || []).map((way) => el("div", { class: "way" },
      el("p", null, el("strong", null, way.to), " when ", el("span", { class: "code" }, way.when)),
      el("ul", { class: "flags" }, Object.entries(way.flags || {}).map(([name, value]) => flag(name, value))))),
    !(view.advances || []).length && known && el("h4", null, "What it was decided on"),
    !(view.advances || []).length && known &&
      el("ul", { class: "flags" }, Object.entries(known).map(([name, value]) => flag(name, value))),
  ];
}

export function movesChart(view, chart, width) {
  return [
    moves(chart, view.moves, width),
    el("p", { class: "quiet" }, `Since ${chart.since ? words.when(chart.since) : "the first close, still to come"}. `,
      `A rebalance is due beyond \u00b1${words.percent(view.threshold, 1)} on either index.`),
    table("Moves of the indices", [{ text: "Index" }, { text: "Price", class: "n" }, { text: "Anchor", class: "n" }, { text: "Move", class: "n" }, { text: "Of limit", class: "n" }],
      view.moves.map((each) => el("tr", { class: each.move_ratio !== null && Math.abs(each.move_ratio) >= 0.8 * view.threshold ? "near" : "" },
        el("th", { scope: "row" }, each.index), el("td", { class: "n" }, words.price(each.price)),
        el("td", { class: "n" }, words.price(each.anchor)), el("td", { class: "n" }, words.move(each.move_ratio)),
        el("td", { class: "n" }, each.move_ratio === null ? words.percent(null) : words.percent(Math.abs(each.move_ratio) / view.threshold, 0))))),
  ];
}

export function timer(view) {
  const done = view.sessions_since_rebalance, { soft, hard } = view.timer;
  const left = hard - done;
  const text = `${words.count(done, "close")} since the last rebalance; soft at ${soft}, hard at ${hard}`;
  return [
    el("p", { class: "figure" }, `${done}`, el("span", { class: "quiet" }, ` of ${words.count(hard, "close")}`)),
    meter(text, done, hard, soft, done >= soft),
    el("p", { class: "quiet" }, done >= soft
      ? `Soft limit (${soft}) reached: fires once the target drifts, and in any case ${left > 0 ? `in ${words.count(left, "close")}` : "at the next close"}.`
      : `Soft limit in ${words.count(soft - done, "close")}, hard limit in ${words.count(left, "close")}.`),
  ];
}

/* Where a portfolio is read from an account: whether it was seen, and what in it nobody can explain. */
function account(view) {
  if (!view.account) return null;
  const { account: name, is_seen: isSeen, words: said } = view.account;
  if (!isSeen) return el("p", { class: "banner warn" }, el("strong", null, `Account ${name}`), " has not been seen yet: what is held is not known.");
  if (!said.length) return el("p", { class: "quiet" }, `As account ${name} holds it.`);
  return el("div", { class: "banner bad", role: "alert" }, el("strong", null, `Account ${name} differs`),
    el("ul", null, said.map((line) => el("li", null, words.plain(line)))));
}

export function hedge(view) {
  if (view.hedge === "none") return [el("p", null, "Triggers alone: this portfolio asks for no hedge.")];
  if (!view.legs.length) return [account(view), el("p", null, "Nothing is held and nothing is wanted.")];
  return [account(view), table("Contracts held and wanted", [{ text: "Leg" }, { text: "Contract" }, { text: "Held", class: "n" }, { text: "Wanted", class: "n" }, { text: "Change", class: "n" }],
    view.legs.map((leg) => {
      const change = leg.target_quantity - leg.current_quantity;
      return el("tr", { class: change ? "near" : "" }, el("th", { scope: "row" }, leg.leg), el("td", { class: "code" }, leg.instrument),
        el("td", { class: "n" }, words.contracts(leg.current_quantity)), el("td", { class: "n" }, words.contracts(leg.target_quantity)),
        el("td", { class: "n" }, change ? `${change > 0 ? "buy" : "sell"} ${Math.abs(change)}` : "none"));
    }))];
}

export function offsetPlot(data, width) {
  const rows = shocks(data);
  if (!rows.length) return [el("p", null, "No sizing yet.")];
  const band = data.band ? ` Accepted: ${words.percent(data.band.floor, 0)} to ${words.percent(data.band.ceiling, 0)}.` : "";
  const scaled = data.d_design && data.d_design !== 6
    ? ` +5, +6 and +7 stand for 5/6, 1 and 7/6 of the design shock, now +${words.number(data.d_design)}.` : "";
  return [
    offsets(rows, width),
    el("p", { class: "legend" }, el("span", { class: "key loss" }), "Condor loss ", el("span", { class: "key gain" }), "Hedge gain ",
      el("span", { class: "quiet" }, "VIX points up; above the bars, gain as a share of loss.", band, scaled)),
    table("Loss, gain and offset", [{ text: "VIX" }, { text: "Loss", class: "n" }, { text: "Gain", class: "n" }, { text: "Offset", class: "n" }],
      rows.map((row) => el("tr", null, el("th", { scope: "row" }, `+${row.points}`), el("td", { class: "n" }, words.dollars(row.loss)),
        el("td", { class: "n" }, words.dollars(row.gain)), el("td", { class: "n" }, words.percent(row.offset, 0)))), { class: "compact" }),
  ];
}

export function cost(data) {
  const { cap, hc_accrual: spent, credit } = data;
  if (typeof cap !== "number" || typeof spent !== "number") return [el("p", null, "No cost yet.")];
  const isOver = spent > cap;
  const full = Math.max(cap, spent, 1) * 1.15;
  return [
    el("p", { class: "figure" }, words.dollars(spent), el("span", { class: "quiet" }, ` of ${words.dollars(cap)}`), " ",
      isOver && badge("over the cap", "bad")),
    meter(`Hedge cost ${words.dollars(spent)} of at most ${words.dollars(cap)}`, spent, full, cap, isOver),
    el("dl", { class: "facts" },
      fact("Condor credit", words.dollars(credit)),
      fact("Cost of credit", typeof data.hc_pct === "number" ? words.percent(data.hc_pct / 100, 1) : words.dollars(null)),
      fact("Horizon", typeof data.h === "number" ? `${words.number(data.h)} days` : words.dollars(null)),
      fact("Cost per day", words.dollars(data.carry_per_day)),
      fact("Worst case, hedge", words.dollars(data.worst_case_hedge)),
      fact("Worst case, book", words.dollars(data.book_max_loss)),
      fact("VIX \u22123, SPX +3 %", words.dollars(data.loss_vix_down)),
      fact("Wanted offset", words.percent(data.phi, 0))),
  ];
}

/* Which answers still count, as the daemon judges them. */
function answerable(view, message, isNewest) {
  const said = view.answers[message.id];
  if (!said && !view.open.includes(message.id)) return [];
  const decided = (said || []).map((answer) => answer.decision);
  if (decided.includes("reject") || decided.includes("executed")) return [];
  const stands = view.approvals?.[message.id];
  if (isNewest && stands?.status === "pending") return ["accept", "amend", "reject"];
  if (isNewest && stands?.status === "expired") return stands.agreed < stands.required ? ["reject"] : ["reject", "executed"];
  if (isNewest) return ["accept", "amend", "reject", "executed"];
  return decided.includes("accept") || decided.includes("amend") ? ["executed"] : [];
}

function given(view, message) {
  const said = view.answers[message.id] || [];
  const stands = view.approvals?.[message.id];
  const waits = stands?.status === "pending"
    ? [badge(`${stands.agreed} of ${words.count(stands.required, "approval")}`, "warn"), " "]
    : stands?.status === "expired" ? [badge("expired", "warn"), " "] : [];
  if (!said.length) return view.open.includes(message.id) ? [waits, badge("unanswered", "warn")] : waits.length ? waits : null;
  return [waits, ...said.map((answer) => [badge(`${words.DECIDED[answer.decision] || words.plain(answer.decision)} by ${answer.by}`, "good"), " "])];
}

export function adjustments(view, messages, isOpen, onToggle, onAnswer) {
  if (!messages.length) {
    return [el("p", null, view.open.length ? "Those of before are not at hand here; alvh events shows them." : "None yet. The first follows the first session close.")];
  }
  const newest = view.newest?.id;
  return [...messages].reverse().map((message) => {
    const data = message.data;
    const number = Number(message.sequence);
    return el("details", { class: "adjustment", open: isOpen(message.id, message.id === newest), "data-id": message.id },
    el("summary", { "data-key": `s-${message.id}`, onclick: (event) => onToggle(message.id, !event.currentTarget.parentElement.open) }, el("span", { class: "number" }, `#${number}`), " ",
      el("span", null, data.reason_codes.join(", ")), " ",
      el("time", { datetime: message.time, class: "quiet" }, words.when(message.time)), " ",
      data.simulated && badge("simulated", "warn"), " ", given(view, message)),
    el("pre", { class: "text" }, data.text),
    (data.actions || []).length > 0 && table(`Actions of adjustment ${number}`,
      [{ text: "Action" }, { text: "Leg" }, { text: "Contract" }, { text: "Side" }, { text: "Qty", class: "n" }, { text: "Limit", class: "n" }],
      data.actions.map((action) => el("tr", null, el("th", { scope: "row" }, words.plain(action.action)), el("td", null, action.leg),
        el("td", { class: "code" }, action.instrument), el("td", null, action.side), el("td", { class: "n" }, words.contracts(action.qty)),
        el("td", { class: "n" }, words.price(action.limit_price))))),
    el("p", { class: "quiet" }, `Priced at ${data.pricing === "model" ? "the model surface: not executable" : data.pricing === "none" ? "nothing: a trigger alone" : "quotes"}. `,
      data.valid_until && `Void after ${words.when(data.valid_until)}. `, el("span", { class: "code" }, message.id)),
    el("div", { class: "buttons" }, answerable(view, message, message.id === newest).map((decision) =>
      el("button", { type: "button", class: decision, "data-key": `${decision}-${message.id}`, "aria-label": `${words.DECISIONS[decision]} adjustment ${number} of ${view.id}`,
        onclick: () => onAnswer(view, message, decision) }, `${words.DECISIONS[decision]}\u2026`))));
  });
}

const VERDICTS = { confirms: ["\u25cf", "confirms"], quiet: ["\u25cb", "quiet"], missing: ["?", "missing"] };

/* Those of the market at the newest close, and those of the portfolio's own book as its newest adjustment saw them. */
export function signals(evaluation, ofBook) {
  if (!evaluation.signals.length) return [el("p", null, "No session close has been evaluated yet.")];
  const ofMarket = new Set(evaluation.signals.map((signal) => signal.id));
  const all = [...evaluation.signals, ...ofBook.filter((signal) => !ofMarket.has(signal.id))].sort((a, b) => (a.id < b.id ? -1 : 1));
  const judged = all.map((signal) => ({ signal, kind: words.verdict(signal) }));
  const among = (kind) => judged.filter((each) => each.kind === kind).length;
  return [
    el("p", null, `At the close of ${words.when(evaluation.session)}: `, badge(`${among("confirms")} confirm`, "bad"), " ",
      badge(`${among("quiet")} quiet`, "plain"), " ", badge(`${among("missing")} missing`, "warn")),
    el("ul", { class: "flags" }, Object.entries(evaluation.flags).map(([name, value]) => flag(name, value))),
    table("Signals", [{ text: "Says" }, { text: "Signal" }, { text: "Value", class: "n" }, { text: "Against" }, { text: "State" }, { text: "Quality" }],
      judged.map(({ signal, kind }) => {
        const [mark, meaning] = VERDICTS[kind];
        return el("tr", { class: `signal ${kind}`, role: "row" },
          el("td", { class: "says", role: "cell" }, el("span", { "aria-hidden": "true" }, mark), ` ${meaning}`),
          el("th", { scope: "row", role: "rowheader" }, el("span", { class: "code" }, signal.id), " ", words.SIGNALS[signal.id] || signal.name),
          el("td", { class: "n", role: "cell" }, words.number(signal.value), " ", el("span", { class: "quiet" }, signal.value === null ? "" : words.plain(signal.unit))),
          el("td", { class: "quiet against", role: "cell" }, signal.threshold && signal.threshold !== "none" ? signal.threshold : ""),
          el("td", { class: "state", role: "cell" }, words.plain(signal.state)),
          el("td", { class: "quality", role: "cell" }, signal.quality === "ok" ? "ok" : badge(words.plain(signal.quality), "warn")));
      }), { role: "table" }),
  ];
}
