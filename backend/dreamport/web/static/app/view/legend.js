// Which key does what, lit while it is held.

import { byId, element } from "./element.js";

/** @typedef {import("../input/bindings.js").Bindings} Bindings */

const SHORTCUTS = [
  ["P", "Pause"], ["R", "Restart"], ["V", "Depth: off, beside, over"], ["F", "Full screen"], ["I", "Panel"], ["H", "This list"],
];

export class Legend {
  constructor() {
    /** @type {Bindings | null} */
    this.bindings = null;
    this.look = false;
    /** @type {{ element: HTMLElement, codes: string[] }[]} */
    this.entries = [];
  }

  /** @param {Bindings} bindings @param {boolean} look whether the mouse turns the view */
  bind(bindings, look) {
    this.bindings = bindings;
    this.look = look;
    this.entries = bindings.legend.map(({ keys, label, codes }) => ({ codes, element: element("span", {}, ...keys.map(key), label) }));
    byId("keys", HTMLElement).replaceChildren(...this.entries.map((entry) => entry.element), look ? element("span", {}, key("Mouse"), "Look") : "");
  }

  /** @param {Set<string>} down codes of the keys held @param {number} buttons held by key or finger */
  show(down, buttons) {
    for (const { element: entry, codes } of this.entries) {
      const on = codes.some((code) => down.has(code) || (buttons & (this.bindings?.bits.get(code) ?? 0)) !== 0);
      entry.classList.toggle("on", on);
    }
  }

  /** The whole list, for the dialog. */
  help() {
    const rows = [
      ...(this.bindings?.legend ?? []),
      ...(this.look ? [{ keys: ["Mouse"], label: "Look; click the picture to take the mouse, Esc to give it back" }] : []),
      ...SHORTCUTS.map(([name, label]) => ({ keys: [name], label })),
    ];
    return element("dl", { class: "help-keys" }, ...rows.flatMap(({ keys, label }) => [element("dt", {}, ...keys.map(key)), element("dd", {}, label)]));
  }
}

/** @param {string} name */
function key(name) {
  return element("kbd", {}, name);
}
