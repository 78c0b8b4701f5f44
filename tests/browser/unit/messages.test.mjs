import assert from "node:assert/strict";
import { test } from "node:test";
import { readEnd } from "../../../backend/dreamport/web/static/app/net/socket.js";
import { depthColours, paintDepth } from "../../../backend/dreamport/web/static/app/view/depth.js";
import { viewOf } from "../../../backend/dreamport/web/static/app/view/pose.js";

test("the end of a call says why, and when to come back", () => {
  const full = readEnd('{"error":{"code":"resource_exhausted","message":"full"},"metadata":{"grpc-retry-pushback-ms":"2500"}}');
  assert.deepEqual(full, { code: "resource_exhausted", message: "full", retryMs: 2500 });
  assert.deepEqual(readEnd('{"metadata":{}}'), { code: "ok", message: "", retryMs: null });
});

test("a pose reads as position, yaw to the right and pitch downwards", () => {
  const half = Math.PI / 8;
  const right = viewOf({ position: { x: 1, y: 2, z: 3 }, orientation: { x: 0, y: Math.sin(half), z: 0, w: Math.cos(half) } });
  assert.ok(Math.abs(right.yaw - 45) < 1e-9 && Math.abs(right.pitch) < 1e-9);
  assert.deepEqual([right.x, right.y, right.z], [1, 2, 3]);
  const down = viewOf({ position: { x: 0, y: 0, z: 0 }, orientation: { x: -Math.sin(half), y: 0, z: 0, w: Math.cos(half) } });
  assert.ok(Math.abs(down.pitch - 45) < 1e-9);
});

test("near is warm, far is cold, infinity is black", () => {
  const image = { data: new Uint8ClampedArray(3 * 4) };
  const values = new Uint16Array([65535, 700, 0]);
  paintDepth(new Uint8Array(values.buffer), depthColours(0.5, 50), image);
  const [near, far, infinite] = [0, 4, 8].map((at) => [...image.data.slice(at, at + 3)]);
  assert.ok(near[0] > near[2], `near ${near}`);
  assert.ok(far[2] > far[0], `far ${far}`);
  assert.deepEqual(infinite, [0, 0, 0]);
});
