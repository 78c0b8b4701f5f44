// The world card: what this world is, where it came from, under which licence, and how good it measured.

import { listWorlds } from "../net/worlds.js";
import { byId, element } from "./element.js";
import { markdown } from "./markdown.js";

/** @typedef {import("../../vendor/wire.js").World} World */

export class Card {
  /** @param {(world: string) => void} play called with the name of a world that was chosen */
  constructor(play) {
    this.play = play;
    this.dialog = byId("card-dialog", HTMLDialogElement);
    this.body = byId("card-body", HTMLElement);
    this.dialog.addEventListener("click", (event) => {
      if (event.target === this.dialog) this.dialog.close();
    });
  }

  /** @param {World | undefined} world the one that is played; undefined shows the catalogue alone */
  async show(world) {
    this.body.replaceChildren(...(world ? this.#card(world) : [element("h1", { id: "card-title" }, "Worlds")]));
    if (!this.dialog.open) this.dialog.showModal();
    this.dialog.scrollTop = 0;
    try {
      const worlds = await listWorlds();
      if (worlds.length > 1 || !world) this.body.append(this.#catalogue(worlds, world?.summary?.name ?? ""));
    } catch (error) {
      this.body.append(element("p", {}, `The list of worlds could not be read: ${error instanceof Error ? error.message : error}`));
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

  /** @param {import("../../vendor/wire.js").WorldSummary[]} worlds @param {string} current */
  #catalogue(worlds, current) {
    const entry = (/** @type {import("../../vendor/wire.js").WorldSummary} */ world) =>
      element(
        "li",
        {},
        element(
          "button",
          {
            type: "button",
            "aria-current": String(world.name === current),
            onclick: () => {
              this.dialog.close();
              this.play(world.name);
            },
          },
          world.title || world.name,
          element("small", {}, [world.licence, world.description].filter(Boolean).join(". ")),
        ),
      );
    return element("section", {}, element("h2", {}, "Worlds on this machine"), element("ul", { class: "card-worlds" }, ...worlds.map(entry)));
  }
}

/** @param {number} value */
function round(value) {
  return Number.isInteger(value) ? value : Number(value.toPrecision(4));
}
