// Inverse depth as false colour: near is warm, far is blue, infinity is black.

/**
 * Turbo at 256 steps, R, G, B, A: the polynomial fit of Google's colour map (A. Mikhailov, 2019, Apache-2.0).
 * @returns {Uint32Array}
 */
function turbo() {
  const table = new Uint8ClampedArray(256 * 4);
  for (let i = 1; i < 256; i++) {
    const x = 0.06 + (0.9 * i) / 255;
    const [x2, x3] = [x * x, x * x * x];
    const [x4, x5] = [x2 * x2, x2 * x3];
    const r = 0.13572138 + 4.6153926 * x - 42.66032258 * x2 + 132.13108234 * x3 - 152.94239396 * x4 + 59.28637943 * x5;
    const g = 0.09140261 + 2.19418839 * x + 4.84296658 * x2 - 14.18503333 * x3 + 4.27729857 * x4 + 2.82956604 * x5;
    const b = 0.1066733 + 12.64194608 * x - 60.58204836 * x2 + 110.36276771 * x3 - 89.90310912 * x4 + 27.34824973 * x5;
    table.set([r * 255, g * 255, b * 255, 255], i * 4);
  }
  table.set([0, 0, 0, 255], 0);
  return new Uint32Array(table.buffer);
}

const COLOURS = turbo();

/**
 * Colours by the upper 12 bits of an inverse depth, evenly spread over the logarithm of depth from near to far.
 * @param {number} near metres
 * @param {number} far metres
 * @returns {Uint32Array}
 */
export function depthColours(near, far) {
  const octaves = Math.log(Math.max(far / near, 2));
  return Uint32Array.from({ length: 4096 }, (_, value) => {
    if (value === 0) return COLOURS[0];
    const depth = Math.log(4095 / value) / octaves;
    return COLOURS[Math.max(1, Math.round(255 * (1 - Math.min(1, depth))))];
  });
}

/**
 * @param {Uint8Array} bytes little-endian uint16 a pixel: round(65535 * near / depth)
 * @param {Uint32Array} colours of `depthColours`
 * @param {ImageData} image receives the colours; as many pixels as `bytes` has values
 */
export function paintDepth(bytes, colours, image) {
  const out = new Uint32Array(image.data.buffer);
  const count = Math.min(out.length, bytes.length >> 1);
  for (let i = 0; i < count; i++) out[i] = colours[(bytes[2 * i] | (bytes[2 * i + 1] << 8)) >> 4];
}
