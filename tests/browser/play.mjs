// Plays the page in a real Chromium and writes down what happened; tests/test_browser.py judges it.
//
//     node play.mjs ADDRESS FOLDER CHROMIUM     writes FOLDER/report.json and screenshots

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { chromium } from "playwright-core";

const [address, folder, executablePath] = process.argv.slice(2);
const FRAMES = 8;

const FLAGS = [
  "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync",
];

/** Everything a context asks for and complains about. */
function watch(context, report) {
  context.on("request", (request) => report.requests.push(request.url()));
  context.on("console", (message) => {
    if (message.type() === "error" || message.type() === "warning") report.console.push(`${message.type()}: ${message.text()}`);
  });
  context.on("weberror", (error) => report.console.push(`uncaught: ${error.error().stack}`));
  context.on("page", (page) => page.on("websocket", (socket) => report.requests.push(socket.url())));
}

const state = (page) => page.evaluate(() => globalThis.dreamport.state());
const until = (page, condition, argument) => page.waitForFunction(condition, argument, { timeout: 60_000, polling: 50 });
const moved = (page, frames) => state(page).then(({ index }) => until(page, (past) => globalThis.dreamport.state().index >= past, index + frames));
const hud = (page) => page.evaluate(() => Object.fromEntries([...document.querySelectorAll("[id^=hud-]")].map((each) => [each.id, each.textContent])));

/** The next frames as grey pictures of 80 x 48, with the pose each was made for. */
function watchFrames(page, count) {
  return page.evaluate(async (wanted) => {
    const picture = document.getElementById("picture");
    const small = new OffscreenCanvas(80, 48).getContext("2d", { willReadFrequently: true });
    small.imageSmoothingQuality = "high";
    const frames = [];
    let last = -1;
    await new Promise((done) => {
      const look = () => {
        const { index, view } = globalThis.dreamport.state();
        if (index !== last) {
          last = index;
          small.drawImage(picture, 0, 0, 80, 48);
          const { data } = small.getImageData(0, 0, 80, 48);
          const grey = [];
          for (let i = 0; i < data.length; i += 4) grey.push(Math.round((data[i] + data[i + 1] + data[i + 2]) / 3));
          frames.push({ index, view, grey });
        }
        if (frames.length < wanted) requestAnimationFrame(look);
        else done();
      };
      requestAnimationFrame(look);
    });
    return frames;
  }, count);
}

/** Back to the start, then watch what holding some keys does. */
async function hold(page, codes) {
  const { epoch } = await state(page);
  await page.keyboard.press("r");
  await until(page, (past) => globalThis.dreamport.state().epoch > past && globalThis.dreamport.state().index > 0, epoch);
  for (const code of codes) await page.keyboard.down(code);
  await moved(page, 2);
  const frames = await watchFrames(page, FRAMES);
  for (const code of codes) await page.keyboard.up(code);
  return frames;
}

async function playDesktop(browser, report) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 } });
  watch(context, report);
  const page = await context.newPage();
  const response = await page.goto(address);
  report.headers = await response.allHeaders();
  await until(page, () => globalThis.dreamport?.state().index > 5);
  report.opened = await state(page);
  await page.screenshot({ path: join(folder, "desktop-start.png") });

  for (const [name, codes] of Object.entries({
    still: [], forward: ["KeyW"], back: ["KeyS"], strafeLeft: ["KeyA"], strafeRight: ["KeyD"], turnLeft: ["ArrowLeft"], turnRight: ["ArrowRight"],
  })) {
    report.moves[name] = await hold(page, codes);
  }

  await hold(page, []);
  await page.mouse.click(500, 400);
  await until(page, () => document.pointerLockElement?.id === "picture");
  report.mouse = { before: (await state(page)).view };
  await page.mouse.move(560, 400, { steps: 6 });
  await page.mouse.move(640, 400, { steps: 6 });
  await moved(page, 6);
  report.mouse.after = (await state(page)).view;
  await page.evaluate(() => document.exitPointerLock());

  report.hud.push(await hud(page));
  await page.keyboard.down("KeyW");
  await moved(page, 40);
  report.lit = await page.evaluate(() => [...document.querySelectorAll("#keys .on")].map((each) => each.textContent));
  report.hud.push(await hud(page));
  await page.screenshot({ path: join(folder, "desktop-walking.png") });
  await page.keyboard.up("KeyW");
  report.numbers = await state(page);

  await page.keyboard.press("v");
  await moved(page, 4);
  report.depth = await page.evaluate(() => {
    const canvas = document.getElementById("depth");
    const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    const colours = new Set();
    for (let i = 0; i < data.length; i += 4 * 97) colours.add((data[i] << 16) | (data[i + 1] << 8) | data[i + 2]);
    const { width, height } = canvas.getBoundingClientRect();
    return { colours: colours.size, width, height };
  });
  await page.screenshot({ path: join(folder, "desktop-depth.png") });
  await page.keyboard.press("v");
  await moved(page, 2);
  await page.screenshot({ path: join(folder, "desktop-depth-over.png") });
  await page.keyboard.press("v");
  await page.check("input[name=upscale][value=smooth]", { force: true });
  await moved(page, 2);
  await page.screenshot({ path: join(folder, "desktop-smooth.png") });
  await page.check("input[name=upscale][value=sharp]", { force: true });

  await page.keyboard.press("p");
  await until(page, () => globalThis.dreamport.state().paused);
  await page.evaluate(() => new Promise((done) => setTimeout(done, 300)));
  const paused = await state(page);
  await page.evaluate(() => new Promise((done) => setTimeout(done, 700)));
  report.paused = { before: paused.index, after: (await state(page)).index };
  await page.screenshot({ path: join(folder, "desktop-paused.png") });
  await page.keyboard.press("p");
  await moved(page, 3);

  report.saved = { at: (await state(page)).view };
  await page.click("#save");
  await until(page, () => globalThis.dreamport.state().saves === 1);
  await page.keyboard.down("ArrowRight");
  await moved(page, 10);
  await page.keyboard.up("ArrowRight");
  await moved(page, 2);
  report.saved.away = (await state(page)).view;
  const { epoch } = await state(page);
  await page.click("#load");
  await until(page, (past) => globalThis.dreamport.state().epoch > past, epoch);
  report.saved.back = (await state(page)).view;

  const before = await state(page);
  await page.evaluate(() => globalThis.dreamport.dropConnection());
  await until(page, () => globalThis.dreamport.state().connection === "resuming");
  report.lost = { before, words: await page.textContent("#wait-text") };
  await until(page, (past) => globalThis.dreamport.state().resumed && globalThis.dreamport.state().index > past, before.index);
  report.lost.after = await state(page);

  await page.reload();
  await until(page, () => globalThis.dreamport?.state().index > 0);
  report.reloaded = await state(page);

  await page.click("#world-button");
  await page.waitForSelector("#card-body .facts");
  await page.waitForLoadState("networkidle");
  report.card = await page.innerText("#card-body");
  await page.screenshot({ path: join(folder, "desktop-card.png") });
  await page.keyboard.press("Escape");
  await context.close();
}

async function playPhone(browser, report) {
  const context = await browser.newContext({ viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, isMobile: true, hasTouch: true });
  watch(context, report);
  const page = await context.newPage();
  await page.goto(address);
  await until(page, () => globalThis.dreamport?.state().index > 5);
  await page.tap("#enter");
  const touch = await context.newCDPSession(page);
  const finger = (type, x, y) => touch.send("Input.dispatchTouchEvent", { type, touchPoints: type === "touchEnd" ? [] : [{ x, y }] });
  report.phone = { before: (await state(page)).view };
  await finger("touchStart", 100, 620);
  await finger("touchMove", 100, 560);
  await moved(page, 10);
  await page.screenshot({ path: join(folder, "phone-walking.png") });
  await finger("touchEnd");
  await moved(page, 2);
  report.phone.walked = (await state(page)).view;
  await finger("touchStart", 260, 620);
  for (let x = 270; x <= 350; x += 10) await finger("touchMove", x, 620);
  await moved(page, 6);
  await finger("touchEnd");
  report.phone.looked = (await state(page)).view;
  await page.tap("#panel-toggle");
  await page.screenshot({ path: join(folder, "phone-panel.png") });
  report.phone.overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  await context.close();
}

async function showFault(browser, report) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 } });
  const page = await context.newPage();
  await page.goto(`${address}?world=nowhere`);
  await page.waitForSelector("#fault:not([hidden])");
  report.fault = await page.innerText("#fault");
  await page.screenshot({ path: join(folder, "desktop-fault.png") });
  await page.click("#fault-retry");
  await until(page, () => globalThis.dreamport.state().index > 0);
  report.recovered = await state(page);
  await context.close();
}

mkdirSync(folder, { recursive: true });
const report = { requests: [], console: [], moves: {}, hud: [] };
const browser = await chromium.launch({ executablePath, args: FLAGS });
try {
  await playDesktop(browser, report);
  await playPhone(browser, report);
  await showFault(browser, report);
} finally {
  await browser.close();
  writeFileSync(join(folder, "report.json"), JSON.stringify(report));
}
