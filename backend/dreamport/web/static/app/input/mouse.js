// Looking with the mouse, while the pointer is locked to the picture.

const DEG_PER_PIXEL = 0.11;

export class Mouse {
  /**
   * @param {HTMLElement} surface
   * @param {{ turn: (yawDeg: number, pitchDeg: number, at: number) => void, locked: (locked: boolean) => void }} handlers
   */
  constructor(surface, handlers) {
    this.surface = surface;
    document.addEventListener("pointerlockchange", () => handlers.locked(this.locked));
    document.addEventListener("mousemove", (event) => {
      if (this.locked) handlers.turn(event.movementX * DEG_PER_PIXEL, event.movementY * DEG_PER_PIXEL, event.timeStamp);
    });
  }

  get locked() {
    return document.pointerLockElement === this.surface;
  }

  /** Take the pointer. Needs a click; where the browser refuses, the keys still work. */
  async lock() {
    if (this.locked || !this.surface.requestPointerLock) return;
    try {
      await this.surface.requestPointerLock({ unadjustedMovement: true });
    } catch {
      try {
        await this.surface.requestPointerLock();
      } catch {
        // A second lock within a second of Escape is refused; the next click works.
      }
    }
  }

  unlock() {
    if (this.locked) document.exitPointerLock();
  }
}
