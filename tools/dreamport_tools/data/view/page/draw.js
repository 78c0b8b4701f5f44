// What is drawn of an episode: a frame from a sheet, the path from above, the lanes of buttons and marks, the look.
"use strict";

const COLOURS = {
  accent: "#8fdcc6", soft: "#7c8694", line: "#2a303b", text: "#e8ebef",
  marks: { collision: "#f09a8c", jump: "#ff5d8f", "scene cut": "#ff5d8f", black: "#8b95a3", frozen: "#7fb2ff",
           idle: "#eac07a", gap: "#ff5d8f", redacted: "#b99cff" },
};
const LANE = 16, LABEL = 130;

const markColour = (kind) => COLOURS.marks[kind] || "#c8d06a";

// A canvas in device pixels, its context scaled to CSS pixels.
function prepared(canvas, width, height) {
  const scale = window.devicePixelRatio || 1;
  canvas.width = Math.round(width * scale);
  canvas.height = Math.round(height * scale);
  const context = canvas.getContext("2d");
  context.setTransform(scale, 0, 0, scale, 0, 0);
  context.clearRect(0, 0, width, height);
  return context;
}

function drawFrame(canvas, sheets, image, frame) {
  const { width, height, columns, aSheet } = sheets;
  if (canvas.width !== width || canvas.height !== height) { canvas.width = width; canvas.height = height; }
  const cell = frame % aSheet, context = canvas.getContext("2d");
  context.drawImage(image, (cell % columns) * width, Math.floor(cell / columns) * height, width, height,
                    0, 0, width, height);
}

// Metres to pixels of the path's canvas, seen from above: x to the right, z up.
function pathScale(rows, size) {
  const known = rows.x.map((x, i) => [x, rows.z[i]]).filter(([x, z]) => x !== null && z !== null);
  if (!known.length) return null;
  const xs = known.map(([x]) => x), zs = known.map(([, z]) => z);
  const low = [Math.min(...xs), Math.min(...zs)], high = [Math.max(...xs), Math.max(...zs)];
  const span = Math.max(high[0] - low[0], high[1] - low[1], 0.5), scale = (size - 36) / span;
  const place = (x, z) => [size / 2 + (x - (low[0] + high[0]) / 2) * scale,
                           size / 2 - (z - (low[1] + high[1]) / 2) * scale];
  return { span, place };
}

function drawPath(canvas, rows, frame) {
  const size = 250, context = prepared(canvas, size, size), scale = pathScale(rows, size);
  if (!scale) {
    context.fillStyle = COLOURS.soft;
    context.textAlign = "center";
    context.fillText("no poses were recorded", size / 2, size / 2);
    return null;
  }
  const cuts = new Set(rows.cuts);
  const trace = (first, end, colour, width) => {
    context.strokeStyle = colour;
    context.lineWidth = width;
    context.beginPath();
    let down = false;
    for (let i = first; i < end; i++) {
      if (rows.x[i] === null || cuts.has(i)) down = false;
      if (rows.x[i] === null) continue;
      const [x, y] = scale.place(rows.x[i], rows.z[i]);
      down ? context.lineTo(x, y) : context.moveTo(x, y);
      down = true;
    }
    context.stroke();
  };
  trace(0, rows.x.length, COLOURS.line, 2);
  trace(0, frame + 1, COLOURS.accent, 1.5);
  for (const [kind, first, end] of rows.marks) {
    if (kind === "collision") trace(Math.max(0, first - 1), end, markColour(kind), 3);
    if (kind === "jump" && rows.x[first] !== null) {
      const [x, y] = scale.place(rows.x[first], rows.z[first]);
      context.fillStyle = markColour(kind);
      context.fillRect(x - 4, y - 4, 8, 8);
    }
  }
  if (rows.x[frame] !== null) {
    const [x, y] = scale.place(rows.x[frame], rows.z[frame]), angle = rows.heading[frame] * Math.PI / 180;
    context.fillStyle = COLOURS.text;
    context.beginPath();
    context.moveTo(x + 11 * Math.sin(angle), y - 11 * Math.cos(angle));
    context.lineTo(x + 5 * Math.sin(angle + 2.4), y - 5 * Math.cos(angle + 2.4));
    context.lineTo(x + 5 * Math.sin(angle - 2.4), y - 5 * Math.cos(angle - 2.4));
    context.fill();
  }
  return scale;
}

// A lane a button, then a lane a kind of mark. Gives the function from a pixel to a frame.
function drawLanes(canvas, rows, buttons, frame) {
  const count = rows.held.length, kinds = [...new Set(rows.marks.map(([kind]) => kind))];
  const width = canvas.parentElement.clientWidth, height = (buttons.length + kinds.length) * LANE + 4;
  canvas.style.height = height + "px";
  const context = prepared(canvas, width, height), each = (width - LABEL) / count;
  context.font = "11px system-ui, sans-serif";
  context.textBaseline = "middle";
  const lane = (number, name, spans, colour) => {
    const top = number * LANE + 2;
    context.fillStyle = "#12151b";
    context.fillRect(LABEL, top, width - LABEL, LANE - 3);
    context.fillStyle = COLOURS.soft;
    context.fillText(name, 0, top + LANE / 2 - 1, LABEL - 8);
    context.fillStyle = colour;
    for (const [first, end] of spans) {
      context.fillRect(LABEL + first * each, top, Math.max(1.5, (end - first) * each), LANE - 3);
    }
  };
  buttons.forEach((name, bit) => {
    const spans = [];
    rows.held.forEach((held, i) => {
      if (!(held >>> bit & 1)) return;
      const last = spans[spans.length - 1];
      if (last && last[1] === i) last[1] = i + 1; else spans.push([i, i + 1]);
    });
    lane(bit, name, spans, COLOURS.accent);
  });
  kinds.forEach((kind, i) => {
    const spans = rows.marks.filter((mark) => mark[0] === kind).map(([, first, end]) => [first, end]);
    lane(buttons.length + i, kind, spans, markColour(kind));
  });
  context.fillStyle = COLOURS.text;
  context.fillRect(LABEL + (frame + 0.5) * each - 0.5, 0, 1, height);
  return (x) => Math.floor((x - LABEL) / each);
}

function drawLook(canvas, yaw, pitch, widest) {
  const context = prepared(canvas, 64, 64);
  canvas.style.width = canvas.style.height = "64px";
  context.strokeStyle = COLOURS.line;
  context.beginPath();
  context.arc(32, 32, 30, 0, 7);
  context.moveTo(32, 2); context.lineTo(32, 62); context.moveTo(2, 32); context.lineTo(62, 32);
  context.stroke();
  const reach = (v) => 28 * Math.max(-1, Math.min(1, v / widest));
  context.strokeStyle = context.fillStyle = COLOURS.accent;
  context.lineWidth = 3;
  context.beginPath();
  context.moveTo(32, 32); context.lineTo(32 + reach(yaw), 32 + reach(pitch));
  context.stroke();
  context.beginPath();
  context.arc(32 + reach(yaw), 32 + reach(pitch), 4, 0, 7);
  context.fill();
}
