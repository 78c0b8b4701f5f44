// The page: which episode, which frame, and everything that follows from the two.
"use strict";

const data = window.DREAMPORT, loaded = new Map(), images = new Map();
const at = (id) => document.getElementById(id);
const state = { entry: null, rows: null, frame: 0, playing: false, filter: "all", plots: [], toFrame: null };
const FILTERS = {
  all: () => true, usable: (e) => e.usable, "left out": (e) => !e.usable,
  train: (e) => e.split === "train", heldout: (e) => e.split === "heldout",
};

data.loaded = (index, rows) => loaded.set(index, rows);

function make(tag, text, className) {
  const element = document.createElement(tag);
  if (text !== undefined) element.textContent = text;
  if (className) element.className = className;
  return element;
}

function header() {
  document.title = `${data.name}: episodes`;
  at("name").textContent = data.name;
  const usable = data.episodes.filter((e) => e.usable).length;
  const frames = data.episodes.reduce((sum, e) => sum + (e.length || 0), 0);
  at("summary").textContent = `${data.episodes.length} episodes, ${usable} usable, ` +
    `${(frames / data.rate / 60).toFixed(1)} minutes; ${data.facts.pictures}; ${data.facts.licence}` +
    (data.profiled ? "" : "; no profile yet: run dreamport data profile");
  for (const name of Object.keys(FILTERS)) {
    if (!data.episodes.some(FILTERS[name])) continue;
    const button = make("button", name);
    button.setAttribute("aria-pressed", String(name === state.filter));
    button.onclick = () => {
      state.filter = name;
      for (const other of at("filters").children) other.setAttribute("aria-pressed", String(other === button));
      list();
    };
    at("filters").append(button);
  }
}

const listed = () => data.episodes.filter(FILTERS[state.filter]);

function list() {
  at("list").replaceChildren(...listed().map((entry) => {
    const item = make("li"), button = make("button");
    const kind = !entry.usable ? "out" : entry.warnings.length ? "noted" : "";
    button.append(make("span", "", `dot ${kind}`), make("span", `episode ${entry.index}`),
                  make("span", entry.length ? `${(entry.length / data.rate).toFixed(1)} s` : "-", "soft"));
    button.setAttribute("aria-current", String(entry === state.entry));
    button.onclick = () => open(entry, 0);
    item.append(button);
    return item;
  }));
}

function load(entry) {
  if (!entry.shown || loaded.has(entry.index)) return Promise.resolve(loaded.get(entry.index));
  return new Promise((resolve) => {
    const script = make("script");
    script.src = `${folder(entry)}/rows.js`;
    script.onload = () => resolve(loaded.get(entry.index));
    script.onerror = () => resolve(undefined);
    document.head.append(script);
  });
}

const folder = (entry) => `episode-${String(entry.index).padStart(6, "0")}`;

async function open(entry, frame) {
  state.entry = entry;
  const rows = await load(entry);
  if (state.entry !== entry) return;
  state.rows = rows;
  list();
  at("title").textContent = `Episode ${entry.index}`;
  at("verdict").textContent = entry.usable ? "usable" : "left out";
  at("verdict").className = entry.usable ? "badge" : "badge out";
  const known = [["split", entry.split], ["seed", entry.seed], ["session", entry.session], ["map", entry.map],
                 ["ended", entry.ended], ...Object.entries(rows ? rows.tags : {})];
  at("facts").textContent = known.filter(([, value]) => value !== null && value !== undefined && value !== "")
    .map(([name, value]) => `${name} ${value}`).join(", ");
  at("remarks").replaceChildren(
    ...entry.reasons.map((text) => make("li", text, "out")),
    ...(rows ? rows.sheets.damage : []).slice(0, 1).map((text) => make("li", text, "out")),
    ...entry.warnings.map((text) => make("li", text, "noted")),
    ...(rows ? [] : [make("li", entry.shown === false ? "It cannot be opened." :
      "Its pictures are not on this page: run dreamport data view with --episodes " + entry.index, "noted")]));
  for (const part of document.querySelectorAll(".pictures, .transport, .input, #lanes, #plots")) {
    part.hidden = !rows;
  }
  if (!rows) return;
  at("depth-figure").hidden = !rows.sheets.depth;
  at("seek").max = rows.held.length - 1;
  at("keys").replaceChildren(...data.buttons.map((name) => make("span", name)));
  plots(rows);
  show(frame);
}

function sheet(kind, number) {
  const key = `${folder(state.entry)}/${kind}-${String(number).padStart(2, "0")}.jpg`;
  if (!images.has(key)) {
    const image = new Image();
    image.src = key;
    image.onload = () => show(state.frame);
    images.set(key, image);
    if (images.size > 24) images.delete(images.keys().next().value);
  }
  return images.get(key);
}

function picture(kind, frame) {
  const sheets = state.rows.sheets, number = Math.floor(frame / sheets.aSheet);
  if (!(number < sheets[kind])) return;
  const image = sheet(kind, number);
  if (image.complete && image.naturalWidth) drawFrame(at(kind), sheets, image, frame);
  if (number + 1 < sheets[kind]) sheet(kind, number + 1);
}

function show(frame) {
  const rows = state.rows;
  if (!rows) return;
  state.frame = frame = Math.max(0, Math.min(rows.held.length - 1, frame));
  at("seek").value = frame;
  at("where").textContent = `frame ${frame} of ${rows.held.length - 1}, ${(frame / data.rate).toFixed(2)} s`;
  picture("colour", frame);
  picture("depth", frame);
  [...at("keys").children].forEach((key, bit) => key.classList.toggle("held", Boolean(rows.held[frame] >>> bit & 1)));
  const [yaw, pitch] = rows.look.map((values) => values[frame] || 0);
  drawLook(at("look"), yaw, pitch, widest(rows));
  const here = rows.marks.filter(([, first, end]) => first <= frame && frame < end).map(([kind]) => kind);
  const mouse = rows.mouse[0][frame] === null ? "" : `   mouse ${rows.mouse[0][frame]} ${rows.mouse[1][frame]}`;
  const speed = rows.speed[frame] === null ? "" : `   ${rows.speed[frame].toFixed(2)} m/s`;
  const place = rows.x[frame] === null ? "" :
    `   at ${rows.x[frame].toFixed(2)} ${rows.y[frame].toFixed(2)} ${rows.z[frame].toFixed(2)} m`;
  at("numbers").textContent = `look ${yaw.toFixed(1)} ${pitch.toFixed(1)} deg${mouse}${speed}${place}` +
    (here.length ? `   ${[...new Set(here)].join(", ")}` : "");
  const scale = drawPath(at("path"), rows, frame);
  at("path-caption").textContent = scale ? `path from above, ${scale.span.toFixed(1)} m across` : "path";
  state.scale = scale;
  state.toFrame = drawLanes(at("lanes"), rows, data.buttons, frame);
  for (const plot of state.plots) plot.redraw(false);
  history.replaceState(null, "", `#${state.entry.index}:${frame}`);
}

function widest(rows) {
  rows.widest = rows.widest || Math.max(1, ...rows.look.flat().map((v) => Math.abs(v || 0)));
  return rows.widest;
}

function plots(rows) {
  at("plots").replaceChildren();
  state.plots = [];
  const frames = rows.held.map((_, i) => i);
  const has = (values) => values.some((v) => v !== null && v !== 0);
  const add = (title, lines) => {
    const shown = lines.filter(([, values]) => has(values));
    if (!shown.length) return;
    const colours = ["#8fdcc6", "#eac07a", "#7fb2ff"];
    const axis = { stroke: "#a3acb8", grid: { stroke: "#1f242d" }, ticks: { stroke: "#1f242d" } };
    const plot = new window.uPlot({
      width: at("plots").clientWidth, height: 110, cursor: { sync: { key: "episode" }, y: false },
      scales: { x: { time: false } }, axes: [{ ...axis, size: 26 }, { ...axis, size: 50, label: title, labelSize: 18 }],
      series: [{ label: "frame" }, ...shown.map(([label], i) => ({ label, stroke: colours[i], width: 1.25 }))],
      hooks: { draw: [(u) => {
        const x = u.valToPos(state.frame, "x", true);
        u.ctx.fillStyle = "#e8ebef";
        u.ctx.fillRect(x, u.bbox.top, 1, u.bbox.height);
      }] },
    }, [frames, ...shown.map(([, values]) => values)], at("plots"));
    plot.over.addEventListener("click", () => plot.cursor.idx !== null && show(plot.cursor.idx));
    state.plots.push(plot);
  };
  add("deg a frame", [["look right", rows.look[0]], ["look down", rows.look[1]]]);
  add("m/s", [["speed", rows.speed]]);
  if (rows.confidence.some((c) => c !== 1 && c !== 0)) add("confidence", [["pose confidence", rows.confidence]]);
}

function play(on) {
  state.playing = on;
  at("play").textContent = on ? "Pause" : "Play";
  let before = null, owed = 0;
  const tick = (now) => {
    if (!state.playing || state.rows === null) return;
    owed += before === null ? 0 : (now - before) / 1000 * data.rate * Number(at("rate").value);
    before = now;
    if (owed >= 1) {
      show(state.frame + Math.floor(owed));
      owed %= 1;
      if (state.frame >= state.rows.held.length - 1) return play(false);
    }
    requestAnimationFrame(tick);
  };
  if (on) {
    if (state.frame >= state.rows.held.length - 1) show(0);
    requestAnimationFrame(tick);
  }
}

function keys(event) {
  if (event.target.tagName === "SELECT" || !state.entry) return;
  const step = event.shiftKey ? 10 : 1, all = listed(), here = all.indexOf(state.entry);
  const actions = {
    " ": () => state.rows && play(!state.playing),
    ArrowLeft: () => show(state.frame - step), ArrowRight: () => show(state.frame + step),
    Home: () => show(0), End: () => show(Infinity),
    ArrowUp: () => here > 0 && open(all[here - 1], 0),
    ArrowDown: () => here + 1 < all.length && open(all[here + 1], 0),
  };
  if (!actions[event.key]) return;
  event.preventDefault();
  actions[event.key]();
}

function nearest(event) {
  if (!state.scale) return;
  const box = at("path").getBoundingClientRect();
  const [px, py] = [event.clientX - box.left, event.clientY - box.top];
  let best = state.frame, least = Infinity;
  state.rows.x.forEach((x, i) => {
    if (x === null) return;
    const [a, b] = state.scale.place(x, state.rows.z[i]), far = (a - px) ** 2 + (b - py) ** 2;
    if (far < least) [best, least] = [i, far];
  });
  show(best);
}

header();
list();
at("seek").oninput = (event) => show(Number(event.target.value));
at("play").onclick = () => play(!state.playing);
at("back").onclick = () => show(state.frame - 1);
at("on").onclick = () => show(state.frame + 1);
at("path").onclick = nearest;
at("lanes").onclick = (event) => show(state.toFrame(event.offsetX));
document.addEventListener("keydown", keys);
window.addEventListener("resize", () => {
  for (const plot of state.plots) plot.setSize({ width: at("plots").clientWidth, height: 110 });
  show(state.frame);
});
const [wanted, frame] = location.hash.slice(1).split(":").map(Number);
const begin = data.episodes.find((e) => location.hash && e.index === wanted) ||
  data.episodes.find((e) => e.shown) || data.episodes[0];
if (begin) open(begin, frame || 0);
