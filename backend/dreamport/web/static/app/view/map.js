// The path walked, seen from above, with the camera's field of view.

/** @typedef {import("./pose.js").View} View */

const TRAIL = 4000;
const STEP_M = 0.08;
const LEAST_SPAN_M = 12;
const MARGIN_M = 5;
const ACCENT = "#8fdcc6";

export class TrailMap {
  /** @param {HTMLCanvasElement} canvas */
  constructor(canvas) {
    this.canvas = canvas;
    /** @type {{ x: number, z: number, jump: boolean }[]} */
    this.trail = [];
    /** @type {View | null} */
    this.view = null;
    this.halfFov = 45;
    this.jump = true;
    /** @type {{ x: number, z: number, span: number } | null} */
    this.window = null;
    new ResizeObserver(() => this.draw()).observe(canvas);
  }

  /** The next pose is not joined to the last (a reset, or a return to a saved state). */
  breakTrail() {
    this.jump = true;
  }

  clear() {
    this.trail = [];
    this.window = null;
    this.jump = true;
  }

  /** @param {View} view @param {number} halfFov degrees */
  move(view, halfFov) {
    this.view = view;
    this.halfFov = halfFov;
    const last = this.trail.at(-1);
    if (!this.jump && last && Math.hypot(view.x - last.x, view.z - last.z) < STEP_M) return;
    this.trail.push({ x: view.x, z: view.z, jump: this.jump });
    this.jump = false;
    if (this.trail.length > TRAIL) this.trail.splice(0, TRAIL / 4);
  }

  draw() {
    const { canvas, view } = this;
    const ratio = devicePixelRatio;
    const [width, height] = [Math.round(canvas.clientWidth * ratio), Math.round(canvas.clientHeight * ratio)];
    if (width === 0 || height === 0) return;
    if (canvas.width !== width || canvas.height !== height) [canvas.width, canvas.height] = [width, height];
    const to = canvas.getContext("2d");
    if (!to) return;
    to.clearRect(0, 0, width, height);
    if (!view) return;

    const window = this.#frame(width / height);
    const scale = height / window.span;
    const px = (/** @type {number} */ x) => width / 2 + (x - window.x) * scale;
    const py = (/** @type {number} */ z) => height / 2 - (z - window.z) * scale;
    this.#grid(to, window, width, height, scale);
    this.#path(to, px, py, ratio);
    this.#camera(to, px(view.x), py(view.z), ratio, view.yaw);
  }

  /** The part of the level that is shown: follows the trail, slowly. @param {number} aspect */
  #frame(aspect) {
    const xs = this.trail.map(({ x }) => x);
    const zs = this.trail.map(({ z }) => z);
    const [x0, x1, z0, z1] = [Math.min(...xs), Math.max(...xs), Math.min(...zs), Math.max(...zs)];
    const span = Math.max(LEAST_SPAN_M, (z1 - z0) * 1.2 + MARGIN_M, ((x1 - x0) * 1.2 + MARGIN_M) / aspect);
    const target = { x: (x0 + x1) / 2, z: (z0 + z1) / 2, span };
    const now = this.window ?? target;
    const ease = (/** @type {number} */ from, /** @type {number} */ to) => from + (to - from) * 0.15;
    this.window = { x: ease(now.x, target.x), z: ease(now.z, target.z), span: ease(now.span, target.span) };
    return this.window;
  }

  /**
   * @param {CanvasRenderingContext2D} to @param {{ x: number, z: number, span: number }} window
   * @param {number} width @param {number} height @param {number} scale pixels a metre
   */
  #grid(to, window, width, height, scale) {
    const step = window.span > 40 ? 10 : window.span > 16 ? 5 : 2;
    to.strokeStyle = "rgb(255 255 255 / 0.06)";
    to.lineWidth = 1;
    to.beginPath();
    const [halfX, halfZ] = [width / scale / 2, window.span / 2];
    for (let x = Math.ceil((window.x - halfX) / step) * step; x < window.x + halfX; x += step) {
      const at = Math.round(width / 2 + (x - window.x) * scale) + 0.5;
      to.moveTo(at, 0);
      to.lineTo(at, height);
    }
    for (let z = Math.ceil((window.z - halfZ) / step) * step; z < window.z + halfZ; z += step) {
      const at = Math.round(height / 2 - (z - window.z) * scale) + 0.5;
      to.moveTo(0, at);
      to.lineTo(width, at);
    }
    to.stroke();
    const ratio = devicePixelRatio;
    const bar = { x: 10 * ratio, y: height - 10 * ratio };
    to.strokeStyle = to.fillStyle = "#7c8694";
    to.beginPath();
    to.moveTo(bar.x, bar.y);
    to.lineTo(bar.x + step * scale, bar.y);
    to.stroke();
    to.font = `${11 * ratio}px system-ui, sans-serif`;
    to.fillText(`${step} m`, bar.x, bar.y - 5 * ratio);
  }

  /**
   * @param {CanvasRenderingContext2D} to @param {(x: number) => number} px @param {(z: number) => number} py @param {number} ratio
   */
  #path(to, px, py, ratio) {
    to.lineWidth = 1.6 * ratio;
    to.lineJoin = to.lineCap = "round";
    to.strokeStyle = "rgb(143 220 198 / 0.55)";
    to.beginPath();
    for (const point of this.trail) {
      if (point.jump) to.moveTo(px(point.x), py(point.z));
      else to.lineTo(px(point.x), py(point.z));
    }
    if (this.view) to.lineTo(px(this.view.x), py(this.view.z));
    to.stroke();
    const first = this.trail.find(({ jump }) => jump);
    if (first) {
      to.beginPath();
      to.arc(px(first.x), py(first.z), 2.4 * ratio, 0, 2 * Math.PI);
      to.fillStyle = "#a3acb8";
      to.fill();
    }
  }

  /** @param {CanvasRenderingContext2D} to @param {number} x @param {number} y @param {number} ratio @param {number} yaw degrees */
  #camera(to, x, y, ratio, yaw) {
    const [left, right] = [-this.halfFov, this.halfFov].map((side) => ((yaw + side) * Math.PI) / 180 - Math.PI / 2);
    const reach = 46 * ratio;
    const glow = to.createRadialGradient(x, y, 0, x, y, reach);
    glow.addColorStop(0, "rgb(143 220 198 / 0.42)");
    glow.addColorStop(1, "rgb(143 220 198 / 0)");
    to.fillStyle = glow;
    to.beginPath();
    to.moveTo(x, y);
    to.arc(x, y, reach, left, right);
    to.fill();
    to.fillStyle = ACCENT;
    to.beginPath();
    to.arc(x, y, 4 * ratio, 0, 2 * Math.PI);
    to.fill();
  }
}
