// Numbers of the HUD, from times in milliseconds.

/** Percentiles over the samples of the last `span` milliseconds. */
export class Percentiles {
  /** @param {number} span milliseconds */
  constructor(span) {
    this.span = span;
    /** @type {{ at: number, value: number }[]} */
    this.samples = [];
  }

  /** @param {number} at @param {number} value */
  add(at, value) {
    this.samples.push({ at, value });
    this.#forget(at);
  }

  /**
   * @param {number} now
   * @param {number} share 0 to 1
   * @returns {number | null} null without samples
   */
  get(now, share) {
    this.#forget(now);
    if (this.samples.length === 0) return null;
    const sorted = this.samples.map((sample) => sample.value).sort((a, b) => a - b);
    return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)];
  }

  clear() {
    this.samples.length = 0;
  }

  /** @param {number} now */
  #forget(now) {
    let stale = 0;
    while (stale < this.samples.length && this.samples[stale].at < now - this.span) stale++;
    if (stale > 0) this.samples.splice(0, stale);
  }
}

/** Time between drawn frames, and how many a second. A break (pause, resume, reset) is no interval. */
export class FrameClock {
  /** @param {number} span milliseconds kept for the plot */
  constructor(span) {
    this.span = span;
    /** @type {{ at: number, interval: number }[]} */
    this.intervals = [];
    /** @type {number | null} */
    this.last = null;
  }

  /** @param {number} at milliseconds at which a frame was drawn */
  tick(at) {
    if (this.last !== null) this.intervals.push({ at, interval: at - this.last });
    this.last = at;
    while (this.intervals.length > 0 && this.intervals[0].at < at - this.span) this.intervals.shift();
  }

  break() {
    this.last = null;
  }

  /**
   * Frames a second over the last two seconds; of the last two frames where they are further apart.
   * @param {number} now
   * @returns {number | null} null without frames, and after a break
   */
  fps(now) {
    const newest = this.intervals.at(-1);
    if (!newest || this.last === null) return null;
    const recent = this.intervals.filter(({ at }) => at > now - 2000);
    if (recent.length === 0) return 1000 / Math.max(newest.interval, now - this.last);
    const total = recent.reduce((sum, { interval }) => sum + interval, 0);
    return (1000 * recent.length) / total;
  }
}

/**
 * Remembers when each control was sent, to tell how long each took to reach the screen.
 * A control counts once: at the first frame whose applied sequence is not below its own.
 */
export class ControlClock {
  constructor() {
    /** @type {{ sequence: bigint, at: number }[]} */
    this.waiting = [];
  }

  /** @param {bigint} sequence @param {number} at client time, milliseconds */
  sent(sequence, at) {
    this.waiting.push({ sequence, at });
    if (this.waiting.length > 512) this.waiting.shift();
  }

  /**
   * @param {bigint} applied sequence that the drawn frame echoes
   * @param {number} now milliseconds
   * @returns {number[]} milliseconds from each newly applied control to now
   */
  drawn(applied, now) {
    const latencies = [];
    while (this.waiting.length > 0 && this.waiting[0].sequence <= applied) {
      const first = this.waiting.shift();
      if (first) latencies.push(now - first.at);
    }
    return latencies;
  }

  clear() {
    this.waiting.length = 0;
  }
}
