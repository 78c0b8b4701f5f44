// What a player chose about the page, kept in this browser.

const KEY = "dreamport.settings";

/** @typedef {{ upscale: "sharp" | "smooth", depth: "off" | "beside" | "over", rail: boolean }} Settings */

/** @type {Settings} */
const DEFAULTS = { upscale: "sharp", depth: "off", rail: true };

/** @returns {Settings} */
export function readSettings() {
  try {
    return { ...DEFAULTS, ...JSON.parse(localStorage.getItem(KEY) ?? "{}") };
  } catch {
    return { ...DEFAULTS };
  }
}

/** @param {Settings} settings */
export function keepSettings(settings) {
  try {
    localStorage.setItem(KEY, JSON.stringify(settings));
  } catch {
    // Storage is full or forbidden: the choice holds for this visit.
  }
}
