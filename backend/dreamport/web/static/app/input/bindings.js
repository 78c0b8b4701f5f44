// What each key and the touch stick mean in this world, from its control schema.

/** @typedef {import("../../vendor/wire.js").ControlSchema} ControlSchema */

/** Degrees a second that an arrow key turns, where the world has no button of its own for it. */
const KEY_TURN_DEG_PER_S = 130;

/** Keys that stand for a direction on the stick. */
const STICK_KEYS = { up: ["KeyW", "ArrowUp"], down: ["KeyS", "ArrowDown"], left: ["KeyA"], right: ["KeyD"] };

/**
 * @typedef {{
 *   bits: Map<string, number>,
 *   turns: Map<string, { yaw: number, pitch: number }>,
 *   stick: { up: number, down: number, left: number, right: number },
 *   legend: { keys: string[], label: string, codes: string[] }[],
 * }} Bindings
 * `bits`: KeyboardEvent.code to button mask. `turns`: code to degrees a second. `stick`: masks.
 * `legend`: what to show a player.
 */

/**
 * @param {ControlSchema} schema
 * @returns {Bindings}
 */
export function bind(schema) {
  /** @type {Map<string, number>} */
  const bits = new Map();
  schema.buttons.forEach((button, index) => {
    for (const code of button.keys) bits.set(code, (bits.get(code) ?? 0) | (1 << index));
  });
  const turns = keyTurns(schema, bits);
  const mask = (/** @type {string[]} */ codes) => bits.get(codes.find((code) => bits.has(code)) ?? "") ?? 0;
  const stick = { up: mask(STICK_KEYS.up), down: mask(STICK_KEYS.down), left: mask(STICK_KEYS.left), right: mask(STICK_KEYS.right) };
  return { bits, turns, stick, legend: legend(schema, turns) };
}

/** @param {ControlSchema} schema @param {Map<string, number>} bits */
function keyTurns(schema, bits) {
  const turns = new Map();
  const add = (/** @type {string} */ code, /** @type {number} */ yaw, /** @type {number} */ pitch) => {
    if (!bits.has(code)) turns.set(code, { yaw, pitch });
  };
  if (schema.look?.yaw) {
    add("ArrowLeft", -KEY_TURN_DEG_PER_S, 0);
    add("ArrowRight", KEY_TURN_DEG_PER_S, 0);
  }
  if (schema.look?.pitch) {
    add("ArrowUp", 0, -KEY_TURN_DEG_PER_S / 2);
    add("ArrowDown", 0, KEY_TURN_DEG_PER_S / 2);
  }
  return turns;
}

/** @param {ControlSchema} schema @param {Map<string, { yaw: number, pitch: number }>} turns */
function legend(schema, turns) {
  const entries = schema.buttons
    .filter((button) => button.keys.length > 0)
    .map((button) => ({ keys: button.keys.map(keyName), codes: [...button.keys], label: button.label || button.name }));
  const add = (/** @type {string} */ code, /** @type {string} */ label) => {
    if (turns.has(code)) entries.push({ keys: [keyName(code)], codes: [code], label });
  };
  add("ArrowLeft", "Turn left");
  add("ArrowRight", "Turn right");
  add("ArrowUp", "Look up");
  add("ArrowDown", "Look down");
  return entries;
}

const NAMES = /** @type {Record<string, string>} */ ({
  ArrowUp: "↑", ArrowDown: "↓", ArrowLeft: "←", ArrowRight: "→", ShiftLeft: "Shift", ShiftRight: "Right Shift",
  ControlLeft: "Ctrl", ControlRight: "Right Ctrl", AltLeft: "Alt",
});

/**
 * How a KeyboardEvent.code reads on a key.
 * @param {string} code
 */
export function keyName(code) {
  return NAMES[code] ?? code.replace(/^(Key|Digit|Numpad)/, "");
}
