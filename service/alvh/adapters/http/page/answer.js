/* The dialog in which a person answers an adjustment, and confirms it. */

import { el } from "./draw.js";
import { say } from "./live.js";
import * as words from "./words.js";

const EXPLAINED = {
  accept: "You take the proposal as it is. Nothing is ordered: trade it yourself, then answer \u201cexecuted\u201d.",
  amend: "You take the proposal with other quantities. Say which, and why.",
  reject: "You turn the proposal down. Say why; nothing more can be said to it afterwards.",
  executed: "You have traded. These fills become the hedge that is held.",
};

const field = (label, input) => el("label", null, el("span", null, label), input);

function amendments(message) {
  /* Units of each leg behind the proposal: of a spread or a calendar, what is bought of it. */
  const wanted = new Map();
  for (const action of message.data.actions || []) {
    if (action.leg !== "COND" && action.leg !== "ALL") wanted.set(action.leg, (wanted.get(action.leg) || 0) + Math.max(0, action.qty_after));
  }
  return [...wanted].map(([leg, quantity]) => ({ leg, input: el("input", { type: "number", step: "1", value: quantity, inputmode: "numeric" }), quantity }));
}

function fills(message) {
  return (message.data.actions || []).filter((action) => action.qty > 0).map((action) => ({
    symbol: action.instrument,
    quantity: el("input", { type: "number", step: "1", value: action.side === "SELL" ? -action.qty : action.qty }),
    price: el("input", { type: "number", step: "any", required: true, placeholder: action.limit_price ?? "" }),
    fee: el("input", { type: "number", step: "any", min: "0", value: "0" }),
  }));
}

const ASKED = { accept: "Accept", amend: "Amend", reject: "Reject", executed: "You have executed" };

/* Opens the dialog; `onDone` is called with what to tell when the daemon has taken the answer. */
export function open(dialog, view, message, decision, onDone) {
  const number = Number(message.sequence);
  const by = el("input", { required: true, maxlength: "64", autocomplete: "name", value: localStorage.getItem("alvh-name") || "" });
  const reason = el("textarea", { rows: "2", maxlength: "1000", required: decision === "amend" || decision === "reject" });
  const changes = decision === "amend" ? amendments(message) : [];
  const traded = decision === "executed" ? fills(message) : [];
  const fault = el("p", { class: "fault", role: "alert" });
  const confirm = el("button", { class: `primary ${decision}` }, `Confirm: ${words.DECISIONS[decision].toLowerCase()}`);

  async function send(event) {
    event.preventDefault();
    confirm.disabled = true;
    fault.textContent = "";
    localStorage.setItem("alvh-name", by.value.trim());
    const answer = {
      portfolio: view.id, event_id: message.id, decision, by: by.value.trim(), reason: reason.value.trim() || null,
      amendments: changes.filter((each) => Number(each.input.value) !== each.quantity).map((each) => ({ leg: each.leg, quantity: Number(each.input.value) })),
      fills: traded.map((each) => ({ symbol: each.symbol, quantity: Number(each.quantity.value), price: Number(each.price.value), fee: Number(each.fee.value) })),
    };
    try {
      await say("/api/answers", answer);
      dialog.close();
      onDone(`Adjustment ${number} of ${view.id}: ${words.DECIDED[decision]}.`);
    } catch (error) {
      fault.textContent = error.message;
      confirm.disabled = false;
    }
  }

  dialog.replaceChildren(el("form", { onsubmit: send },
    el("h2", { id: "answer-title" }, `${ASKED[decision]} adjustment ${number} of ${view.id}?`),
    el("p", null, EXPLAINED[decision]),
    message.data.simulated && el("p", { class: "banner warn" }, "Simulated market: this answer concerns no real position."),
    el("pre", { class: "text" }, message.data.text),
    changes.length > 0 && el("fieldset", null, el("legend", null, "Contracts wanted instead"),
      changes.map((each) => field(each.leg, each.input))),
    traded.length > 0 && el("fieldset", { class: "fills" }, el("legend", null, "Fills: bought is positive, sold negative; price in points, fee in dollars"),
      traded.map((each) => el("div", { class: "fill" }, el("span", { class: "code" }, each.symbol),
        field("Quantity", each.quantity), field("Price", each.price), field("Fee", each.fee)))),
    field("Your name", by),
    field(reason.required ? "Reason" : "Remark (may be left empty)", reason),
    fault,
    el("div", { class: "buttons" }, confirm, el("button", { type: "button", onclick: () => dialog.close() }, "Cancel"))));
  dialog.showModal();
  (by.value ? (reason.required ? reason : confirm) : by).focus();
}
