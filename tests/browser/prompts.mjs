// Tells a world something from the page and writes down what happened; tests/test_browser_prompts.py judges it.
//
//     node prompts.mjs ADDRESS FOLDER CHROMIUM     writes FOLDER/report.json and a screenshot

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { chromium } from "playwright-core";

const [address, folder, executablePath] = process.argv.slice(2);
const FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];

const until = (page, condition, argument) => page.waitForFunction(condition, argument, { timeout: 60_000, polling: 50 });
const state = (page) => page.evaluate(() => globalThis.dreamport.state());
const brightness = (page) =>
  page.evaluate(() => {
    const small = new OffscreenCanvas(40, 24).getContext("2d", { willReadFrequently: true });
    small.drawImage(document.getElementById("picture"), 0, 0, 40, 24);
    const { data } = small.getImageData(0, 0, 40, 24);
    let sum = 0;
    for (let i = 0; i < data.length; i += 4) sum += data[i] + data[i + 1] + data[i + 2];
    return sum / (data.length / 4) / 3;
  });
const moved = (page, frames) => state(page).then(({ index }) => until(page, (past) => globalThis.dreamport.state().index >= past, index + frames));
const panel = (page) =>
  page.evaluate(() => ({
    hidden: document.getElementById("told").hidden,
    words: !document.getElementById("told-words").hidden,
    choices: Object.fromEntries(
      [...document.querySelectorAll("#told-events select")].map((select) => [select.id, [...select.options].map((each) => each.textContent)]),
    ),
    chosen: Object.fromEntries([...document.querySelectorAll("#told-events select")].map((select) => [select.id, select.value])),
    prompt: document.getElementById("prompt").value,
  }));

mkdirSync(folder, { recursive: true });
const report = { console: [] };
const browser = await chromium.launch({ executablePath, args: FLAGS });
try {
  const page = await browser.newPage({ viewport: { width: 1280, height: 860 } });
  page.on("console", (message) => {
    if (message.type() === "error" || message.type() === "warning") report.console.push(message.text());
  });
  await page.goto(address);
  await until(page, () => globalThis.dreamport?.state().index > 3);
  report.panel = await panel(page);
  if (!report.panel.hidden) {
    report.day = await brightness(page);
    await page.selectOption("#told-light", "light.night");
    await moved(page, 4);
    report.night = await brightness(page);
    await page.fill("#prompt", "a foggy night");
    await page.press("#prompt", "Enter");
    await moved(page, 4);
    report.told = (await state(page)).told;
    report.focus = await page.evaluate(() => document.activeElement?.id);
    await page.click("#save");
    await until(page, () => globalThis.dreamport.state().saves === 1);
    await page.screenshot({ path: join(folder, "told.png") });
    await page.reload();
    await until(page, () => globalThis.dreamport?.state().index > 0);
    report.reloaded = await panel(page);
    const { epoch } = await state(page);
    await page.keyboard.press("r");
    await until(page, (past) => globalThis.dreamport.state().epoch > past && globalThis.dreamport.state().index > 3, epoch);
    report.reset = await panel(page);
    report.again = await brightness(page);
  }
} finally {
  await browser.close();
  writeFileSync(join(folder, "report.json"), JSON.stringify(report));
}
