// Gathers every input into Controls: what is held goes out the moment it changes, what was turned goes out once for
// each display refresh, and a quiet player is heard from now and then.

/** @typedef {{ buttons: number, pressed: number, lookYawDeg: number, lookPitchDeg: number, at: number }} Sample */

// Slower than a small world's frames and not a multiple of them, so that the latency of idle samples falls anywhere in a frame.
const QUIET_MS = 73;
const LARGEST_TURN_DEG = 360;

export class Controls {
  /**
   * @param {() => { held: number, turn: { yaw: number, pitch: number } }} read what is held now; `turn` in degrees a second
   * @param {(sample: Sample) => void} send
   */
  constructor(read, send) {
    this.read = read;
    this.send = send;
    this.yaw = 0;
    this.pitch = 0;
    this.turnedAt = 0;
    this.sentAt = 0;
    this.refreshedAt = 0;
  }

  /** A button went down or up. @param {number} pressed @param {number} at */
  changed(pressed, at) {
    this.#emit(pressed, at);
  }

  /** The view was turned, by mouse or finger. @param {number} yawDeg @param {number} pitchDeg @param {number} at */
  turned(yawDeg, pitchDeg, at) {
    if (this.yaw === 0 && this.pitch === 0) this.turnedAt = at;
    this.yaw += yawDeg;
    this.pitch += pitchDeg;
  }

  /** Once for each display refresh. @param {number} now */
  refresh(now) {
    const elapsed = Math.min(100, Math.max(0, now - this.refreshedAt)) / 1000;
    this.refreshedAt = now;
    const { turn } = this.read();
    if (turn.yaw !== 0 || turn.pitch !== 0) this.turned(turn.yaw * elapsed, turn.pitch * elapsed, now);
    if (this.yaw !== 0 || this.pitch !== 0) this.#emit(0, this.turnedAt);
    else if (now - this.sentAt > QUIET_MS) this.#emit(0, now);
  }

  /** @param {number} pressed @param {number} at */
  #emit(pressed, at) {
    const { held } = this.read();
    this.send({ buttons: held, pressed, lookYawDeg: bounded(this.yaw), lookPitchDeg: bounded(this.pitch), at });
    this.yaw = 0;
    this.pitch = 0;
    this.sentAt = at;
  }
}

/** @param {number} degrees */
function bounded(degrees) {
  return Math.max(-LARGEST_TURN_DEG, Math.min(LARGEST_TURN_DEG, degrees));
}
