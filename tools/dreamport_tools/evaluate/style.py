"""The look of the report, for light and dark screens."""

STYLE = """
:root { color-scheme: light dark; --page: #f6f7f9; --card: #fff; --ink: #1c2330; --quiet: #667085;
  --rule: #dfe3ea;
  --good: #12805c; --bad: #c0362c; --band: #12805c1c;
  --c0: #2563eb; --c1: #d9480f; --c2: #0f9d76; --c3: #7a869a; --c4: #9333ea; --c5: #b45309; }
@media (prefers-color-scheme: dark) { :root { --page: #11151c; --card: #191f29; --ink: #e6e9ef;
  --quiet: #93a0b4; --rule: #2b3442;
  --good: #45c79a; --bad: #ff7b6f; --band: #45c79a1f;
  --c0: #7aa7ff; --c1: #ff9a62; --c2: #4cd1a3; --c3: #98a4b8; --c4: #c792ff; --c5: #e6a94f; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink); font: 15px/1.5 system-ui, sans-serif; }
main { max-width: 1320px; margin: 0 auto; padding: 32px 24px 64px; }
h1 { font-size: 26px; margin: 0 0 4px; } h2 { font-size: 18px; margin: 0 0 8px; }
section { background: var(--card); border: 1px solid var(--rule); border-radius: 10px; padding: 20px 22px;
  margin-top: 18px; }
.quiet { color: var(--quiet); }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th { text-align: left; font-weight: 600; color: var(--quiet); font-size: 13px; }
th, td { padding: 5px 14px 5px 0; border-bottom: 1px solid var(--rule); }
tbody tr:last-child td { border-bottom: 0; }
.met { color: var(--good); font-weight: 600; } .missed { color: var(--bad); font-weight: 600; }
.two { display: grid; grid-template-columns: repeat(auto-fit, minmax(440px, 1fr)); gap: 8px 24px; }
figure { margin: 16px 0 0; } figure img { width: 100%; height: auto; border-radius: 6px; display: block; }
figcaption { color: var(--quiet); font-size: 13px; margin-top: 4px; }
svg { width: 100%; height: auto; display: block; max-height: 720px; }
.grid { stroke: var(--rule); } .band { fill: var(--band); } .wall { stroke: var(--quiet); stroke-width: 1;
  fill: none; opacity: .7; }
.tick, .axis { fill: var(--quiet); font-size: 12px; } .line { fill: none; stroke-width: 2;
  stroke-linejoin: round; }
.line.c0 { stroke: var(--c0); } .line.c1 { stroke: var(--c1); } .line.c2 { stroke: var(--c2); }
.line.c3 { stroke: var(--c3); } .line.c4 { stroke: var(--c4); } .line.c5 { stroke: var(--c5); }
.dot.c0 { fill: var(--c0); } .dot.c1 { fill: var(--c1); } .dot.c2 { fill: var(--c2); }
.dot.c3 { fill: var(--c3); } .dot.c4 { fill: var(--c4); } .dot.c5 { fill: var(--c5); }
.legend { display: flex; flex-wrap: wrap; gap: 4px 16px; font-size: 13px; color: var(--quiet); }
.swatch { display: inline-block; width: 18px; border-top: 3px solid; margin-right: 6px;
  vertical-align: middle; }
.swatch.dashed { border-top-style: dashed; }
.swatch.c0 { color: var(--c0); } .swatch.c1 { color: var(--c1); } .swatch.c2 { color: var(--c2); }
.swatch.c3 { color: var(--c3); } .swatch.c4 { color: var(--c4); } .swatch.c5 { color: var(--c5); }
.facts td:first-child { color: var(--quiet); width: 260px; }
"""
