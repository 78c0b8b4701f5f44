// The numbers beside the picture.

import { ChunkClock } from "./chunks.js";
import { byId } from "./element.js";
import { TrailMap } from "./map.js";
import { ControlClock, FrameClock, Percentiles } from "./meter.js";
import { IntervalPlot } from "./plot.js";
import { viewOf } from "./pose.js";

/** @typedef {import("../../vendor/wire.js").Frame} Frame */
/** @typedef {import("../../vendor/wire.js").Executor} Executor */
/** @typedef {import("../../vendor/wire.js").Stats} Stats */

const PLOT_SPAN_MS = 12_000;
const LATENCY_SPAN_MS = 10_000;

export class Hud {
  constructor() {
    this.frames = new FrameClock(PLOT_SPAN_MS);
    this.latency = new Percentiles(LATENCY_SPAN_MS);
    this.controls = new ControlClock();
    this.chunks = new ChunkClock();
    this.map = new TrailMap(byId("map", HTMLCanvasElement));
    this.plot = new IntervalPlot(byId("interval-plot", HTMLElement), PLOT_SPAN_MS);
    /** @type {Stats | null} */
    this.stats = null;
    /** @type {import("./pose.js").View | null} */
    this.view = null;
    this.index = 0;
    this.epoch = -1;
    this.pageDropped = 0;
  }

  /** @param {import("../../vendor/wire.js").Opened} opened @param {boolean} fresh */
  opened(opened, fresh) {
    if (fresh) {
      this.map.clear();
      this.stats = null;
      this.epoch = -1;
      this.latency.clear();
    }
    this.controls.clear();
    this.frames.break();
    this.plot.expected = Number(opened.cadence?.frameIntervalNs ?? 50_000_000n) / 1e6;
    this.chunks.restart(opened.cadence?.chunkFrames ?? 1);
    byId("hud-chunk-row", HTMLElement).hidden = this.chunks.frames === 1;
    put("hud-session", opened.sessionId.slice(0, 12));
    this.executor(opened.executor);
  }

  /** @param {Executor | undefined} executor */
  executor(executor) {
    if (!executor) return;
    bound("executor", executor.name);
    bound("executor-full", [executor.name, executor.device, executor.precision].filter(Boolean).join(", "));
    const note = byId("hud-fallback", HTMLElement);
    note.hidden = executor.fallbackReason === "";
    note.textContent = `Not the preferred executor: ${executor.fallbackReason}`;
  }

  /** @param {Frame} frame @param {number} now page time at which it was drawn, milliseconds */
  drawn(frame, now) {
    if (frame.epoch !== this.epoch) {
      this.map.breakTrail();
      this.frames.break();
      this.epoch = frame.epoch;
    }
    this.frames.tick(now);
    // Until the first chunk is made, the picture that it begins from stands still.
    if (!this.chunks.drawn(frame) && this.chunks.frames > 1) this.frames.break();
    for (const milliseconds of this.controls.drawn(frame.control?.sequence ?? 0n, now)) this.latency.add(now, milliseconds);
    this.index = Number(frame.index);
    this.view = viewOf(frame.pose);
    const { fx = 160, cx = 160 } = frame.intrinsics ?? {};
    if (this.view) this.map.move(this.view, (Math.atan2(cx, fx) * 180) / Math.PI);
  }

  /** No frames are expected for now. */
  pause() {
    this.frames.break();
    this.controls.clear();
  }

  /** @param {Stats} stats */
  heard(stats) {
    this.stats = stats;
    this.executor(stats.executor);
  }

  get dropped() {
    return Number(this.stats?.dropped ?? 0n) + this.pageDropped;
  }

  /** @param {number} now */
  numbers(now) {
    return { fps: this.frames.fps(now), p50: this.latency.get(now, 0.5), p95: this.latency.get(now, 0.95) };
  }

  /** Write everything down; a few times a second is enough to read. @param {number} now */
  show(now) {
    const { fps, p50, p95 } = this.numbers(now);
    bound("fps", fps === null ? "–" : fps.toFixed(1));
    bound("latency-p50", p50 === null ? "–" : p50.toFixed(0));
    bound("latency-p95", p95 === null ? "–" : p95.toFixed(0));
    put("hud-dropped", String(this.dropped));
    if (this.stats && this.stats.generationMsP50 > 0) {
      put("hud-generation", `${this.stats.generationMsP50.toFixed(0)} ms, p95 ${this.stats.generationMsP95.toFixed(0)} ms`);
    }
    put("hud-chunk", this.chunks.words(this.stats?.late ?? 0n));
    put("hud-frame", this.index.toLocaleString("en"));
    if (this.view) {
      put("hud-x", this.view.x.toFixed(2));
      put("hud-y", this.view.y.toFixed(2));
      put("hud-z", this.view.z.toFixed(2));
      put("hud-yaw", `${this.view.yaw.toFixed(0)}°`);
    }
    this.plot.draw(this.frames.intervals, now);
    this.map.draw();
  }
}

/** @param {string} id @param {string} text */
function put(id, text) {
  const target = document.getElementById(id);
  if (target && target.textContent !== text) target.textContent = text;
}

/** @param {string} name @param {string} text */
function bound(name, text) {
  for (const target of document.querySelectorAll(`[data-bind="${name}"]`)) {
    if (target.textContent !== text) target.textContent = text;
  }
}
