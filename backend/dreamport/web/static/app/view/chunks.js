// Chunks of a world that makes several frames at a time, told apart by when their controls were taken.

/** @typedef {import("../../vendor/wire.js").Frame} Frame */

export class ChunkClock {
  constructor() {
    this.frames = 1;
    /** Chunks seen, and which frame of the last one was drawn, from 1; 0 before the first. */
    this.count = 0;
    this.frame = 0;
    this.latched = 0n;
    this.first = 0n;
  }

  /** Another stream begins. @param {number} frames frames that one causal step makes */
  restart(frames) {
    this.frames = frames;
    this.count = 0;
    this.frame = 0;
    this.latched = 0n;
  }

  /** @param {Frame} frame that was drawn @returns {boolean} whether it is of a chunk: a start and a kept state are not */
  drawn(frame) {
    const { latchedAtNs = 0n, generationMs = 0 } = frame.timing ?? {};
    if (generationMs === 0) return false;
    if (latchedAtNs !== this.latched) {
      this.latched = latchedAtNs;
      this.first = frame.index;
      this.count++;
    }
    this.frame = Number(frame.index - this.first) + 1;
    return true;
  }

  /** @param {bigint} late chunks that were late so far, as the server counts them @returns {string} */
  words(late) {
    if (this.count === 0) return "–";
    const words = `${this.count}, frame ${this.frame} of ${this.frames}`;
    return late > 0n ? `${words}, ${late} late` : words;
  }
}
