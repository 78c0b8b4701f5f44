// The picture and its depth: drawn at the size they are shown at, laid out to use the room there is.

import { depthColours, paintDepth } from "./depth.js";

/** @typedef {"sharp" | "smooth"} Upscale */
/** @typedef {"off" | "beside" | "over"} DepthView */

const GAP = 12;

export class Screen {
  /** @param {{ stage: HTMLElement, screens: HTMLElement, picture: HTMLCanvasElement, depth: HTMLCanvasElement, depthFigure: HTMLElement }} parts */
  constructor(parts) {
    this.parts = parts;
    this.frame = { width: 320, height: 192 };
    /** @type {Upscale} */
    this.upscale = "sharp";
    /** @type {DepthView} */
    this.depthView = "off";
    this.source = document.createElement("canvas");
    this.depthSource = document.createElement("canvas");
    /** @type {ImageData | null} */
    this.depthImage = null;
    this.colours = depthColours(1, 100);
    /** @type {Uint8Array | null} */
    this.lastDepth = null;
    new ResizeObserver(() => this.layout()).observe(parts.stage);
  }

  /** @param {number} width @param {number} height pixels of a frame */
  resize(width, height) {
    this.frame = { width, height };
    for (const canvas of [this.source, this.depthSource]) {
      canvas.width = width;
      canvas.height = height;
    }
    this.depthImage = new ImageData(width, height);
    this.lastDepth = null;
    this.layout();
  }

  /** @param {number} near @param {number} far metres */
  setDepthRange(near, far) {
    this.colours = depthColours(near, far);
  }

  /** @param {Upscale} upscale */
  setUpscale(upscale) {
    this.upscale = upscale;
    this.layout();
  }

  /** @param {DepthView} view */
  setDepthView(view) {
    this.depthView = view;
    this.parts.depthFigure.hidden = view === "off";
    this.parts.screens.dataset.depth = view;
    this.layout();
    this.#paintDepth();
  }

  /**
   * @param {ImageBitmap} bitmap
   * @param {Uint8Array} depth inverse depth as it came; empty without depth
   */
  draw(bitmap, depth) {
    context(this.source).drawImage(bitmap, 0, 0);
    this.lastDepth = depth;
    this.#scale(this.source, this.parts.picture);
    this.#paintDepth();
  }

  /** Give each screen the largest size at which all of them fit the stage. */
  layout() {
    const { stage, screens } = this.parts;
    const style = getComputedStyle(stage);
    const room = {
      width: stage.clientWidth - 2 * number(style.getPropertyValue("--pad-x")),
      height: stage.clientHeight - number(style.getPropertyValue("--pad-top")) - number(style.getPropertyValue("--pad-bottom")),
    };
    const { width, height } = this.frame;
    const two = this.depthView === "beside";
    const row = Math.min((room.width - (two ? GAP : 0)) / (two ? 2 : 1) / width, room.height / height);
    const column = two ? Math.min(room.width / width, (room.height - GAP) / 2 / height) : 0;
    const flow = column > row ? "column" : "row";
    const scale = Math.max(0.1, row, column);
    const [w, h] = [Math.floor(width * scale), Math.floor(height * scale)];
    const total = {
      width: two && flow === "row" ? 2 * w + GAP : w,
      height: two && flow === "column" ? 2 * h + GAP : h,
    };
    const top = style.getPropertyValue("--dock").trim() === "top" ? 0 : Math.floor((room.height - total.height) / 2);
    screens.dataset.flow = flow;
    const sizes = {
      "--w": w, "--h": h, "--left": Math.floor((stage.clientWidth - total.width) / 2), "--top": number(style.getPropertyValue("--pad-top")) + top,
    };
    for (const [name, value] of Object.entries(sizes)) screens.style.setProperty(name, `${value}px`);
    stage.style.setProperty("--below", `${total.height}px`);
    this.#scale(this.source, this.parts.picture);
    if (this.depthView !== "off") this.#scale(this.depthSource, this.parts.depth);
  }

  #paintDepth() {
    if (this.depthView === "off" || !this.lastDepth?.length || !this.depthImage) return;
    paintDepth(this.lastDepth, this.colours, this.depthImage);
    context(this.depthSource).putImageData(this.depthImage, 0, 0);
    this.#scale(this.depthSource, this.parts.depth);
  }

  /**
   * Sharp: whole-number enlargement without smoothing, which the browser then fits to the size shown, so that every pixel
   * is equally large. Smooth: the browser's best interpolation at the size shown.
   * @param {HTMLCanvasElement} source @param {HTMLCanvasElement} target
   */
  #scale(source, target) {
    const shown = number(this.parts.screens.style.getPropertyValue("--w")) * devicePixelRatio;
    const exact = Math.max(1, shown / this.frame.width);
    const scale = this.upscale === "sharp" ? Math.ceil(exact - 0.01) : exact;
    const width = Math.round(this.frame.width * scale);
    const height = Math.round(this.frame.height * scale);
    if (target.width !== width || target.height !== height) {
      target.width = width;
      target.height = height;
    }
    const to = context(target);
    to.imageSmoothingEnabled = this.upscale === "smooth";
    to.imageSmoothingQuality = "high";
    to.drawImage(source, 0, 0, width, height);
  }
}

/** @param {HTMLCanvasElement} canvas */
function context(canvas) {
  const context2d = canvas.getContext("2d", { alpha: false });
  if (!context2d) throw new Error("This browser cannot draw on a canvas.");
  return context2d;
}

/** @param {string} text a length in pixels */
function number(text) {
  return Number.parseFloat(text) || 0;
}
