import assert from "node:assert/strict";
import { test } from "node:test";
import { bind, keyName } from "../../../backend/dreamport/web/static/app/input/bindings.js";
import { Controls } from "../../../backend/dreamport/web/static/app/input/controls.js";

const schema = {
  buttons: [
    { name: "forward", label: "Forward", keys: ["KeyW", "ArrowUp"] },
    { name: "left", label: "Left", keys: ["KeyA"] },
    { name: "use", label: "Use", keys: ["KeyE"] },
  ],
  look: { yaw: true, pitch: false, maxDegPerFrame: 10 },
};

test("keys become the bits of the world's own buttons", () => {
  const { bits, stick, actions } = bind(schema);
  assert.equal(bits.get("KeyW"), 1);
  assert.equal(bits.get("ArrowUp"), 1);
  assert.equal(bits.get("KeyA"), 2);
  assert.deepEqual(stick, { up: 1, down: 0, left: 2, right: 0 });
  assert.deepEqual(actions, [{ bit: 4, label: "Use" }]);
});

test("arrows turn where no button claims them", () => {
  const { turns } = bind(schema);
  assert.ok(turns.get("ArrowRight").yaw > 0);
  assert.ok(turns.get("ArrowLeft").yaw < 0);
  assert.equal(turns.has("ArrowUp"), false);
  const claimed = bind({ ...schema, buttons: [{ name: "turn_left", label: "Turn left", keys: ["ArrowLeft"] }] });
  assert.equal(claimed.turns.has("ArrowLeft"), false);
  assert.equal(keyName("ArrowLeft"), "←");
});

function gather() {
  const sent = [];
  const now = { held: 0, turn: { yaw: 0, pitch: 0 } };
  return { sent, now, controls: new Controls(() => now, (sample) => sent.push(sample)) };
}

test("a press goes out at once with its own time, even if it is over within a frame", () => {
  const { sent, now, controls } = gather();
  now.held = 1;
  controls.changed(1, 5.5);
  now.held = 0;
  controls.changed(0, 7);
  assert.deepEqual(sent.map(({ buttons, pressed, at }) => [buttons, pressed, at]), [[1, 1, 5.5], [0, 0, 7]]);
});

test("what the mouse turned is added up and sent exactly once", () => {
  const { sent, controls } = gather();
  controls.turned(1.5, 0, 10);
  controls.turned(2.5, -1, 12);
  controls.refresh(16);
  controls.refresh(32);
  assert.deepEqual(sent.map(({ lookYawDeg, lookPitchDeg, at }) => [lookYawDeg, lookPitchDeg, at]), [[4, -1, 10]]);
});

test("a held arrow turns by the time it is held", () => {
  const { sent, now, controls } = gather();
  controls.refresh(0);
  now.turn.yaw = 100;
  for (let at = 16; at <= 1000; at += 16) controls.refresh(at);
  const total = sent.reduce((sum, { lookYawDeg }) => sum + lookYawDeg, 0);
  assert.ok(Math.abs(total - 99.2) < 0.01, `${total}`);
});

test("a quiet player is heard now and then, not at every refresh", () => {
  const { sent, controls } = gather();
  for (let at = 0; at < 1000; at += 16) controls.refresh(at);
  assert.ok(sent.length >= 10 && sent.length <= 14, `${sent.length}`);
});
