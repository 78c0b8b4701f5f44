// Two thumbs: a stick wherever the left one lands, a drag to look under the right one.

/** @typedef {import("./bindings.js").Bindings} Bindings */

const REACH_PX = 46;
const DEAD_ZONE = 0.3;
const DEG_PER_PIXEL = 0.32;
// A direction counts while the stick leans within 67.5 degrees of it, so that diagonals press two buttons.
const LEAN = Math.cos((67.5 * Math.PI) / 180);

export class Touch {
  /**
   * @param {{ stick: HTMLElement, look: HTMLElement }} pads
   * @param {{ changed: (pressed: number, at: number) => void, turn: (yawDeg: number, pitchDeg: number, at: number) => void }} handlers
   */
  constructor(pads, handlers) {
    this.handlers = handlers;
    this.held = 0;
    /** @type {Bindings | null} */
    this.bindings = null;
    this.#stick(pads.stick);
    this.#look(pads.look);
  }

  releaseAll() {
    if (this.held !== 0) this.#hold(0, performance.now());
  }

  /** @param {HTMLElement} pad */
  #stick(pad) {
    const origin = { x: 0, y: 0 };
    drag(pad, {
      start: (event) => {
        const box = pad.getBoundingClientRect();
        origin.x = event.clientX;
        origin.y = event.clientY;
        pad.style.setProperty("--bx", `${event.clientX - box.left}px`);
        pad.style.setProperty("--by", `${event.clientY - box.top}px`);
      },
      move: (event) => {
        const x = (event.clientX - origin.x) / REACH_PX;
        const y = (event.clientY - origin.y) / REACH_PX;
        const length = Math.hypot(x, y);
        const scale = (length > 1 ? 1 / length : 1) * REACH_PX;
        pad.style.setProperty("--kx", `${x * scale}px`);
        pad.style.setProperty("--ky", `${y * scale}px`);
        this.#hold(this.#lean(x, y, length), event.timeStamp);
      },
      end: (event) => {
        for (const name of ["--bx", "--by", "--kx", "--ky"]) pad.style.removeProperty(name);
        this.#hold(0, event.timeStamp);
      },
    });
  }

  /** @param {number} x @param {number} y @param {number} length */
  #lean(x, y, length) {
    const stick = this.bindings?.stick;
    if (!stick || length < DEAD_ZONE) return 0;
    const far = LEAN * length;
    return (y < -far ? stick.up : 0) | (y > far ? stick.down : 0) | (x < -far ? stick.left : 0) | (x > far ? stick.right : 0);
  }

  /** @param {HTMLElement} pad */
  #look(pad) {
    const last = { x: 0, y: 0 };
    const keep = (/** @type {PointerEvent} */ event) => {
      last.x = event.clientX;
      last.y = event.clientY;
    };
    drag(pad, {
      start: keep,
      move: (event) => {
        this.handlers.turn((event.clientX - last.x) * DEG_PER_PIXEL, (event.clientY - last.y) * DEG_PER_PIXEL, event.timeStamp);
        keep(event);
      },
      end: () => {},
    });
  }

  /** @param {number} held @param {number} at */
  #hold(held, at) {
    if (held === this.held) return;
    const pressed = held & ~this.held;
    this.held = held;
    this.handlers.changed(pressed, at);
  }
}

/**
 * Follow one pointer at a time on an element.
 * @param {HTMLElement} element
 * @param {{ start: (event: PointerEvent) => void, move: (event: PointerEvent) => void, end: (event: PointerEvent) => void }} on
 */
function drag(element, on) {
  /** @type {number | null} */
  let pointer = null;
  const finish = (/** @type {PointerEvent} */ event) => {
    if (event.pointerId !== pointer) return;
    pointer = null;
    element.classList.remove("active");
    on.end(event);
  };
  element.addEventListener("pointerdown", (event) => {
    if (pointer !== null) return;
    event.preventDefault();
    pointer = event.pointerId;
    element.setPointerCapture(pointer);
    element.classList.add("active");
    on.start(event);
  });
  element.addEventListener("pointermove", (event) => {
    if (event.pointerId === pointer) on.move(event);
  });
  element.addEventListener("pointerup", finish);
  element.addEventListener("pointercancel", finish);
}
