// WorldService over Connect's unary protocol.

import {
  GetWorldRequestSchema, GetWorldResponseSchema, ListWorldsRequestSchema, ListWorldsResponseSchema, create, fromBinary, toBinary,
} from "../../vendor/wire.js";

/** A call failed; `code` is the gRPC status in lower case. */
export class CallError extends Error {
  /** @param {string} code @param {string} message */
  constructor(code, message) {
    super(message);
    this.code = code;
  }
}

/** Every world the server has. */
export async function listWorlds() {
  const request = toBinary(ListWorldsRequestSchema, create(ListWorldsRequestSchema));
  return fromBinary(ListWorldsResponseSchema, await call("ListWorlds", request)).worlds;
}

/**
 * One world in full, with its card.
 * @param {string} name
 */
export async function getWorld(name) {
  const request = toBinary(GetWorldRequestSchema, create(GetWorldRequestSchema, { name }));
  const { world } = fromBinary(GetWorldResponseSchema, await call("GetWorld", request));
  if (!world) throw new CallError("internal", "The server sent no world.");
  return world;
}

/**
 * @param {string} method
 * @param {Uint8Array} body
 * @returns {Promise<Uint8Array>}
 */
async function call(method, body) {
  const response = await fetch(`/dreamport.v1.WorldService/${method}`, {
    method: "POST",
    headers: { "content-type": "application/proto" },
    body: /** @type {Uint8Array<ArrayBuffer>} */ (body),
  });
  if (!response.ok) {
    const error = await response.json().catch(() => ({}));
    throw new CallError(error.code ?? "unknown", error.message ?? `The server answered ${response.status}.`);
  }
  return new Uint8Array(await response.arrayBuffer());
}
