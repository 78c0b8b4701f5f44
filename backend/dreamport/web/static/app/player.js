// Frames on their way to the screen: decoded in order, paced, drawn. Nothing runs while nothing comes.

import { Pacer } from "./view/pacer.js";

/** @typedef {import("../vendor/wire.js").Frame} Frame */
/** @typedef {{ frame: Frame, bitmap: ImageBitmap }} Picture */

const LEAST_WAITING = 3;

export class Player {
  /** @param {(picture: Picture) => void} draw called inside an animation frame; the bitmap is its own */
  constructor(draw) {
    this.draw = draw;
    /** @type {Pacer<Picture>} */
    this.pacer = new Pacer(LEAST_WAITING);
    this.order = Promise.resolve();
    this.epoch = 0;
    this.generation = 0;
    this.asked = false;
  }

  /** Frames dropped here because a newer one was due. */
  get dropped() {
    return this.pacer.dropped;
  }

  /**
   * A stream begins; what is still being decoded belongs to another one.
   * @param {number} chunkFrames frames that come at a time
   * @param {number} serverTime server time at which the stream was opened, milliseconds
   */
  begin(chunkFrames, serverTime) {
    this.generation += 1;
    this.epoch = 0;
    this.pacer.capacity = Math.max(LEAST_WAITING, 2 * chunkFrames);
    this.pacer.restart();
    this.pacer.compare(serverTime, performance.now());
  }

  /** @param {Frame} frame */
  take(frame) {
    const arrived = performance.now();
    const generation = this.generation;
    if (frame.epoch > this.epoch) {
      this.epoch = frame.epoch;
      this.pacer.clear();
    }
    const decoding = createImageBitmap(new Blob([/** @type {Uint8Array<ArrayBuffer>} */ (frame.colour)], { type: "image/jpeg" }));
    this.order = this.order.then(async () => {
      const bitmap = await decoding.catch(() => null);
      if (!bitmap || generation !== this.generation || frame.epoch < this.epoch) return;
      const { generatedAtNs = 0n, presentAtNs = 0n } = frame.timing ?? {};
      this.pacer.push({ frame, bitmap }, { generatedAt: Number(generatedAtNs) / 1e6, presentAt: Number(presentAtNs) / 1e6 }, arrived);
      this.#ask();
    });
  }

  /** Draw at the display refresh that follows when the next frame is due. */
  #ask() {
    const due = this.pacer.next;
    if (this.asked || due === null) return;
    this.asked = true;
    const wait = due - performance.now();
    if (wait > 0) setTimeout(() => this.#refreshSoon(), wait);
    else this.#refreshSoon();
  }

  #refreshSoon() {
    requestAnimationFrame(() => {
      this.asked = false;
      const picture = this.pacer.take(performance.now());
      if (picture) this.draw(picture);
      this.#ask();
    });
  }
}
