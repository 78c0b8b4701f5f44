// The error panel: what went wrong, in the server's words, and what to do about it.

import { byId } from "./element.js";

/** @typedef {import("../net/socket.js").End} End */

/** @type {Record<string, { title: string, todo: string, retry: string }>} */
const ADVICE = {
  connection_lost: {
    title: "The backend cannot be reached",
    todo: "See whether “dreamport play” or “dreamport serve” still runs in its terminal. Start it again, then try again here.",
    retry: "Try again",
  },
  unavailable: {
    title: "The world stopped running",
    todo: "The terminal of the backend says why. Try again; if it comes back, run “dreamport doctor”.",
    retry: "Try again",
  },
  resource_exhausted: {
    title: "The server is full",
    todo: "Every place is taken. Close another player, or wait for a place.",
    retry: "Try now",
  },
  not_found: {
    title: "That is not on this server",
    todo: "“dreamport worlds” lists the worlds there are. Choose one from the title at the top of the page.",
    retry: "Play the default world",
  },
  failed_precondition: {
    title: "The page and the backend do not match",
    todo: "They come from different versions of Dreamport. Reload the page without its cache (Ctrl+Shift+R); if that does not help, update Dreamport.",
    retry: "Reload",
  },
  aborted: {
    title: "This session is played elsewhere",
    todo: "Another tab or program took it over. Play it here again, or close this tab.",
    retry: "Play here",
  },
  unauthenticated: {
    title: "The backend asks for a token",
    todo: "Open the address that “dreamport play” printed in its terminal.",
    retry: "Try again",
  },
  ok: { title: "The session has ended", todo: "The server closed it in order. Begin a new one.", retry: "Begin again" },
};

const OTHERWISE = {
  title: "The session stopped",
  todo: "Try again. If it stops again, copy the details and look for them in the backend’s terminal.",
  retry: "Try again",
};

export class FaultPanel {
  /** @param {(end: End) => void} retry */
  constructor(retry) {
    this.panel = byId("fault", HTMLElement);
    /** @type {End | null} */
    this.end = null;
    this.timer = 0;
    byId("fault-retry", HTMLButtonElement).addEventListener("click", () => {
      if (this.end) retry(this.end);
    });
    byId("fault-copy", HTMLButtonElement).addEventListener("click", () => this.#copy());
  }

  /** @param {End} end @param {number | null} retryAt page time of the next attempt, milliseconds */
  show(end, retryAt) {
    this.end = end;
    const advice = ADVICE[end.code] ?? OTHERWISE;
    byId("fault-title", HTMLElement).textContent = advice.title;
    byId("fault-message", HTMLElement).textContent = end.message;
    byId("fault-do", HTMLElement).textContent = advice.todo;
    byId("fault-retry", HTMLButtonElement).textContent = advice.retry;
    byId("fault-code", HTMLElement).textContent = end.code;
    this.panel.hidden = false;
    clearInterval(this.timer);
    if (retryAt !== null) {
      const count = () => {
        const seconds = Math.max(0, Math.ceil((retryAt - performance.now()) / 1000));
        byId("fault-do", HTMLElement).textContent = `${advice.todo} Next attempt in ${seconds} s.`;
      };
      count();
      this.timer = setInterval(count, 250);
    }
  }

  hide() {
    clearInterval(this.timer);
    this.panel.hidden = true;
    this.end = null;
  }

  async #copy() {
    const { end } = this;
    const details = { code: end?.code, message: end?.message, at: new Date().toISOString(), page: location.pathname, browser: navigator.userAgent };
    const button = byId("fault-copy", HTMLButtonElement);
    try {
      await navigator.clipboard.writeText(JSON.stringify(details, null, 2));
      button.textContent = "Copied";
    } catch {
      button.textContent = "Copy was refused";
    }
    setTimeout(() => (button.textContent = "Copy details"), 1600);
  }
}
