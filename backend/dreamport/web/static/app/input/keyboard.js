// Keys of the world. Typing in a field and the browser's own shortcuts are left alone.

/** @typedef {import("./bindings.js").Bindings} Bindings */

export class Keyboard {
  /** @param {(pressed: number, at: number) => void} changed called with the buttons that went down, and when */
  constructor(changed) {
    this.changed = changed;
    /** @type {Bindings | null} */
    this.bindings = null;
    /** @type {Set<string>} */
    this.down = new Set();
    addEventListener("keydown", (event) => this.#press(event));
    addEventListener("keyup", (event) => this.#release(event.code, event.timeStamp));
    addEventListener("blur", () => this.releaseAll());
  }

  /** Buttons held now. */
  get held() {
    let mask = 0;
    for (const code of this.down) mask |= this.bindings?.bits.get(code) ?? 0;
    return mask;
  }

  /** Degrees a second that the held keys turn. */
  get turn() {
    const total = { yaw: 0, pitch: 0 };
    for (const code of this.down) {
      const turn = this.bindings?.turns.get(code);
      if (turn) {
        total.yaw += turn.yaw;
        total.pitch += turn.pitch;
      }
    }
    return total;
  }

  releaseAll() {
    if (this.down.size === 0) return;
    this.down.clear();
    this.changed(0, performance.now());
  }

  /** @param {KeyboardEvent} event */
  #press(event) {
    if (!this.bindings || event.ctrlKey || event.metaKey || event.altKey || elsewhere(event.target)) return;
    const bits = this.bindings.bits.get(event.code);
    if (bits === undefined && !this.bindings.turns.has(event.code)) return;
    event.preventDefault();
    if (event.repeat || this.down.has(event.code)) return;
    this.down.add(event.code);
    this.changed(bits ?? 0, event.timeStamp);
  }

  /** @param {string} code @param {number} at */
  #release(code, at) {
    if (this.down.delete(code)) this.changed(0, at);
  }
}

/** @param {EventTarget | null} target */
function elsewhere(target) {
  if (document.querySelector("dialog[open]")) return true;
  return target instanceof Element && target.closest("input:not([type=radio]), select, textarea") !== null;
}
