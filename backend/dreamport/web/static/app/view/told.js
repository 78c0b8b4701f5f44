// What the world can be told: a choice for every group of its events, and words. Hidden where it takes neither.

import { byId, element } from "./element.js";

/** @typedef {import("../../vendor/wire.js").ControlSchema} ControlSchema */
/** @typedef {import("../net/session.js").Told} Told */

export class ToldPanel {
  /** @param {{ event: (name: string) => void, prompt: (text: string) => void }} on what the player chose or said */
  constructor(on) {
    this.on = on;
    this.words = byId("prompt", HTMLInputElement);
    this.words.addEventListener("keydown", (event) => {
      if (event.key === "Enter") this.#say();
    });
    byId("prompt-say", HTMLButtonElement).addEventListener("click", () => this.#say());
    /** @type {Map<string, HTMLSelectElement>} a selector for every group */
    this.selects = new Map();
  }

  /** @param {ControlSchema | undefined} schema */
  offer(schema) {
    const groups = groupsOf(schema?.events ?? []);
    this.selects = new Map([...groups].map(([group, names]) => [group, this.#select(group, names)]));
    const fields = [...this.selects].map(([group, select]) => element("div", { class: "field" }, element("label", { for: select.id }, inWords(group)), select));
    byId("told-events", HTMLElement).replaceChildren(...fields);
    byId("told-words", HTMLElement).hidden = !schema?.prompts;
    byId("told", HTMLElement).hidden = fields.length === 0 && !schema?.prompts;
  }

  /** @param {Told} told */
  show(told) {
    for (const [group, select] of this.selects) {
      const name = told.events[group];
      if (name === undefined) select.selectedIndex = 0;
      else select.value = name;
    }
    this.words.value = told.prompt;
  }

  /** @param {string} group @param {string[]} names */
  #select(group, names) {
    const select = document.createElement("select");
    select.id = `told-${group}`;
    select.append(...names.map((name) => new Option(inWords(name.slice(group.length + 1)), name)));
    select.addEventListener("change", () => this.on.event(select.value));
    return select;
  }

  #say() {
    this.on.prompt(this.words.value.trim());
  }
}

/**
 * Names such as "light.night" by their groups; the first of a group is how the world is by itself.
 * @param {string[]} names
 * @returns {Map<string, string[]>}
 */
export function groupsOf(names) {
  /** @type {Map<string, string[]>} */
  const groups = new Map();
  for (const name of names) {
    const group = name.split(".")[0];
    groups.set(group, [...(groups.get(group) ?? []), name]);
  }
  return groups;
}

/** @param {string} name "deep_fog" @returns {string} "Deep fog" */
export function inWords(name) {
  const words = name.replaceAll("_", " ");
  return words.charAt(0).toUpperCase() + words.slice(1);
}
