import assert from "node:assert/strict";
import { test } from "node:test";
import { Pacer } from "../../../backend/dreamport/web/static/app/view/pacer.js";

test("a frame that comes when it is due is shown at once", () => {
  const pacer = new Pacer(3);
  pacer.compare(1000, 5002); // the clocks are 4000 apart, the way takes 2
  pacer.push("a", { generatedAt: 1020, presentAt: 1050 }, 5052);
  assert.equal(pacer.take(5052), "a");
});

test("a chunk that comes at once is spread over its time", () => {
  const pacer = new Pacer(8);
  pacer.compare(0, 2);
  for (let i = 0; i < 4; i++) pacer.push(i, { generatedAt: 100, presentAt: 100 + 50 * i }, 102);
  const shown = [];
  for (let now = 102; now < 320; now += 10) {
    const frame = pacer.take(now);
    if (frame !== null) shown.push([frame, now]);
  }
  assert.deepEqual(shown.map(([frame]) => frame), [0, 1, 2, 3]);
  for (const [frame, now] of shown) assert.ok(Math.abs(now - (102 + 50 * frame)) <= 10, `${frame} at ${now}`);
  assert.equal(pacer.dropped, 0);
});

test("after a stall only the newest frame is shown and the others count as dropped", () => {
  const pacer = new Pacer(8);
  pacer.compare(0, 0);
  for (let i = 0; i < 5; i++) pacer.push(i, { generatedAt: 50 * i, presentAt: 50 * i }, 400);
  assert.equal(pacer.take(400), 4);
  assert.equal(pacer.dropped, 4);
});
