import assert from "node:assert/strict";
import { test } from "node:test";
import { ChunkClock } from "../../../backend/dreamport/web/static/app/view/chunks.js";
import { ControlClock, FrameClock, Percentiles } from "../../../backend/dreamport/web/static/app/view/meter.js";

test("percentiles are those of the samples that are young enough", () => {
  const latency = new Percentiles(1000);
  latency.add(0, 900);
  for (let i = 1; i <= 100; i++) latency.add(500 + i, i);
  assert.equal(latency.get(1200, 0.5), 50);
  assert.equal(latency.get(1200, 0.95), 95);
  assert.equal(latency.get(9999, 0.5), null);
});

test("a pause is no frame interval", () => {
  const clock = new FrameClock(12_000);
  for (const at of [0, 50, 100, 150]) clock.tick(at);
  clock.break();
  for (const at of [1100, 1150]) clock.tick(at);
  assert.deepEqual(clock.intervals.map(({ interval }) => interval), [50, 50, 50, 50]);
  assert.equal(clock.fps(1200), 20);
  clock.break();
  assert.equal(clock.fps(1250), null);
});

test("a world of seconds a frame still has a rate", () => {
  const clock = new FrameClock(12_000);
  for (const at of [0, 4000]) clock.tick(at);
  assert.equal(clock.fps(7000), 0.25);
  assert.equal(clock.fps(9000), 0.2);
});

test("each control is timed once, at the first frame that applied it", () => {
  const clock = new ControlClock();
  clock.sent(1n, 0);
  clock.sent(2n, 10);
  clock.sent(3n, 40);
  assert.deepEqual(clock.drawn(2n, 60), [60, 50]);
  assert.deepEqual(clock.drawn(2n, 110), []);
  assert.deepEqual(clock.drawn(3n, 110), [70]);
});

test("chunks are told apart by when their controls were taken", () => {
  const chunks = new ChunkClock();
  chunks.restart(16);
  const draw = (index, latchedAtNs, generationMs = 400) => chunks.drawn({ index: BigInt(index), timing: { latchedAtNs, generationMs } });
  draw(0, 5n, 0);
  assert.equal(chunks.words(0n), "–", "a start is no chunk");
  for (let index = 1; index <= 12; index++) draw(index, 70n);
  assert.equal(chunks.words(0n), "1, frame 12 of 16");
  draw(13, 90n);
  draw(16, 90n);
  assert.equal(chunks.words(2n), "2, frame 4 of 16, 2 late");
});
