import assert from "node:assert/strict";
import { test } from "node:test";
import { groupsOf, inWords } from "../../../backend/dreamport/web/static/app/view/told.js";

test("events are offered by their groups, in the order in which the world names them", () => {
  const groups = groupsOf(["light.day", "weather.clear", "light.night", "weather.deep_fog"]);
  assert.deepEqual([...groups], [["light", ["light.day", "light.night"]], ["weather", ["weather.clear", "weather.deep_fog"]]]);
  assert.deepEqual([...groupsOf([])], []);
});

test("names are shown in words", () => {
  assert.equal(inWords("deep_fog"), "Deep fog");
  assert.equal(inWords("light"), "Light");
});
