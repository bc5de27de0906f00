/* Elements and pictures. Text only ever enters as text, so that no message can bring markup with it. */

import * as words from "./words.js";

const SVG = "http://www.w3.org/2000/svg";

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

export const el = (tag, attributes, ...children) => fill(document.createElement(tag), attributes, children);
export const shape = (tag, attributes, ...children) => fill(document.createElementNS(SVG, tag), attributes, children);

const label = (x, y, text, attributes) => shape("text", { x, y, ...attributes }, text);

export function table(caption, heads, rows, attributes) {
  return el("div", { class: "scroll-x", tabindex: "0", role: "region", "aria-label": caption },
    el("table", attributes,
      el("caption", { class: "sr" }, caption),
      el("thead", null, el("tr", null, heads.map((head) => el("th", { scope: "col", class: head.class }, head.text)))),
      el("tbody", null, rows)));
}

function rounded(value) {
  const step = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 2.5, 5, 10].map((factor) => factor * step).find((nice) => nice >= value);
}

/* Both indices against the band, as price / anchor - 1; time runs over what was traded, so nights take no room. */
export function moves(chart, current, width) {
  const height = 230, left = 52, right = 62, top = 14, bottom = 26;
  const lines = chart.lines.filter((line) => line.anchor).map((line) => {
    const points = line.points.map(([t, low, high, last]) => [t, low / line.anchor - 1, high / line.anchor - 1, last / line.anchor - 1]);
    const now = current.find((each) => each.index === line.index);
    if (now && now.move_ratio !== null) {
      const t = points.length ? points[points.length - 1][0] : 0;
      points.push([t, now.move_ratio, now.move_ratio, now.move_ratio]);
    }
    return { index: line.index, points };
  });
  const limit = chart.threshold;
  const reach = Math.max(limit * 1.25, ...lines.flatMap((line) => line.points.flatMap((p) => [-p[1], p[2]]))) * 1.04;
  const y = (ratio) => top + ((reach - ratio) / (2 * reach)) * (height - top - bottom);
  const name = lines.length
    ? lines.map((line) => `${line.index} ${words.move(line.points.at(-1)?.[3] ?? null)}`).join(", ")
    : "nothing yet";
  const root = shape("svg", { viewBox: `0 0 ${width} ${height}`, width, height, role: "img", class: "chart",
    "aria-label": `Moves since the last rebalance: ${name}; the band is plus and minus ${words.percent(limit, 1)}.` });
  root.append(shape("rect", { x: left, y: y(limit), width: width - left - right, height: y(-limit) - y(limit), class: "band" }));
  for (const [ratio, kind] of [[limit, "limit"], [0, "zero"], [-limit, "limit"]]) {
    root.append(shape("line", { x1: left, x2: width - right, y1: y(ratio), y2: y(ratio), class: kind }),
      label(left - 6, y(ratio) + 4, ratio ? words.move(ratio, 1) : "0", { class: "tick", "text-anchor": "end" }));
  }
  const taken = [];
  lines.forEach((line, rank) => {
    const n = line.points.length;
    if (!n) return;
    const x = (i) => left + (n === 1 ? 1 : i / (n - 1)) * (width - left - right);
    const area = [...line.points.map((p, i) => `${x(i)},${y(p[2])}`), ...line.points.map((p, i) => `${x(i)},${y(p[1])}`).reverse()];
    root.append(shape("polygon", { points: area.join(" "), class: `range series-${rank}` }),
      shape("polyline", { points: line.points.map((p, i) => `${x(i)},${y(p[3])}`).join(" "), class: `line series-${rank}` }));
    const last = line.points[n - 1][3];
    root.append(shape("circle", { cx: x(n - 1), cy: y(last), r: 3.5, class: `dot series-${rank}` }));
    let at = y(last) + 4;
    if (taken.some((other) => Math.abs(other - at) < 28)) at = taken[0] + (at < taken[0] ? -28 : 28);
    taken.push(at);
    root.append(label(width - right + 7, at, line.index, { class: `name series-${rank}` }),
      label(width - right + 7, at + 13, words.move(last, 1), { class: "tick" }));
    if (rank === 0) {
      root.append(label(left, height - 8, words.shortDay(line.points[0][0]), { class: "tick" }),
        label(width - right, height - 8, words.shortDay(line.points[n - 1][0]), { class: "tick", "text-anchor": "end" }));
    }
  });
  if (!lines.some((line) => line.points.length)) {
    root.append(label((left + width - right) / 2, y(0) - 10, "No price since the last rebalance yet", { class: "tick", "text-anchor": "middle" }));
  }
  return root;
}

const SHOCKS = ["5", "6", "7", "10", "20"];

export function shocks(data) {
  return SHOCKS.map((points) => {
    const gain = data[`gain${points}`] ?? null, offset = data[`offset${points}`] ?? null;
    const loss = data[`l${points}`] ?? (gain !== null && offset ? gain / offset : null);
    return { points, gain, offset, loss };
  }).filter((shock) => shock.gain !== null || shock.loss !== null);
}

/* Loss of the condors and gain of the hedge side by side, for each rise of the VIX. */
export function offsets(rows, width) {
  const height = 230, left = 56, top = 26, bottom = 30, base = height - bottom;
  const most = rounded(Math.max(1, ...rows.flatMap((row) => [row.loss ?? 0, row.gain ?? 0])));
  const y = (value) => base - (Math.max(0, value) / most) * (base - top);
  const name = rows.map((row) => `VIX +${row.points}: loss ${words.dollars(row.loss)}, gain ${words.dollars(row.gain)}, offset ${words.percent(row.offset, 0)}`).join("; ");
  const root = shape("svg", { viewBox: `0 0 ${width} ${height}`, width, height, role: "img", class: "chart", "aria-label": name });
  for (const part of [0, 0.5, 1]) {
    root.append(shape("line", { x1: left, x2: width, y1: y(part * most), y2: y(part * most), class: part ? "grid" : "zero" }),
      label(left - 6, y(part * most) + 4, words.dollars(part * most), { class: "tick", "text-anchor": "end" }));
  }
  const step = (width - left) / rows.length, bar = Math.min(34, step * 0.34);
  rows.forEach((row, i) => {
    const middle = left + step * (i + 0.5);
    for (const [value, kind, from] of [[row.loss, "loss", middle - bar - 1], [row.gain, "gain", middle + 1]]) {
      if (value !== null) root.append(shape("rect", { x: from, y: y(value), width: bar, height: base - y(value), class: kind, rx: 2 }));
    }
    root.append(label(middle, y(Math.max(row.loss ?? 0, row.gain ?? 0)) - 7, words.percent(row.offset, 0), { class: "value", "text-anchor": "middle" }),
      label(middle, height - 10, `+${row.points}`, { class: "tick", "text-anchor": "middle" }));
  });
  return root;
}

/* A bar from 0 to `full` with a mark; also what it says to those who do not see it. */
export function meter(text, value, full, mark, isOver) {
  const share = (part) => 100 * Math.min(1, Math.max(0, part / full));
  return shape("svg", { viewBox: "0 0 100 8", preserveAspectRatio: "none", class: `meter${isOver ? " over" : ""}`, role: "img", "aria-label": text },
    shape("rect", { x: 0, y: 0, width: 100, height: 8, class: "track" }),
    shape("rect", { x: 0, y: 0, width: share(value), height: 8, class: "level" }),
    mark === null ? null : shape("rect", { x: share(mark) - 0.35, y: 0, width: 0.7, height: 8, class: "mark" }));
}
