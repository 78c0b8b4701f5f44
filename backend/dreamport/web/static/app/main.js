// Puts the page together: input goes to the session, frames come to the screen, and every state has a face.

import { bind } from "./input/bindings.js";
import { Controls } from "./input/controls.js";
import { Keyboard } from "./input/keyboard.js";
import { Mouse } from "./input/mouse.js";
import { Touch } from "./input/touch.js";
import { Session } from "./net/session.js";
import { Player } from "./player.js";
import { keepSettings, readSettings } from "./settings.js";
import { Card } from "./view/card.js";
import { byId } from "./view/element.js";
import { FaultPanel } from "./view/fault.js";
import { Hud } from "./view/hud.js";
import { Legend } from "./view/legend.js";
import { Screen } from "./view/screen.js";
import { ToldPanel } from "./view/told.js";

/** @typedef {import("./net/session.js").Choice} Choice */

const HUD_MS = 250;

const settings = readSettings();
const query = new URLSearchParams(location.search);
const picture = byId("picture", HTMLCanvasElement);

const screen = new Screen({
  stage: byId("stage", HTMLElement),
  screens: byId("screens", HTMLElement),
  picture,
  depth: byId("depth", HTMLCanvasElement),
  depthFigure: byId("depth-figure", HTMLElement),
});
const hud = new Hud();
const legend = new Legend();
const card = new Card((world) => play({ world }));
const fault = new FaultPanel((end) => recover(end.code));

const player = new Player(({ frame, bitmap }) => {
  screen.draw(bitmap, frame.depth);
  const now = performance.now();
  hud.pageDropped = player.dropped;
  hud.drawn(frame, now);
  session.presented(frame.id, now);
  controls.frame(now);
  byId("wait", HTMLElement).hidden = true;
});

const session = new Session({
  state: showState,
  opened,
  frame: (frame) => player.take(frame),
  stats: (stats) => hud.heard(stats),
  notice: (text) => toast(text),
  saves: (saves) => showSaves(saves),
  told: (told) => toldPanel.show(told),
});
const toldPanel = new ToldPanel({
  event: (name) => {
    session.event(name);
    picture.focus({ preventScroll: true });
  },
  prompt: (text) => {
    session.prompt(text);
    picture.focus({ preventScroll: true });
  },
});

// --- input -----------------------------------------------------------------------------------------

const controls = new Controls(
  () => ({ held: keyboard.held | touch.held, turn: keyboard.turn }),
  (sample) => {
    legend.show(keyboard.down, sample.buttons);
    if (session.paused) return;
    const sequence = session.control(sample);
    if (sequence > 0n) hud.controls.sent(sequence, sample.at);
  },
);
const changed = (/** @type {number} */ pressed, /** @type {number} */ at) => {
  if (pressed !== 0) enter();
  controls.changed(pressed, at);
};
const turned = (/** @type {number} */ yaw, /** @type {number} */ pitch, /** @type {number} */ at) => {
  enter();
  controls.turned(yaw, pitch, at);
};
const keyboard = new Keyboard(changed);
const touch = new Touch({ stick: byId("pad-stick", HTMLElement), look: byId("pad-look", HTMLElement) }, { changed, turn: turned });
const mouse = new Mouse(picture, { turn: turned, locked: (locked) => document.body.classList.toggle("locked", locked) });

/** @type {Record<string, () => void>} */
const shortcuts = {
  KeyP: () => setPaused(!session.paused),
  KeyR: () => session.reset(),
  KeyF: toggleFullScreen,
  KeyV: () => setDepth(screen.depthView === "off" ? "beside" : screen.depthView === "beside" ? "over" : "off"),
  KeyI: toggleRail,
  KeyH: showHelp,
};
addEventListener("keydown", (event) => {
  if (event.defaultPrevented || event.repeat || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target instanceof Element && event.target.closest("input, select, textarea, dialog")) return;
  shortcuts[event.code]?.();
});

// --- what the session says ---------------------------------------------------------------------------

/** @param {import("../vendor/wire.js").Opened} opened @param {boolean} fresh */
function opened(opened, fresh) {
  const { world } = opened;
  const schema = world?.controlSchema;
  if (schema) {
    keyboard.bindings = touch.bindings = bind(schema);
    legend.bind(keyboard.bindings, schema.look?.yaw ?? false);
  }
  toldPanel.offer(schema);
  toldPanel.show(session.told);
  player.begin(opened.cadence?.chunkFrames ?? 1, Number(opened.serverTimeNs) / 1e6);
  hud.opened(opened, fresh);
  if (fresh) screen.resize(opened.frameSize?.width ?? 320, opened.frameSize?.height ?? 192);
  const title = world?.summary?.title || world?.summary?.name || "World";
  byId("world-title", HTMLElement).textContent = title;
  document.title = `${title} – Dreamport`;
  const { minM = 1, maxM = 100 } = world?.depthRange ?? {};
  screen.setDepthRange(minM, maxM);
  // A world without depth has no depth view; the choice is kept for the next world that has one.
  screen.setDepthView(world?.depthRange ? settings.depth : "off");
  for (const choice of document.querySelectorAll('input[name="depth"]')) choice.toggleAttribute("disabled", !world?.depthRange);
  byId("depth-near", HTMLElement).textContent = `${Number(minM.toPrecision(2))} m`;
  byId("depth-far", HTMLElement).textContent = `${Number(maxM.toPrecision(2))} m`;
  const starts = byId("start-select", HTMLSelectElement);
  starts.replaceChildren(...(world?.starts ?? []).map(({ name, title }) => new Option(title || name, name, false, name === opened.start)));
  byId("seed", HTMLInputElement).value = String(opened.seed);
  showVeil();
  if (document.hidden) setPaused(true);
}

/** @type {import("./net/session.js").Handlers["state"]} */
function showState(state, end, retryAt) {
  const words = { connecting: "Connecting", opening: "Opening", live: "Live", resuming: "Reconnecting", full: "Server full", failed: "Stopped" };
  document.body.dataset.state = state === "live" && session.paused ? "paused" : state;
  say(state === "live" && session.paused ? "Paused" : words[state], end?.message ?? "");
  const wait = byId("wait", HTMLElement);
  wait.hidden = state === "failed" || state === "full";
  if (state === "live" && session.opened) wait.hidden = session.opened.resumed;
  const waits = { connecting: "Connecting to the backend", opening: "Opening the world", resuming: `${end?.message ?? ""} Resuming where you were.` };
  byId("wait-text", HTMLElement).textContent = state in waits ? waits[/** @type {keyof typeof waits} */ (state)] : "Waiting for the first frame";
  if (state === "full" || state === "failed") fault.show(end ?? { code: "unknown", message: "", retryMs: null }, retryAt);
  else fault.hide();
  if (state === "resuming" || state === "failed" || state === "full") hud.pause();
  if (state === "failed") mouse.unlock();
  showVeil();
}

/** Over the picture: an invitation before the first input, a way on while paused. */
function showVeil() {
  byId("veil", HTMLElement).hidden = session.state !== "live" || (entered && !session.paused);
  byId("veil-hint", HTMLElement).hidden = session.paused;
  byId("enter-label", HTMLElement).textContent = session.paused ? "Go on" : "Step inside";
}

/** @param {string} words @param {string} reason */
function say(words, reason) {
  const link = byId("link-state", HTMLElement);
  link.title = reason;
  const text = link.querySelector("span");
  if (text) text.textContent = words;
}

/** @param {{ handle: string, frameIndex: number }[]} saves */
function showSaves(saves) {
  const last = saves.at(-1);
  const button = byId("load", HTMLButtonElement);
  button.disabled = last === undefined;
  button.title = last ? `Saved at frame ${last.frameIndex.toLocaleString("en")}` : "Nothing is saved yet";
  if (last) toast(`Saved at frame ${last.frameIndex.toLocaleString("en")}.`);
}

let toastTimer = 0;
/** @param {string} text */
function toast(text) {
  const box = byId("toast", HTMLElement);
  box.textContent = text;
  box.hidden = text === "";
  clearTimeout(toastTimer);
  toastTimer = setTimeout(() => (box.hidden = true), Math.max(2500, text.length * 70));
}

// --- what the player asks --------------------------------------------------------------------------

let entered = false;

/** The first input takes the veil away. */
function enter() {
  if (entered) return;
  entered = true;
  showVeil();
}

/** @param {Partial<Choice>} choice what to play; the page's address fills in the rest */
function play(choice, resume = false) {
  const wanted = {
    world: choice.world ?? query.get("world") ?? "",
    start: choice.start ?? query.get("start") ?? "",
    seed: choice.seed ?? seedFrom(query.get("seed") ?? ""),
  };
  if (resume && Session.remembered) session.resume(wanted);
  else session.begin(wanted);
}

/** @param {string} code of the failure */
function recover(code) {
  if (code === "failed_precondition") location.reload();
  else if (code === "not_found") {
    history.replaceState(null, "", location.pathname);
    query.delete("world");
    query.delete("start");
    play({ world: "", start: "" });
  } else session.retry();
}

/** @param {boolean} paused */
function setPaused(paused) {
  if (session.state !== "live") return;
  keyboard.releaseAll();
  touch.releaseAll();
  session.pause(paused);
  hud.pause();
  document.body.dataset.state = paused ? "paused" : "live";
  say(paused ? "Paused" : "Live", "");
  const button = byId("pause", HTMLButtonElement);
  button.querySelector("use")?.setAttribute("href", paused ? "#i-play" : "#i-pause");
  button.setAttribute("aria-label", paused ? "Go on" : "Pause");
  button.setAttribute("aria-pressed", String(paused));
  if (paused) mouse.unlock();
  showVeil();
}

/** @param {"off" | "beside" | "over"} view */
function setDepth(view) {
  settings.depth = view;
  keepSettings(settings);
  screen.setDepthView(view);
  const choice = document.querySelector(`input[name="depth"][value="${view}"]`);
  if (choice instanceof HTMLInputElement) choice.checked = true;
}

/** @param {"sharp" | "smooth"} upscale */
function setUpscale(upscale) {
  settings.upscale = upscale;
  keepSettings(settings);
  screen.setUpscale(upscale);
  const choice = document.querySelector(`input[name="upscale"][value="${upscale}"]`);
  if (choice instanceof HTMLInputElement) choice.checked = true;
}

/** @param {boolean} shown */
function setRail(shown) {
  document.body.classList.toggle("no-rail", !shown);
  byId("panel-toggle", HTMLButtonElement).setAttribute("aria-expanded", String(shown));
}

function toggleRail() {
  const shown = document.body.classList.contains("no-rail");
  setRail(shown);
  if (!narrow.matches) {
    settings.rail = shown;
    keepSettings(settings);
  }
}

function toggleFullScreen() {
  if (document.fullscreenElement) void document.exitFullscreen();
  else void document.documentElement.requestFullscreen();
}

function showHelp() {
  mouse.unlock();
  byId("help-body", HTMLElement).replaceChildren(legend.help());
  byId("help-dialog", HTMLDialogElement).showModal();
}

/** @param {string} text @returns {bigint | null} */
function seedFrom(text) {
  const seed = /^\d{1,20}$/.test(text.trim()) ? BigInt(text.trim()) : null;
  return seed !== null && seed < 1n << 64n ? seed : null;
}

// --- wiring -----------------------------------------------------------------------------------------

/** A button acts, and gives the keyboard back to the level. @param {string} id @param {() => void} act */
function onClick(id, act) {
  byId(id, HTMLElement).addEventListener("click", () => {
    act();
    if (!document.querySelector("dialog[open]")) picture.focus({ preventScroll: true });
  });
}

onClick("pause", () => setPaused(!session.paused));
onClick("restart", () => session.reset());
onClick("fullscreen", toggleFullScreen);
onClick("help-button", showHelp);
onClick("panel-toggle", toggleRail);
onClick("sheet-close", () => setRail(false));
onClick("world-button", () => {
  mouse.unlock();
  void card.show(session.opened?.world);
});
onClick("save", () => session.save());
onClick("load", () => {
  const last = session.saves.at(-1);
  if (last) session.load(last.handle);
});
onClick("seed-apply", () => {
  const seed = seedFrom(byId("seed", HTMLInputElement).value);
  if (seed === null) toast("A seed is a whole number from 0 to 18446744073709551615.");
  else session.reset({ seed });
});
onClick("veil", () => {
  enter();
  if (session.paused) setPaused(false);
  if (matchMedia("(pointer: fine)").matches) void mouse.lock();
});
onClick("picture", () => {
  if (matchMedia("(pointer: fine)").matches) void mouse.lock();
});
byId("seed", HTMLInputElement).addEventListener("keydown", (event) => {
  if (event.key === "Enter") byId("seed-apply", HTMLButtonElement).click();
});
byId("start-select", HTMLSelectElement).addEventListener("change", (event) => {
  session.reset({ start: /** @type {HTMLSelectElement} */ (event.target).value });
  picture.focus({ preventScroll: true });
});
for (const input of document.querySelectorAll("input[type=radio]")) {
  input.addEventListener("change", () => {
    if (!(input instanceof HTMLInputElement)) return;
    if (input.name === "depth") setDepth(/** @type {"off" | "beside" | "over"} */ (input.value));
    else setUpscale(/** @type {"sharp" | "smooth"} */ (input.value));
    picture.focus({ preventScroll: true });
  });
}

for (const dialog of document.querySelectorAll("dialog")) {
  dialog.addEventListener("close", () => picture.focus({ preventScroll: true }));
}

let pausedByHiding = false;
document.addEventListener("visibilitychange", () => {
  if (document.hidden && !session.paused) {
    pausedByHiding = true;
    setPaused(true);
  } else if (!document.hidden && pausedByHiding) {
    pausedByHiding = false;
    setPaused(false);
  }
});

const narrow = matchMedia("(max-width: 760px), (pointer: coarse) and (max-height: 520px)");
narrow.addEventListener("change", () => setRail(!narrow.matches && settings.rail));
setRail(!narrow.matches && settings.rail);
setUpscale(settings.upscale);
setDepth(settings.depth);

setInterval(() => {
  if (!document.hidden) hud.show(performance.now());
}, HUD_MS);

picture.focus({ preventScroll: true });
play({}, true);

// For tests and for a curious console: what the page knows, read only.
Object.defineProperty(globalThis, "dreamport", {
  value: Object.freeze({
    state: () => ({
      connection: session.state,
      paused: session.paused,
      session: session.opened?.sessionId ?? null,
      resumed: session.opened?.resumed ?? false,
      index: hud.index,
      epoch: hud.epoch,
      view: hud.view,
      chunks: hud.chunks.count,
      late: Number(hud.stats?.late ?? 0n),
      dropped: hud.dropped,
      saves: session.saves.length,
      told: session.told,
      ...hud.numbers(performance.now()),
    }),
    intervals: () => hud.frames.intervals.map(({ at, interval }) => [at, interval]),
    dropConnection: () => session.socket?.drop(),
  }),
});
