// One WebSocket to the relay is one PlayService.Play call: every binary message is one protobuf message.

import { PlayRequestSchema, PlayResponseSchema, create, fromBinary, toBinary } from "../../vendor/wire.js";

/** @typedef {NonNullable<import("../../vendor/wire.js").MessageInitShape<typeof PlayRequestSchema>["message"]>} Request */
/** @typedef {import("../../vendor/wire.js").PlayResponse["message"]} Response */

/**
 * How a call ended. `code` is the gRPC status in lower case ("ok", "unavailable", "not_found", ...);
 * "connection_lost" if no status came at all.
 * @typedef {{ code: string, message: string, retryMs: number | null }} End
 */

const CONNECTION_LOST = "The connection to the backend was lost.";

export class PlaySocket {
  /**
   * @param {{ onOpen: () => void, onResponse: (response: Response) => void, onEnd: (end: End) => void }} handlers
   */
  constructor(handlers) {
    const url = new URL("/play", location.href);
    url.protocol = url.protocol.replace("http", "ws");
    /** @type {End | null} */
    this.end = null;
    this.handlers = handlers;
    this.socket = new WebSocket(url);
    this.socket.binaryType = "arraybuffer";
    this.socket.onopen = () => handlers.onOpen();
    this.socket.onmessage = ({ data }) => this.#receive(data);
    this.socket.onclose = () => this.#closed();
  }

  /** @param {Request} message */
  send(message) {
    if (this.socket.readyState !== WebSocket.OPEN) return;
    this.socket.send(toBinary(PlayRequestSchema, create(PlayRequestSchema, { message })));
  }

  /** End the session on purpose: nothing is kept for a resume, and no end is reported. */
  leave() {
    this.send({ case: "close", value: {} });
    this.socket.onclose = null;
    this.socket.onmessage = null;
    this.socket.close(1000);
  }

  /** Drop the connection as a network would; the session can be resumed. */
  drop() {
    this.socket.close(4900);
  }

  /** @param {ArrayBuffer | string} data */
  #receive(data) {
    if (typeof data === "string") {
      this.end = readEnd(data);
      return;
    }
    this.handlers.onResponse(fromBinary(PlayResponseSchema, new Uint8Array(data)).message);
  }

  #closed() {
    this.handlers.onEnd(this.end ?? { code: "connection_lost", message: CONNECTION_LOST, retryMs: null });
  }
}

/**
 * Connect's end-of-stream message.
 * @param {string} text
 * @returns {End}
 */
export function readEnd(text) {
  const { error, metadata } = JSON.parse(text);
  const pushback = Number(metadata?.["grpc-retry-pushback-ms"]);
  return {
    code: error?.code ?? "ok",
    message: error?.message ?? "",
    retryMs: Number.isFinite(pushback) && pushback >= 0 ? pushback : null,
  };
}
