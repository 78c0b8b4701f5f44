// Shows frames when they are due: a chunk is spread evenly, and a frame that comes late is shown at once.
//
// The server's clock and the page's share no zero. The smallest (arrival - sent) seen is the offset between them at the
// best transport: first that of Opened, then of every frame. A path that becomes slower needs no correction, since a frame
// that arrives after it was due is shown at once.

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
    const offset = this.compare(timing.generatedAt, now);
    this.queue.push({ due: timing.presentAt + offset, frame });
    while (this.queue.length > this.capacity) {
      this.queue.shift();
      this.dropped++;
    }
  }

  /**
   * The clocks, by something the server sent at `sent` that came at `now`.
   * @param {number} sent server time, milliseconds
   * @param {number} now page time, milliseconds
   * @returns {number} the offset from server time to page time
   */
  compare(sent, now) {
    this.offset = this.offset === null ? now - sent : Math.min(now - sent, this.offset);
    return this.offset;
  }

  /** Page time, milliseconds, from which on the next frame may be shown; null when none waits. */
  get next() {
    return this.queue.length > 0 ? this.queue[0].due - EARLY_MS : null;
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

  /** Forget what waits (after a reset). */
  clear() {
    this.queue.length = 0;
  }

  /** Forget the clocks too (another connection, maybe another server). */
  restart() {
    this.clear();
    this.offset = null;
  }
}
