// Opens a page of episodes from the disk in a real Chromium and writes down what it shows; tests/test_data_view.py
// judges it.
//
//     node episodes.mjs INDEX_HTML FOLDER CHROMIUM     writes FOLDER/report.json and screenshots

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { chromium } from "playwright-core";

const [page_, folder, executablePath] = process.argv.slice(2);
const FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"];
const READ_PIXELS = "--allow-file-access-from-files"; // for this test's own look at the canvas, not for the page

const report = { console: [], requests: [], frames: {} };
mkdirSync(folder, { recursive: true });
const browser = await chromium.launch({ executablePath, args: [...FLAGS, READ_PIXELS] });
const page = await browser.newPage({ viewport: { width: 1360, height: 960 } });
page.on("request", (request) => report.requests.push(request.url()));
page.on("console", (message) => message.type() === "error" && report.console.push(message.text()));
page.on("pageerror", (error) => report.console.push(String(error)));

const text = (id) => page.textContent(`#${id}`);
const until = (condition, argument) => page.waitForFunction(condition, argument, { timeout: 60_000, polling: 50 });
const at = (frame) => until((n) => document.getElementById("where").textContent.startsWith(`frame ${n} of`), frame);

/** What is shown of this frame: its picture, 8 x 6 means of grey, and the keys that are lit. */
async function look(frame) {
  await at(frame);
  await until((n) => {
    const image = images.get(`${folder(state.entry)}/colour-${String(Math.floor(n / 36)).padStart(2, "0")}.jpg`);
    return image && image.complete && image.naturalWidth;
  }, frame);
  report.frames[frame] = await page.evaluate(() => {
    show(state.frame);
    const canvas = document.getElementById("colour"), { width, height } = canvas;
    const { data } = canvas.getContext("2d").getImageData(0, 0, width, height), grid = [];
    for (let y = 0; y < 6; y++) for (let x = 0; x < 8; x++) {
      let sum = 0;
      for (let v = 0; v < height / 6; v++) for (let u = 0; u < width / 8; u++) {
        sum += data[4 * ((y * height / 6 + v) * width + x * width / 8 + u) + 1];
      }
      grid.push(sum / (width / 8) / (height / 6));
    }
    return { grid, held: [...document.querySelectorAll("#keys .held")].map((key) => key.textContent) };
  });
}

await page.goto(`${pathToFileURL(page_)}#0:37`);
await look(37);
report.title = await text("title");
report.summary = await text("summary");
report.listed = await page.locator("#list button").allTextContents();
await page.keyboard.press("ArrowRight");
await look(38);
await page.keyboard.press("Home");
await look(0);
await page.screenshot({ path: join(folder, "episode.png") });
report.plots = await page.locator("#plots .uplot").count();
const lanes = await page.locator("#lanes").boundingBox();
await page.mouse.click(lanes.x + 130 + (lanes.width - 130) * 12.5 / 48, lanes.y + 5);
await look(12);
await page.click("#play");
await until(() => Number(document.getElementById("seek").value) > 20);
await page.click("#play");
report.paused = await text("play");
await page.keyboard.press("ArrowDown");
await until(() => document.getElementById("title").textContent === "Episode 1");
report.facts = await text("facts");
report.verdict = await text("verdict");
report.remarks = await page.locator("#remarks li").allTextContents();
await page.getByRole("button", { name: "left out", exact: true }).click();
report.leftOut = await page.locator("#list button").allTextContents();
await page.screenshot({ path: join(folder, "left-out.png") });
await browser.close();
writeFileSync(join(folder, "report.json"), JSON.stringify(report));
