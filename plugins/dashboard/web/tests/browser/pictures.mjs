// PNG files with at most 256 colours, and what differs between two pictures.
import { deflateSync } from "node:zlib";
import pixelmatch from "pixelmatch";
import { PNG } from "pngjs";

const crcs = Array.from({ length: 256 }, (_, n) => {
  for (let k = 0; k < 8; k++) n = n & 1 ? 0xedb88320 ^ (n >>> 1) : n >>> 1;
  return n >>> 0;
});
function chunk(type, data) {
  const body = Buffer.concat([Buffer.from(type, "latin1"), data]);
  let crc = 0xffffffff;
  for (const byte of body) crc = crcs[(crc ^ byte) & 255] ^ (crc >>> 8);
  const out = Buffer.alloc(body.length + 8);
  out.writeUInt32BE(data.length, 0);
  body.copy(out, 4);
  out.writeUInt32BE((crc ^ 0xffffffff) >>> 0, out.length - 4);
  return out;
}

/** A screenshot in 256 colours: the 128 most frequent ones, and of the others the most frequent of each shade, the most frequent shades first; what is
 *  left becomes the nearest of these. A quarter of the size, and alike to the eye. */
export function pack(png) {
  const { width, height, data } = PNG.sync.read(png);
  const colour = (i) => (data[i] << 16) | (data[i + 1] << 8) | data[i + 2];
  const counts = new Map();
  for (let i = 0; i < data.length; i += 4) counts.set(colour(i), (counts.get(colour(i)) ?? 0) + 1);
  const ranked = [...counts].sort((a, b) => b[1] - a[1] || a[0] - b[0]);
  const shades = new Map();
  for (const [c, n] of ranked.slice(128)) {
    const shade = c & 0xe0e0e0;
    const seen = shades.get(shade) ?? { c, n: 0 };
    shades.set(shade, { c: seen.c, n: seen.n + n });
  }
  const rest = [...shades.values()].sort((a, b) => b.n - a.n).slice(0, 128);
  const palette = [...ranked.slice(0, 128).map(([c]) => c), ...rest.map(({ c }) => c)];
  const places = new Map(palette.map((c, i) => [c, i]));
  const place = (c) => {
    let found = places.get(c);
    if (found !== undefined) return found;
    let least = Infinity;
    palette.forEach((p, i) => {
      const far = ((p >> 16) - (c >> 16)) ** 2 + (((p >> 8) & 255) - ((c >> 8) & 255)) ** 2 + ((p & 255) - (c & 255)) ** 2;
      if (far < least) [least, found] = [far, i];
    });
    places.set(c, found);
    return found;
  };
  const rows = Buffer.alloc((width + 1) * height);
  for (let y = 0; y < height; y++) for (let x = 0; x < width; x++) rows[y * (width + 1) + 1 + x] = place(colour((y * width + x) * 4));
  const head = Buffer.alloc(13);
  head.writeUInt32BE(width, 0);
  head.writeUInt32BE(height, 4);
  head.set([8, 3, 0, 0, 0], 8); // 8 bits, palette
  const colours = Buffer.from(palette.flatMap((c) => [c >> 16, (c >> 8) & 255, c & 255]));
  return Buffer.concat([Buffer.from("\x89PNG\r\n\x1a\n", "latin1"), chunk("IHDR", head), chunk("PLTE", colours), chunk("IDAT", deflateSync(rows, { level: 9 })), chunk("IEND", Buffer.alloc(0))]);
}

/** How many pixels differ to the eye, smoothed edges left out, and a picture of where. Of different sizes all do. */
export function compare(wanted, actual) {
  const [a, b] = [PNG.sync.read(wanted), PNG.sync.read(actual)];
  if (a.width !== b.width || a.height !== b.height) return { pixels: b.width * b.height, diff: actual };
  const diff = new PNG({ width: a.width, height: a.height });
  const pixels = pixelmatch(a.data, b.data, diff.data, a.width, a.height, { threshold: 0.1 });
  return { pixels, diff: PNG.sync.write(diff) };
}
