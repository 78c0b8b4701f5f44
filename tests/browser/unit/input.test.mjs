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
  const { bits, stick } = bind(schema);
  assert.equal(bits.get("KeyW"), 1);
  assert.equal(bits.get("ArrowUp"), 1);
  assert.equal(bits.get("KeyA"), 2);
  assert.deepEqual(stick, { up: 1, down: 0, left: 2, right: 0 });
  assert.equal(bits.get("KeyE"), 4);
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

/** Controls on a clock that only `pass` moves. */
function gather() {
  const sent = [];
  const now = { held: 0, turn: { yaw: 0, pitch: 0 } };
  const timers = new Set();
  let time = 0;
  const timer = (due, every, act) => {
    const made = { due, every, act };
    timers.add(made);
    return () => timers.delete(made);
  };
  const clock = {
    now: () => time,
    every: (ms, act) => timer(time + ms, ms, act),
    after: (ms, act) => void timer(time + ms, null, act),
  };
  const pass = (until) => {
    for (;;) {
      const [next] = [...timers].filter(({ due }) => due <= until).sort((a, b) => a.due - b.due);
      if (!next) break;
      time = next.due;
      if (next.every === null) timers.delete(next);
      else next.due += next.every;
      next.act();
    }
    time = until;
  };
  return { sent, now, pass, controls: new Controls(() => now, (sample) => sent.push(sample), clock) };
}

const yaws = (sent) => sent.reduce((sum, { lookYawDeg }) => sum + lookYawDeg, 0);

test("a press goes out at once with its own time, even if it is over within a frame", () => {
  const { sent, now, controls } = gather();
  now.held = 1;
  controls.changed(1, 5.5);
  now.held = 0;
  controls.changed(0, 7);
  assert.deepEqual(sent.map(({ buttons, pressed, at }) => [buttons, pressed, at]), [[1, 1, 5.5], [0, 0, 7]]);
});

test("what a fast mouse turned is added up and sent exactly once, not at every event", () => {
  const { sent, pass, controls } = gather();
  for (let at = 0; at < 50; at++) {
    pass(at);
    controls.turned(0.5, -0.25, at);
  }
  pass(70);
  assert.ok(sent.length >= 3 && sent.length <= 6, `${sent.length}`);
  assert.equal(yaws(sent), 25);
  assert.equal(sent[0].at, 0);
});

test("a held arrow turns at once, then every frame alike, and stops with the key", () => {
  const { sent, now, pass, controls } = gather();
  now.turn.yaw = 100;
  controls.changed(0, 0);
  assert.equal(sent[0].lookYawDeg, 3);
  for (let at = 50; at <= 1000; at += 50) {
    pass(at);
    controls.frame(at);
  }
  now.turn.yaw = 0;
  controls.changed(0, 1000);
  assert.ok(Math.abs(yaws(sent) - 100) < 1e-9, `${yaws(sent)}`);
  const steps = sent.map(({ lookYawDeg }) => lookYawDeg).filter((yaw) => yaw !== 0).slice(2);
  for (const step of steps) assert.ok(Math.abs(step - 5) < 1e-9, `${step}`);
  pass(1500);
  controls.frame(1500);
  assert.ok(Math.abs(yaws(sent) - 100) < 1e-9, `${yaws(sent)}`);
});

test("a held arrow turns on where frames stay away", () => {
  const { sent, now, pass, controls } = gather();
  now.turn.yaw = 100;
  controls.changed(0, 0);
  pass(2000);
  assert.ok(yaws(sent) > 90, `${yaws(sent)}`);
});

test("a quiet player is heard now and then", () => {
  const { sent, pass } = gather();
  pass(1000);
  assert.ok(sent.length >= 10 && sent.length <= 14, `${sent.length}`);
});
