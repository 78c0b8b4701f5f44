// Shows frames when they are due: a chunk is spread evenly, and a frame that comes late is shown at once.
//
// The server's clock and the page's share no zero. The smallest (arrival - generated) seen is the offset between them at
// the best transport. It is let up slowly, so that clocks that drift, or a path that has become slower, are followed.

const DRIFT_MS_PER_FRAME = 0.05;
// A frame that is due within half a display refresh is shown now rather than at the next one.
const EARLY_MS = 8;

/** @template T */
export class Pacer {
  /** @param {number} capacity most frames that wait; older ones are dropped */
  constructor(capacity) {
    this.capacity = capacity;
    /** @type {{ due: number, frame: T }[]} */
    this.queue = [];
    /** @type {number | null} */
    this.offset = null;
    this.dropped = 0;
  }

  /**
   * @param {T} frame
   * @param {{ generatedAt: number, presentAt: number }} timing server time, milliseconds
   * @param {number} now page time of arrival, milliseconds
   */
  push(frame, timing, now) {
    const lag = now - timing.generatedAt;
    this.offset = this.offset === null ? lag : Math.min(lag, this.offset + DRIFT_MS_PER_FRAME);
    this.queue.push({ due: timing.presentAt + this.offset, frame });
    while (this.queue.length > this.capacity) {
      this.queue.shift();
      this.dropped++;
    }
  }

  /**
   * The newest frame that is due; those before it are dropped.
   * @param {number} now page time, milliseconds
   * @returns {T | null}
   */
  take(now) {
    /** @type {T | null} */
    let newest = null;
    while (this.queue.length > 0 && this.queue[0].due <= now + EARLY_MS) {
      if (newest !== null) this.dropped++;
      newest = /** @type {{ frame: T }} */ (this.queue.shift()).frame;
    }
    return newest;
  }

  /** Forget what waits (a reset or a resume); the clocks are compared afresh. */
  clear() {
    this.queue.length = 0;
    this.offset = null;
  }
}
