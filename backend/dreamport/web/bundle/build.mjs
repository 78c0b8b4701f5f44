// Makes ../static/vendor from the pinned packages and from /proto: `npm ci && npm run build`.
// `npm run drift` makes it again elsewhere and fails if what is committed differs.

import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const vendor = join(here, "..", "static", "vendor");
const proto = join(here, "..", "..", "..", "..", "proto");
const bundles = ["wire", "plot", "markdown"];
const bundled = ["@bufbuild/protobuf", "uplot", "marked"];

/** @param {string} out folder that receives the bundles */
async function make(out) {
  const bin = join(here, "node_modules", ".bin");
  execFileSync(join(bin, "buf"), ["generate", proto, "--template", "buf.gen.yaml"], {
    cwd: here,
    env: { ...process.env, PATH: `${bin}:${process.env.PATH}` },
    stdio: "inherit",
  });
  for (const name of bundles) {
    await build({
      entryPoints: [join(here, `${name}.js`)],
      outfile: join(out, `${name}.js`),
      bundle: true,
      format: "esm",
      target: "es2022",
      minify: true,
      legalComments: "none",
      banner: { js: "// Made by ../../bundle/build.mjs; see licences.txt. Do not edit." },
      logLevel: "warning",
    });
  }
  writeFileSync(join(out, "uplot.css"), readFileSync(join(here, "node_modules/uplot/dist/uPlot.min.css")));
  writeFileSync(join(out, "licences.txt"), bundled.map(licence).join("\n"));
}

/** @param {string} name package whose licence text is kept beside the bundle */
function licence(name) {
  const folder = join(here, "node_modules", name);
  const about = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  const file = readdirSync(folder).find((entry) => /^licen[cs]e/i.test(entry));
  // protobuf-es ships no licence file: its notices are the first comments of its sources.
  const text = file
    ? readFileSync(join(folder, file), "utf8")
    : ["create.js", "wire/varint.js"].map((source) => firstComment(join(folder, "dist/esm", source))).join("\n\n");
  return `==== ${name} ${about.version} (${about.license}) ====\n\n${text.trim()}\n`;
}

/** @param {string} source */
function firstComment(source) {
  const lines = readFileSync(source, "utf8").split("\n");
  const end = lines.findIndex((line) => !line.startsWith("//"));
  return lines.slice(0, end).map((line) => line.replace(/^\/\/ ?/, "")).join("\n");
}

if (process.argv.includes("--check")) {
  const fresh = mkdtempSync(join(tmpdir(), "dreamport-vendor-"));
  try {
    await make(fresh);
    const stale = readdirSync(fresh).filter((name) => {
      const committed = readdirSync(vendor).includes(name) ? readFileSync(join(vendor, name)) : Buffer.alloc(0);
      return !readFileSync(join(fresh, name)).equals(committed);
    });
    if (stale.length > 0) {
      console.error(`static/vendor is out of date (${stale.join(", ")}): run npm run build in web/bundle and commit.`);
      process.exit(1);
    }
    console.log("static/vendor is up to date");
  } finally {
    rmSync(fresh, { recursive: true });
  }
} else {
  await make(vendor);
}
