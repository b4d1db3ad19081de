"use strict";
const EVERY_MS = 2000;
const SHOWN = {length: "characters of the text", dated: "pages with a date", titled: "pages with a title", not_article: "pages that are no article"};
const id = name => document.getElementById(name);
const count = new Intl.NumberFormat("en").format;
const words = text => text === text.toLowerCase() ? text.replaceAll("_", " ") : text;
let last = null;

// Texts of strangers become text nodes, never markup.
function made(tag, kind, ...inside) {
  const element = document.createElement(tag);
  if (kind) element.className = kind;
  element.append(...inside);
  return element;
}
function drawn(tag, attributes, ...inside) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...inside);
  return element;
}
function span(seconds) {
  if (seconds === null) return "–";
  for (const [limit, unit, length] of [[120, "s", 1], [7200, "min", 60], [172800, "h", 3600]])
    if (seconds < limit) return `${Math.round(Math.max(seconds, 0) / length)} ${unit}`;
  return `${(seconds / 86400).toFixed(1)} days`;
}
function share(part, whole) {
  const percent = whole ? 100 * part / whole : 0;
  return `${percent > 0 && percent < 10 ? percent.toFixed(1) : Math.round(percent)} %`;
}
const shown = (signal, value) => signal === "length" ? count(Math.round(value)) : share(value, 1);
const clock = at => new Date(at * 1000).toISOString().slice(0, 16).replace("T", " ");

function state(found) {
  const first = found.problems[0];
  const [text, kind] = !first ? ["ready", "ready"]
    : first === "starting" || first === "stopping" ? [first, "passing"]
    : first.startsWith("waiting") ? ["waiting", "passing"] : ["wrong", "wrong"];
  id("state").textContent = text;
  id("state").className = `chip ${kind}`;
  id("problems").replaceChildren(...found.problems.filter(p => p !== text).map(p => made("li", "", p)));
}

function figures(found) {
  const batch = found.batch;
  const bad = found.fates.filter(([fate]) => fate === "quarantined").reduce((sum, [, , n]) => sum + n, 0);
  id("lake").textContent = found.lake;
  document.title = `newsmill live: ${found.lake}`;
  id("meta").textContent = `since ${clock(found.started)} UTC · ${count(found.records)} records`;
  id("version").textContent = found.version;
  id("rate").textContent = found.rate < 10 ? found.rate.toFixed(1) : count(Math.round(found.rate));
  id("waiting").textContent = count(found.waiting);
  id("held").textContent = found.held_back ? `and ${count(found.held_back)} behind open transactions` : "records at the broker";
  id("batch").textContent = batch ? share(batch.done, batch.records) : "–";
  id("batch-note").textContent = !batch ? "none" : batch.slow
    ? `${batch.slow.stage} at one piece for ${span(batch.slow.seconds)}`
    : `${count(batch.done)} of ${count(batch.records)} pages, ${span(batch.seconds)}`;
  id("commit").textContent = found.last_commit === null ? "–" : span(found.now - found.last_commit);
  id("commits").textContent = found.commits ? `ago; ${count(found.commits)} since the start` : "none yet";
  id("quarantined").textContent = share(bad, found.records);
  id("quarantined-note").textContent = `${count(bad)} records since the start` + (found.lost ? `; ${count(found.lost)} offsets lost by the broker` : "");
}

function rates(found) {
  const most = Math.max(...found.rates, 1);
  const points = found.rates.map((rate, n) => `${n + 1},${(100 - 96 * rate / most).toFixed(1)}`);
  id("rates").firstElementChild.setAttribute("d", `M0,100L${points.join("L")}L180,100Z`);
  id("peak").textContent = count(Math.round(most));
}

function lag(found) {
  const most = Math.max(...found.lag.map(part => part.waiting + part.held_back), 1);
  id("lag").replaceChildren(...found.lag.map(part => {
    const fill = made("span", "fill");
    fill.style.width = `${100 * (part.waiting + part.held_back) / most}%`;
    const held = part.held_back ? [" ", made("small", "", `+${count(part.held_back)} held back`)] : [];
    return made("li", "", made("span", "name", part.name), made("span", "track", fill), made("span", "value", count(part.waiting), ...held));
  }));
  const more = found.partitions - found.lag.length;
  id("lag-note").textContent = found.partitions
    ? `Records that wait, by partition.${more > 0 ? ` ${count(more)} more wait less.` : ""}` : "The broker has not told yet.";
}

// From one bar through the fates to their reasons; on a narrow screen to the fates only.
function flow(found) {
  const svg = id("flow"), width = svg.parentElement.clientWidth - 2 * parseFloat(getComputedStyle(svg.parentElement).paddingLeft);
  const narrow = width < 600, gap = 16, bar = 6;
  const total = found.fates.reduce((sum, [, , n]) => sum + n, 0);
  const by = new Map();
  for (const [fate, reason, n] of found.fates) {
    if (!by.has(fate)) by.set(fate, {fate, n: 0, reasons: []});
    by.get(fate).n += n;
    if (reason) by.get(fate).reasons.push([reason, n]);
  }
  const fates = [...by.values()].filter(f => f.n).sort((a, b) => b.n - a.n);
  const scale = 180 / Math.max(total, 1), thick = n => Math.max(n * scale, 1);
  const middle = narrow ? width - 150 : width * 0.4, right = width - 210;
  const items = [];
  const ribbon = (kind, x1, y1, x2, y2, h, title) => {
    const m = (x1 + x2) / 2;
    items.push(drawn("path", {class: kind, d: `M${x1},${y1}C${m},${y1} ${m},${y2} ${x2},${y2}V${y2 + h}C${m},${y2 + h} ${m},${y1 + h} ${x1},${y1 + h}Z`}, drawn("title", {}, title)));
  };
  const label = (x, y, text, n) => items.push(drawn("text", {x, y: y + 4}, `${words(text)} `, drawn("tspan", {class: "v"}, count(n))));
  let from = 4, at = 4, end = 4;
  const labels = [];
  for (const {fate, n, reasons} of fates) {
    const height = thick(n);
    ribbon(fate, bar, from, middle, at, height, `${words(fate)}: ${count(n)}`);
    items.push(drawn("rect", {class: fate, x: middle, y: at, width: bar, height}));
    labels.push([middle + 12, at + height / 2, fate, n]);
    let out = at;
    if (!narrow) for (const [reason, m] of reasons) {
      const h = thick(m);
      ribbon(fate, middle + bar, out, right, end, h, `${words(fate)}, ${words(reason)}: ${count(m)}`);
      items.push(drawn("rect", {class: fate, x: right, y: end, width: bar, height: h}));
      labels.push([right + 12, end + h / 2, reason, m]);
      out += h; end += h + gap;
    }
    from += height; at += height + gap;
  }
  items.push(drawn("rect", {class: "all", x: 0, y: 4, width: bar, height: Math.max(from - 4, 1)}));
  labels.forEach(one => label(...one));
  const height = Math.max(from, at, end, 60) + 8;
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  svg.setAttribute("height", height);
  svg.replaceChildren(...(total ? items : [drawn("text", {x: 0, y: 20}, "Nothing was committed since the start.")]));
  id("fates").replaceChildren(...found.fates.filter(([, , n]) => n).map(([fate, reason, n]) =>
    made("tr", "", made("td", "", words(fate)), made("td", "", words(reason)), made("td", "n", count(n)))));
}

function lists(found) {
  const sites = found.sites.map(site => site.what === "quarantined"
    ? made("li", "", made("bdi", "", site.site), made("small", "", `${count(site.records)} in quarantine: ${site.codes.join(", ")}`))
    : made("li", "", made("bdi", "", site.site), made("small", "", `${SHOWN[site.what]}: ${shown(site.what, site.before)} before, now ${shown(site.what, site.after)}; ${clock(site.at)} UTC`)));
  id("sites").replaceChildren(...(sites.length ? sites : [made("li", "nothing", "None.")]));
  const stories = found.stories.map(story =>
    made("li", "", made("bdi", "", story.title || "(no title)"), made("small", "", `${story.site} · ${story.lang} · ${clock(story.at)} UTC`)));
  id("stories").replaceChildren(...(stories.length ? stories : [made("li", "nothing", "None yet.")]));
}

function draw(found) {
  state(found); figures(found); rates(found); lag(found); flow(found); lists(found);
}

async function poll() {
  if (document.hidden) return;
  try {
    const answer = await fetch("live.json", {cache: "no-store"});
    if (!answer.ok) throw new Error(`status ${answer.status}`);
    last = await answer.json();
    draw(last);
  } catch (error) {
    id("state").textContent = "no answer";
    id("state").className = "chip wrong";
    id("problems").replaceChildren(made("li", "", `the process does not answer (${error.message}); the figures are of ${last ? `${clock(last.now)} UTC` : "nobody"}`));
  }
}

poll();
setInterval(poll, EVERY_MS);
document.addEventListener("visibilitychange", poll);
new ResizeObserver(() => last && flow(last)).observe(document.getElementById("main"));
