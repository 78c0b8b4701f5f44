// The picture and its depth, laid out to use the room there is.

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
    /** @type {ImageBitmap | null} */
    this.bitmap = null;
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
    this.bitmap?.close();
    this.bitmap = this.lastDepth = null;
    this.depthImage = new ImageData(width, height);
    [this.parts.depth.width, this.parts.depth.height] = [width, height];
    this.layout();
  }

  /** @param {number} near @param {number} far metres */
  setDepthRange(near, far) {
    this.colours = depthColours(near, far);
  }

  /** @param {Upscale} upscale */
  setUpscale(upscale) {
    this.upscale = upscale;
    this.parts.screens.dataset.upscale = upscale;
    this.#paint();
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
   * @param {ImageBitmap} bitmap the screen's own from now on
   * @param {Uint8Array} depth inverse depth as it came; empty without depth
   */
  draw(bitmap, depth) {
    this.bitmap?.close();
    this.bitmap = bitmap;
    this.lastDepth = depth;
    this.#paint();
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
  }

  /**
   * Sharp: the frame as it is, which the style sheet enlarges without smoothing. Smooth: doubled by the browser's best
   * interpolation, which the style sheet enlarges linearly; that costs a quarter of interpolating at full size.
   */
  #paint() {
    if (!this.bitmap) return;
    const { picture } = this.parts;
    const scale = this.upscale === "sharp" ? 1 : 2;
    const [width, height] = [this.frame.width * scale, this.frame.height * scale];
    if (picture.width !== width || picture.height !== height) [picture.width, picture.height] = [width, height];
    const to = context(picture);
    to.imageSmoothingQuality = "high";
    to.drawImage(this.bitmap, 0, 0, width, height);
  }

  #paintDepth() {
    if (this.depthView === "off" || !this.lastDepth?.length || !this.depthImage) return;
    paintDepth(this.lastDepth, this.colours, this.depthImage);
    context(this.parts.depth).putImageData(this.depthImage, 0, 0);
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
