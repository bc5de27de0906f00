/* Numbers, times and the names of things, in words. */

const MINUS = "\u2212";
const NONE = "\u2013";

const isNumber = (value) => typeof value === "number" && Number.isFinite(value);
const signed = (text) => text.replace("-", MINUS);

export function price(value, digits = 2) {
  if (!isNumber(value)) return NONE;
  return signed(value.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits }));
}

export function percent(ratio, digits = 2) {
  return isNumber(ratio) ? `${signed((100 * ratio).toFixed(digits))}\u202f%` : NONE;
}

export function move(ratio, digits = 2) {
  return isNumber(ratio) && ratio >= 0 ? `+${percent(ratio, digits)}` : percent(ratio, digits);
}

export function dollars(value) {
  if (!isNumber(value)) return NONE;
  return `${value < 0 ? MINUS : ""}$${Math.abs(value).toLocaleString("en-US", { maximumFractionDigits: 0 })}`;
}

export function contracts(value) {
  return isNumber(value) ? signed(String(value)) : NONE;
}

export function number(value) {
  if (!isNumber(value)) return NONE;
  const size = Math.abs(value);
  return signed(size >= 1000 ? price(value, 0) : String(Number(value.toPrecision(4))));
}

export function count(n, one, many = `${one}s`) {
  return `${n} ${n === 1 ? one : many}`;
}

export function age(seconds) {
  if (!isNumber(seconds)) return "never";
  if (seconds < 1) return "now";
  if (seconds < 90) return `${Math.floor(seconds)}\u202fs`;
  if (seconds < 5400) return `${Math.floor(seconds / 60)}\u202fmin`;
  if (seconds < 172_800) return `${Math.floor(seconds / 3600)}\u202fh`;
  return `${Math.floor(seconds / 86_400)}\u202fdays`;
}

const TIME = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const DAY = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", year: "numeric" });
const BOTH = new Intl.DateTimeFormat("en-GB", {
  day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit", timeZoneName: "short",
});
const SHORT = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short" });

export const clock = (seconds) => TIME.format(new Date(seconds * 1000));
export const shortDay = (seconds) => SHORT.format(new Date(seconds * 1000));

/* A plain date is an exchange session, and is not moved into the reader's time zone. */
export function when(text) {
  if (!text) return NONE;
  if (/^\d{4}-\d\d-\d\d$/.test(text)) return DAY.format(new Date(`${text}T12:00:00`));
  const date = new Date(text);
  return Number.isNaN(date.getTime()) ? text : BOTH.format(date);
}

export const SIGNALS = {
  S01: "Move since rebalance", S02: "Session timer", S03: "Small caps over S&P, MACD", S04: "RSI divergence",
  S05: "RSI of small caps", S06: "MACD of the VIX", S07: "RSI of the VIX", S08: "MACD of small caps",
  S09: "Advance-decline divergence", S10: "Small-cap volatility spread", S11: "Beta of small caps",
  S12: "Downside capture", S13: "Key moving averages", S14: "VIX futures slope", S15: "Change of that slope",
  S16: "VIX over VIX3M", S17: "Skew", S18: "Volatility risk premium", S19: "Trend of the VIX",
  S20: "Release ahead", S21: "Release surprise", S22: "Price to cash flow", S23: "Price to earnings",
  S24: "P/E against P/CF", S25: "Quick ratio", S26: "Dollar", S27: "Rate differential", S28: "Cost of capital",
  S29: "Implied risk premium", S30: "Condor return", S31: "Cost of hedging in return", S32: "Big-top score",
  S33: "Theta window", S34: "Liquidity", S35: "Put-call parity", S36: "Forward volatility bound",
  S37: "VX basis", S38: "ETP rebalancing", S39: "Execution window", S40: "Expected day range",
  S41: "Break-even proximity", S42: "Credit spread", S43: "Correlation", S44: "VIX regime", S45: "Leadership",
  S46: "Premium", S47: "Vega by expiry", S48: "Stress library",
};

/* States that speak for more hedge (methodology, section 2); every other state is quiet. */
const SPEAKING = {
  S03: ["negative"], S04: ["on"], S05: ["on"], S06: ["cross_up", "above"], S07: ["on"], S08: ["on"], S09: ["on"],
  S10: ["on"], S12: ["asymmetric"], S14: ["backwardation"], S15: ["invert"], S16: ["stress"], S17: ["steep"],
  S19: ["up"], S20: ["on"], S21: ["hot", "weak"], S22: ["contraction"], S28: ["stress"], S32: ["on"], S33: ["on"],
  S42: ["stress"], S45: ["narrowing"],
};

export function verdict(signal) {
  if (signal.quality === "missing" || signal.value === null) return "missing";
  return (SPEAKING[signal.id] || []).includes(signal.state) ? "confirms" : "quiet";
}

export const plain = (word) => String(word).replaceAll("_", " ");

export const PHASES = {
  OFF: "Nothing is hedged.",
  STANDBY: "The long-dated layers alone.",
  INITIAL: "Small caps lag, or a top is forming: the first layers.",
  STAGED: "Volatility is rising: the futures calendar is added.",
  CONFIRMED: "Capitulation of price and momentum: the full hedge.",
  MONETISE: "Part of the gain is taken.",
  COOLDOWN: "What is left is kept, nothing is added.",
};

export const FLAGS = {
  ratio_neg: "Small caps lag the S&P", bigtop: "Big-top score is on", v_r: "RSI of the VIX is hot",
  v_m: "VIX momentum is up", v_rlow: "RSI of the VIX is low", v_r_low: "RSI of the VIX is low",
  adv: "Breadth of small caps diverges", macro: "Release near, or a surprise", cap_r: "Capitulation by RSI",
  cap_m: "Capitulation by MACD", calm: "Small caps are calm", monet: "Gain can be taken",
  hot: "A release came in hot", weak: "A release came in weak",
  monet_curve: "Curve inverted, VIX receding",
};

export const DECISIONS = { accept: "Accept", amend: "Amend", reject: "Reject", executed: "Executed" };
export const DECIDED = { accept: "accepted", amend: "amended", reject: "rejected", executed: "executed" };
