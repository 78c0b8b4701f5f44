// The world card: what this world is, where it came from, under which licence, and how good it measured.

import { getWorld, listWorlds } from "../net/worlds.js";
import { byId, element } from "./element.js";
import { markdown } from "./markdown.js";

/** @typedef {import("../../vendor/wire.js").World} World */

export class Card {
  /** @param {(world: string) => void} play called with the name of a world that was chosen */
  constructor(play) {
    this.play = play;
    this.dialog = byId("card-dialog", HTMLDialogElement);
    this.body = byId("card-body", HTMLElement);
    this.playing = "";
    this.dialog.addEventListener("click", (event) => {
      if (event.target === this.dialog) this.dialog.close();
    });
  }

  /** @param {World | undefined} world the one that is played; undefined shows the catalogue alone */
  async show(world) {
    this.playing = world?.summary?.name ?? "";
    this.#fill(world ? this.#card(world) : [element("h1", { id: "card-title" }, "Worlds")]);
    if (!this.dialog.open) this.dialog.showModal();
    await this.#try(async () => {
      const worlds = await listWorlds();
      if (worlds.length > 1 || !world) this.body.append(this.#catalogue(worlds));
    });
  }

  /** The card of a world that is not played, with a way to play it. @param {string} name */
  #look(name) {
    return this.#try(async () => {
      const world = await getWorld(name);
      const choose = () => {
        this.dialog.close();
        this.play(name);
      };
      this.#fill([...this.#card(world), element("p", { class: "row" }, element("button", { type: "button", class: "primary", onclick: choose }, "Play this world"))]);
    });
  }

  /** @param {Node[]} content */
  #fill(content) {
    this.body.replaceChildren(...content);
    this.dialog.scrollTop = 0;
  }

  /** @param {() => Promise<void>} call */
  async #try(call) {
    try {
      await call();
    } catch (error) {
      this.body.append(element("p", {}, `The backend did not answer: ${error instanceof Error ? error.message : error}`));
    }
  }

  /** @param {World} world @returns {Node[]} */
  #card(world) {
    const { summary, provenance } = world;
    const size = summary?.frameSize ? `${summary.frameSize.width} × ${summary.frameSize.height}` : "unknown";
    /** @type {[string, string | undefined][]} */
    const facts = [
      ["Licence", summary?.licence],
      ["Picture", `${size}, ${round(summary?.frameRate ?? 0)} frames a second`],
      ["Depth", world.depthRange ? `${round(world.depthRange.minM)} to ${round(world.depthRange.maxM)} m` : undefined],
      ["Trained on", provenance?.data],
      ["Licence of that data", provenance?.licence],
      ["Training", provenance?.trainedOn],
      ["Training code", provenance?.commit],
      ["Notes", provenance?.notes],
      ["Pack digest", world.digest && `${world.digest.slice(0, 16)}…`],
    ];
    const metrics = Object.entries(provenance?.metrics ?? {}).sort(([a], [b]) => a.localeCompare(b, "en", { numeric: true }));
    return [
      element("h1", { id: "card-title" }, summary?.title || summary?.name || "World"),
      element("p", {}, summary?.description),
      element("dl", { class: "facts" }, ...facts.filter(([, value]) => value).flatMap(([name, value]) => [element("dt", {}, name), element("dd", {}, value)])),
      ...(world.card ? [markdown(world.card)] : []),
      ...(metrics.length > 0
        ? [
            element("h2", {}, "Measured"),
            element("table", {}, element("tbody", {}, ...metrics.map(([name, value]) => element("tr", {}, element("td", {}, name.replaceAll("_", " ")), element("td", {}, String(round(value))))))),
          ]
        : []),
    ];
  }

  /** @param {import("../../vendor/wire.js").WorldSummary[]} worlds */
  #catalogue(worlds) {
    const entry = (/** @type {import("../../vendor/wire.js").WorldSummary} */ world) => {
      const current = world.name === this.playing;
      const onclick = () => (current ? this.dialog.close() : void this.#look(world.name));
      const about = element("small", {}, [world.licence, world.description].filter(Boolean).join(". "));
      return element("li", {}, element("button", { type: "button", "aria-current": String(current), onclick }, world.title || world.name, about));
    };
    return element("section", {}, element("h2", {}, "Worlds on this machine"), element("ul", { class: "card-worlds" }, ...worlds.map(entry)));
  }
}

/** @param {number} value */
function round(value) {
  return Number.isInteger(value) ? value : Number(value.toPrecision(4));
}
