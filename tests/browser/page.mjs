// Looks at the page of a client port with a real browser, step by step:
//
//     node page.mjs --url http://127.0.0.1:8080/ --modules DIR --browser /usr/bin/chromium \
//         [--shots DIR] [--token WORD] STEP...
//
//     state:PEER=DOWN   waits until the page shows that state of the peer
//     title=REGEX       waits until the title matches
//     text=REGEX        waits until the text of the page matches
//     lost, connected   waits for the banner, or until it is gone
//     shot=NAME         NAME-phone-dark.png and so on: two sizes, two themes
//     axe               looks for what keeps people out: names, languages, widths, the keyboard
//     say=WORD          prints WORD, for whoever drives the servers behind the page
//     hear=WORD         waits for that line on the input
//
// After each step it prints "STEP MILLISECONDS", the date at which it was so. At the end nothing may
// have been loaded from elsewhere, and nothing may have been refused by the page's own policy.
import { createRequire } from "node:module";
import { createInterface } from "node:readline";
import { mkdirSync } from "node:fs";
import path from "node:path";

const options = { url: "", modules: "", browser: "", shots: "", token: "", patience: "60000" };
const steps = [];
for (let args = process.argv.slice(2); args.length;) {
  const arg = args.shift();
  if (!arg.startsWith("--")) steps.push(arg);
  else if (arg.slice(2) in options) options[arg.slice(2)] = args.shift();
  else throw new Error(`${arg} is unknown`);
}
const timeout = Number(options.patience);
const { chromium } = createRequire(path.join(path.resolve(options.modules), "x.js"))("playwright-core");
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();

const browser = await chromium.launch({ executablePath: options.browser, args: ["--no-sandbox", "--disable-gpu"] });
const wrong = [];
try {
  const page = await browser.newPage({ viewport: { width: 1200, height: 800 }, colorScheme: "light" });
  const origin = new URL(options.url).origin;
  page.on("pageerror", error => wrong.push(`an error of the page: ${error}`));
  page.on("console", message => {
    // That a server is away is what some steps are about.
    if (message.type() === "error" && !message.text().includes("Failed to load resource")) wrong.push(message.text());
  });
  page.on("request", request => {
    if (!request.url().startsWith(origin) && !request.url().startsWith("data:")) wrong.push(`loads ${request.url()}`);
  });
  await page.goto(options.url);
  if (options.token) {
    await page.fill("#word", options.token, { timeout });
    await page.press("#word", "Enter");
  }
  for (const step of steps) {
    await take(page, step);
    console.log(`${step} ${Date.now()}`);
  }
} finally {
  await browser.close();
}
if (wrong.length) throw new Error(wrong.join("\n"));
process.exit(0);

async function take(page, step) {
  const [, what, value] = step.match(/^([a-z]+)[:=]?(.*)$/s);
  const wait = (look, argument) => page.waitForFunction(look, argument, { timeout, polling: 20 });
  switch (what) {
    case "state": {
      const [, peer, state] = value.match(/^(.*)=([A-Z]+)$/);
      return wait(([peer, state]) => [...document.querySelectorAll("#peers > li")].some(
        li => li.querySelector("h3").textContent === peer && li.dataset.state === state), [peer, state]);
    }
    case "title":
      return wait(regex => new RegExp(regex).test(document.title), value);
    case "text":
      return wait(regex => new RegExp(regex).test(document.body.innerText), value);
    case "lost":
      return wait(() => !document.getElementById("lost").hidden);
    case "connected":
      return wait(() => document.getElementById("lost").hidden);
    case "shot":
      mkdirSync(options.shots, { recursive: true });
      for (const [size, width, height] of [["phone", 360, 740], ["desktop", 1200, 800]]) {
        for (const colorScheme of ["light", "dark"]) {
          await page.setViewportSize({ width, height });
          await page.emulateMedia({ colorScheme });
          const wide = await page.evaluate(() => document.documentElement.scrollWidth);
          if (wide > width) throw new Error(`${wide} pixels wide on a screen of ${width}`);
          await page.screenshot({ path: path.join(options.shots, `${value}-${size}-${colorScheme}.png`), fullPage: true });
        }
      }
      return;
    case "axe":
      return access(page);
    case "say":
      return;
    case "hear": {
      const { value: line } = await lines.next();
      if (line !== value) throw new Error(`heard ${line} instead of ${value}`);
      return;
    }
    default:
      throw new Error(`what is ${step}?`);
  }
}

// What a reader by ear, by keyboard, or with weak eyes needs.
async function access(page) {
  for (const colorScheme of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme });
    const found = await page.evaluate(() => {
      const found = [];
      const need = (right, text) => right || found.push(text);
      need(document.documentElement.lang === "en", "no language");
      need(document.querySelector("#summary[aria-live]"), "changes are not announced");
      need(document.querySelector("#lost[role=alert]"), "the loss of the connection is not announced");
      for (const svg of document.querySelectorAll("svg")) {
        need(svg.getAttribute("aria-hidden") === "true" || svg.getAttribute("aria-label"), "a picture without words");
      }
      for (const li of document.querySelectorAll("#peers > li")) {
        need(li.querySelector(".state").textContent.trim(), "a state that is only a colour");
        need(li.querySelector(".state path"), "a state without a shape");
      }
      for (const input of document.querySelectorAll("input")) {
        need(document.querySelector(`label[for="${input.id}"]`), "a field without a label");
      }
      const numbers = text => text.match(/[\d.]+/g).map(Number);
      const light = ([r, g, b]) => [r, g, b].map(v => v / 255)
        .map(v => v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4)
        .reduce((sum, v, at) => sum + v * [.2126, .7152, .0722][at], 0);
      const ground = node => {
        for (let at = node; at; at = at.parentElement) {
          const colour = numbers(getComputedStyle(at).backgroundColor);
          if (colour.length < 4 || colour[3] > 0) return colour;
        }
        return [255, 255, 255];
      };
      const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
      for (let text = walker.nextNode(); text; text = walker.nextNode()) {
        const node = text.parentElement;
        if (!text.textContent.trim() || !node.checkVisibility() || node.closest("script, .skip")) continue;
        const pair = [light(numbers(getComputedStyle(node).color)), light(ground(node))].sort((a, b) => b - a);
        const contrast = (pair[0] + .05) / (pair[1] + .05);
        need(contrast >= 4.5, `"${text.textContent.trim().slice(0, 30)}" has a contrast of ${contrast.toFixed(1)}`);
      }
      return found;
    });
    if (found.length) throw new Error(`${colorScheme}: ${[...new Set(found)].join("\n")}`);
  }
  // The keyboard reaches the numbers of the first peer.
  await page.evaluate(() => document.activeElement.blur());
  for (let at = 0; at < 3; at++) await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  const open = await page.evaluate(() => document.querySelectorAll("#peers details[open]").length);
  if (open < 1) {
    const where = await page.evaluate(() => document.activeElement.outerHTML.slice(0, 80));
    throw new Error(`the keyboard does not open the numbers of a peer; it is at ${where}`);
  }
}
