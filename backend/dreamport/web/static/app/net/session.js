// One player's run: opens it, steers it, and goes on with it by its token when the connection breaks.

import { ColourFormat, DepthFormat, Transport } from "../../vendor/wire.js";
import { PlaySocket } from "./socket.js";

/** @typedef {import("./socket.js").End} End */
/** @typedef {import("../../vendor/wire.js").Frame} Frame */
/** @typedef {import("../../vendor/wire.js").Notice} Notice */
/** @typedef {import("../../vendor/wire.js").Opened} Opened */
/** @typedef {import("../../vendor/wire.js").Stats} Stats */
/** @typedef {import("../input/controls.js").Sample} Sample */
/** @typedef {{ world: string, start: string, seed: bigint | null }} Choice what to play; empty names take the server's first */
/** @typedef {{ events: Record<string, string>, prompt: string }} Told what the world was told: the event of each group, and words */
/** @typedef {{ handle: string, frameIndex: number, told: Told }} Saved */
/** @typedef {"connecting" | "opening" | "live" | "resuming" | "full" | "failed"} State */

const PROTOCOL_VERSION = 1;
const JPEG_QUALITY = 92;
const TOKEN_KEY = "dreamport.resume-token";
const TOLD_KEY = "dreamport.told";
const FIRST_CONNECT_MS = 10_000;
const SILENCE_MS = 8_000;
// Frames sent and not yet drawn: enough to cover the way there and back, too few to play catch-up after a stall.
const FRAMES_IN_FLIGHT = 3;
const MOST_IN_FLIGHT = 64;
// A world that fails again and again is not begun again for ever.
const SHORT_LIFE_MS = 15_000;
const MOST_SHORT_LIVES = 2;
const RETRY_MS = [150, 400, 800, 1500, 2500];
// Ends after which the same session may still be there.
const PASSING = new Set(["connection_lost", "unavailable", "canceled", "internal", "unknown"]);

/**
 * @typedef {{
 *   state: (state: State, end: End | null, retryAt: number | null) => void,
 *   opened: (opened: Opened, fresh: boolean) => void,
 *   frame: (frame: Frame) => void,
 *   stats: (stats: Stats) => void,
 *   notice: (text: string, notice: Notice | null) => void,
 *   saves: (saves: Saved[]) => void,
 *   told: (told: Told) => void,
 * }} Handlers
 */

export class Session {
  /** @param {Handlers} on */
  constructor(on) {
    this.on = on;
    /** @type {State} */
    this.state = "connecting";
    this.paused = false;
    /** @type {Opened | null} */
    this.opened = null;
    /** @type {Saved[]} */
    this.saves = [];
    this.told = nothingTold();
    /** @type {Told[]} what the world had been told when each save was asked for that is not answered yet */
    this.saving = [];
    /** @type {Choice} */
    this.choice = { world: "", start: "", seed: null };
    /** @type {PlaySocket | null} */
    this.socket = null;
    this.sequence = 0n;
    this.heardAt = 0;
    this.attempt = 0;
    this.giveUpAt = 0;
    this.timer = 0;
    this.inFlight = FRAMES_IN_FLIGHT;
    this.openedAt = 0;
    this.shortLives = 0;
    /** @type {End | null} why the connection was lost last */
    this.lost = null;
    setInterval(() => this.#watch(), 1000);
  }

  /** Whether a session of this tab may still be waiting on the server. */
  static get remembered() {
    return sessionStorage.getItem(TOKEN_KEY) !== null;
  }

  /** Leave what is played and begin anew. @param {Choice} choice */
  begin(choice) {
    this.#leave();
    sessionStorage.removeItem(TOKEN_KEY);
    this.choice = choice;
    this.#firstConnect();
  }

  /** Go on with the session of this tab, or begin one. @param {Choice} choice */
  resume(choice) {
    this.choice = choice;
    this.#firstConnect();
  }

  /** Try again after a failure, with the token if there is one. */
  retry() {
    this.#leave();
    this.#firstConnect();
  }

  /**
   * @param {Sample} sample
   * @returns {bigint} its sequence number; 0 when it was not sent
   */
  control(sample) {
    if (this.state !== "live") return 0n;
    this.sequence += 1n;
    const { buttons, pressed, lookYawDeg, lookPitchDeg, at } = sample;
    this.#send({
      case: "control",
      value: { sequence: this.sequence, clientTimeNs: nanoseconds(at), buttons: buttons >>> 0, pressed: pressed >>> 0, lookYawDeg, lookPitchDeg },
    });
    return this.sequence;
  }

  /** @param {bigint} frameId @param {number} at milliseconds */
  presented(frameId, at) {
    this.#send({ case: "presented", value: { frameId, clientTimeNs: nanoseconds(at) } });
  }

  /** @param {boolean} paused */
  pause(paused) {
    this.paused = paused;
    this.heardAt = performance.now();
    this.#send({ case: "pause", value: { paused } });
  }

  /** Let something happen in the world. @param {string} name */
  event(name) {
    this.#tell({ ...this.told, events: { ...this.told.events, [name.split(".")[0]]: name } });
    this.#send({ case: "event", value: { name } });
  }

  /** Say words to the world; none take back what was said. @param {string} text */
  prompt(text) {
    this.#tell({ ...this.told, prompt: text });
    this.#send({ case: "prompt", value: { text } });
  }

  /** @param {{ seed?: bigint, start?: string }} [to] */
  reset(to = {}) {
    this.#tell(nothingTold());
    this.#send({ case: "reset", value: { start: to.start ?? "", ...(to.seed === undefined ? {} : { seed: to.seed }) } });
  }

  save() {
    this.saving.push(this.told);
    this.#send({ case: "save", value: {} });
  }

  /** @param {string} handle */
  load(handle) {
    this.#tell(this.saves.find((save) => save.handle === handle)?.told ?? nothingTold());
    this.#send({ case: "load", value: { handle } });
  }

  /** @param {Told} told */
  #tell(told) {
    this.told = told;
    sessionStorage.setItem(TOLD_KEY, JSON.stringify(told));
    this.on.told(told);
  }

  /** @param {import("./socket.js").Request} message */
  #send(message) {
    if (this.state === "live") this.socket?.send(message);
  }

  #leave() {
    clearTimeout(this.timer);
    this.socket?.leave();
    this.socket = null;
  }

  #firstConnect() {
    this.opened = null;
    this.attempt = 0;
    this.giveUpAt = performance.now() + FIRST_CONNECT_MS;
    this.#set("connecting");
    this.#connect();
  }

  #connect() {
    this.heardAt = performance.now();
    const socket = new PlaySocket({
      onOpen: () => this.#open(socket),
      onResponse: (response) => this.#receive(response),
      onEnd: (end) => this.#ended(end),
    });
    this.socket = socket;
  }

  /** @param {PlaySocket} socket */
  #open(socket) {
    if (this.state === "connecting") this.#set("opening");
    const { world, start, seed } = this.choice;
    socket.send({
      case: "open",
      value: {
        protocolVersion: PROTOCOL_VERSION,
        world,
        start,
        ...(seed === null ? {} : { seed }),
        colourFormat: ColourFormat.JPEG,
        jpegQuality: JPEG_QUALITY,
        depthFormat: DepthFormat.INVERSE_UINT16,
        transport: Transport.INLINE,
        maxFramesInFlight: this.inFlight,
        resumeToken: sessionStorage.getItem(TOKEN_KEY) ?? "",
      },
    });
  }

  /** @param {import("./socket.js").Response} response */
  #receive(response) {
    this.heardAt = performance.now();
    switch (response.case) {
      case "opened":
        return this.#opened(response.value);
      case "frame":
        return this.on.frame(response.value);
      case "stats":
        return this.on.stats(response.value);
      case "notice":
        return this.on.notice(response.value.message, response.value);
      case "saved":
        this.saves.push({
          handle: response.value.handle,
          frameIndex: Number(response.value.frameIndex),
          told: this.saving.shift() ?? nothingTold(),
        });
        return this.on.saves(this.saves);
      case "loaded":
        return this.on.notice("Back where you saved.", null);
      default:
        return undefined;
    }
  }

  /** @param {Opened} opened */
  #opened(opened) {
    sessionStorage.setItem(TOKEN_KEY, opened.resumeToken);
    this.attempt = 0;
    const needed = Math.min(MOST_IN_FLIGHT, 2 * (opened.cadence?.chunkFrames ?? 1));
    if (needed > this.inFlight) {
      // Only Opened tells how many frames this world makes at a time: resume at once with room for two such chunks.
      this.inFlight = needed;
      this.socket?.drop();
      return;
    }
    const fresh = this.opened?.sessionId !== opened.sessionId;
    this.opened = opened;
    this.sequence = opened.lastControlSequence;
    if (fresh) {
      this.openedAt = performance.now();
      this.saves = [];
      this.saving = [];
      this.paused = false;
      this.on.saves(this.saves);
    }
    this.#set("live");
    this.on.opened(opened, fresh);
    if (fresh) this.#tell(opened.resumed ? rememberedTold() : nothingTold());
    if (opened.resumed) this.pause(this.paused);
  }

  /** @param {End} end */
  #ended(end) {
    this.socket = null;
    if (end.code === "not_found" && Session.remembered) {
      this.#beginAgain(end);
      return;
    }
    if (end.code === "resource_exhausted" && end.retryMs !== null) {
      this.#again("full", end, end.retryMs);
      return;
    }
    if (!PASSING.has(end.code)) {
      this.#set("failed", end);
      return;
    }
    if (this.state === "live") {
      this.lost = end;
      this.giveUpAt = performance.now() + Number(this.opened?.graceNs ?? 0n) / 1e6;
    }
    if (performance.now() > this.giveUpAt) {
      this.#set("failed", end);
      return;
    }
    const wait = RETRY_MS[Math.min(this.attempt, RETRY_MS.length - 1)];
    this.attempt += 1;
    this.#again(Session.remembered && this.opened ? "resuming" : "connecting", end, wait);
  }

  /** The session behind the token is gone. @param {End} end */
  #beginAgain(end) {
    sessionStorage.removeItem(TOKEN_KEY);
    const soon = performance.now() - this.openedAt < SHORT_LIFE_MS;
    this.shortLives = this.opened && soon ? this.shortLives + 1 : 0;
    if (this.shortLives >= MOST_SHORT_LIVES) {
      this.shortLives = 0;
      this.#set("failed", this.lost ?? end);
      return;
    }
    const reason = this.lost?.message ?? "The session of this tab is no longer there.";
    this.lost = null;
    this.on.notice(`${reason} A new session has begun.`, null);
    this.#firstConnect();
  }

  /** @param {State} state @param {End} end @param {number} wait milliseconds */
  #again(state, end, wait) {
    this.#set(state, end, performance.now() + wait);
    this.timer = setTimeout(() => this.#connect(), wait);
  }

  #watch() {
    const silent = performance.now() - this.heardAt > SILENCE_MS;
    if (this.state === "live" && !this.paused && silent) this.socket?.drop();
  }

  /** @param {State} state @param {End | null} [end] @param {number | null} [retryAt] */
  #set(state, end = null, retryAt = null) {
    this.state = state;
    this.on.state(state, end, retryAt);
  }
}

/** @returns {Told} */
function nothingTold() {
  return { events: {}, prompt: "" };
}

/** What this tab told the session that it goes on with. @returns {Told} */
function rememberedTold() {
  try {
    return { ...nothingTold(), ...JSON.parse(sessionStorage.getItem(TOLD_KEY) ?? "{}") };
  } catch {
    return nothingTold();
  }
}

/** @param {number} milliseconds of the page's clock */
function nanoseconds(milliseconds) {
  return BigInt(Math.round(milliseconds * 1e6));
}
