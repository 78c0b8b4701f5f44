// Gathers every input into Controls: what is held goes out the moment it changes, what was turned goes out added up and at
// most once for each display refresh, a held turning key turns once for each frame (so that every frame turns alike), and a
// quiet player is heard from now and then. Nothing else runs.

/** @typedef {{ buttons: number, pressed: number, lookYawDeg: number, lookPitchDeg: number, at: number }} Sample */
/** @typedef {{ now: () => number, every: (ms: number, act: () => void) => () => void, after: (ms: number, act: () => void) => void }} Clock */

// Slower than a small world's frames and not a multiple of them, so that the latency of idle samples falls anywhere in a frame.
const QUIET_MS = 73;
const TURN_MS = 15;
// A turning key begins with this much at once, and turns by itself where no frame comes for so long.
const FIRST_TURN_MS = 30;
const LONGEST_TURN_MS = 120;
const LARGEST_TURN_DEG = 360;

/** @type {Clock} */
export const pageClock = {
  now: () => performance.now(),
  every: (ms, act) => {
    const timer = setInterval(act, ms);
    return () => clearInterval(timer);
  },
  after: (ms, act) => void setTimeout(act, ms),
};

export class Controls {
  /**
   * @param {() => { held: number, turn: { yaw: number, pitch: number } }} read what is held now; `turn` in degrees a second
   * @param {(sample: Sample) => void} send
   * @param {Clock} clock
   */
  constructor(read, send, clock = pageClock) {
    this.read = read;
    this.send = send;
    this.clock = clock;
    this.yaw = 0;
    this.pitch = 0;
    this.turnedAt = 0;
    this.sentAt = -Infinity;
    this.waiting = false;
    this.steppedAt = 0;
    this.turning = false;
    clock.every(QUIET_MS, () => {
      const now = clock.now();
      if (this.turning && now - this.steppedAt >= LONGEST_TURN_MS) this.frame(now);
      else if (now - this.sentAt >= QUIET_MS) this.#emit(0, now);
    });
  }

  /** A key or a button went down or up. @param {number} pressed @param {number} at */
  changed(pressed, at) {
    const { turn } = this.read();
    const now = this.clock.now();
    const was = this.turning;
    this.turning = turn.yaw !== 0 || turn.pitch !== 0;
    if (this.turning && !was) {
      this.#turn(FIRST_TURN_MS);
      this.steppedAt = now + FIRST_TURN_MS;
    }
    this.#emit(pressed, at);
  }

  /** A frame was drawn. @param {number} now */
  frame(now) {
    if (!this.turning || now <= this.steppedAt) return;
    this.#turn(Math.min(LONGEST_TURN_MS, now - this.steppedAt));
    this.steppedAt = now;
    this.#emit(0, now);
  }

  /** The view was turned, by mouse or finger. @param {number} yawDeg @param {number} pitchDeg @param {number} at */
  turned(yawDeg, pitchDeg, at) {
    if (this.yaw === 0 && this.pitch === 0) this.turnedAt = at;
    this.yaw += yawDeg;
    this.pitch += pitchDeg;
    if (this.waiting) return;
    this.waiting = true;
    this.clock.after(Math.max(0, this.sentAt + TURN_MS - this.clock.now()), () => {
      this.waiting = false;
      if (this.yaw !== 0 || this.pitch !== 0) this.#emit(0, this.turnedAt);
    });
  }

  /** @param {number} ms for which the held keys turn */
  #turn(ms) {
    const { turn } = this.read();
    this.yaw += (turn.yaw * ms) / 1000;
    this.pitch += (turn.pitch * ms) / 1000;
  }

  /** @param {number} pressed @param {number} at */
  #emit(pressed, at) {
    const { held } = this.read();
    this.send({ buttons: held, pressed, lookYawDeg: bounded(this.yaw), lookPitchDeg: bounded(this.pitch), at });
    this.yaw = 0;
    this.pitch = 0;
    this.sentAt = this.clock.now();
  }
}

/** @param {number} degrees */
function bounded(degrees) {
  return Math.max(-LARGEST_TURN_DEG, Math.min(LARGEST_TURN_DEG, degrees));
}
