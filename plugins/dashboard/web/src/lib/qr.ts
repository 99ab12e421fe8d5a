/** A QR code (ISO/IEC 18004): bytes, error correction L, versions 1 to 10, which carries 271 bytes. Rows of modules, true is dark. */

/** Per version: codewords in all, those of correction in a block, blocks. */
const VERSIONS: readonly (readonly [all: number, correction: number, blocks: number])[] = [[26, 7, 1], [44, 10, 1], [70, 15, 1], [100, 20, 1], [134, 26, 1], [172, 18, 2], [196, 20, 2], [242, 24, 2], [292, 30, 2], [346, 18, 4]];
const ALIGN: readonly (readonly number[])[] = [[], [6, 18], [6, 22], [6, 26], [6, 30], [6, 34], [6, 22, 38], [6, 24, 42], [6, 26, 46], [6, 28, 50]];

const EXP = new Uint8Array(512);
const LOG = new Uint8Array(256);
for (let i = 0, x = 1; i < 255; i++) {
  EXP[i] = EXP[i + 255] = x;
  LOG[x] = i;
  x = (x << 1) ^ (x & 0x80 ? 0x11d : 0);
}
const times = (a: number, b: number): number => (a && b ? EXP[LOG[a]! + LOG[b]!]! : 0);

/** The remainder of Reed and Solomon. */
export function correction(data: readonly number[], length: number): number[] {
  let divisor = [1];
  for (let i = 0; i < length; i++) {
    const next = [...divisor, 0];
    divisor.forEach((c, k) => (next[k + 1]! ^= times(c, EXP[i]!)));
    divisor = next;
  }
  const rest: number[] = new Array<number>(length).fill(0);
  for (const byte of data) {
    const factor = byte ^ rest.shift()!;
    rest.push(0);
    for (let i = 0; i < length; i++) rest[i]! ^= times(divisor[i + 1]!, factor);
  }
  return rest;
}

function codewords(bytes: Uint8Array, version: number): number[] {
  const [all, ec, blocks] = VERSIONS[version - 1]!;
  const room = all - ec * blocks;
  const bits: number[] = [];
  const put = (value: number, length: number) => {
    for (let i = length - 1; i >= 0; i--) bits.push((value >> i) & 1);
  };
  put(4, 4);
  put(bytes.length, version < 10 ? 8 : 16);
  for (const byte of bytes) put(byte, 8);
  put(0, Math.min(4, room * 8 - bits.length));
  while (bits.length % 8) bits.push(0);
  const data: number[] = [];
  for (let i = 0; i < bits.length; i += 8) data.push(bits.slice(i, i + 8).reduce((sum, bit) => sum * 2 + bit, 0));
  for (let pad = 0xec; data.length < room; pad ^= 0xec ^ 0x11) data.push(pad);
  const short = Math.floor(room / blocks);
  const parts: number[][] = [];
  for (let i = 0, at = 0; i < blocks; i++) {
    const length = short + (i >= blocks - (room % blocks) ? 1 : 0);
    parts.push(data.slice(at, at + length));
    at += length;
  }
  const ends = parts.map((part) => correction(part, ec));
  const out: number[] = [];
  for (let i = 0; i <= short; i++) for (const part of parts) if (i < part.length) out.push(part[i]!);
  for (let i = 0; i < ec; i++) for (const end of ends) out.push(end[i]!);
  return out;
}

const MASKS: readonly ((r: number, c: number) => boolean)[] = [
  (r, c) => (r + c) % 2 === 0, (r) => r % 2 === 0, (_, c) => c % 3 === 0, (r, c) => (r + c) % 3 === 0,
  (r, c) => (Math.floor(r / 2) + Math.floor(c / 3)) % 2 === 0, (r, c) => ((r * c) % 2) + ((r * c) % 3) === 0,
  (r, c) => (((r * c) % 2) + ((r * c) % 3)) % 2 === 0, (r, c) => (((r + c) % 2) + ((r * c) % 3)) % 2 === 0,
];

function remainder(value: number, divisor: number, bits: number): number {
  let rest = value << bits;
  const top = 31 - Math.clz32(divisor);
  while (rest && 31 - Math.clz32(rest) >= top) rest ^= divisor << (31 - Math.clz32(rest) - top);
  return rest;
}
/** Level L and the mask, with their own correction. */
export const formatBits = (mask: number): number => ((0b01000 | mask) << 10 | remainder(0b01000 | mask, 0x537, 10)) ^ 0x5412;

/** How hard a picture is to read: long runs, blocks, false finders, and a bias of dark or light. */
function penalty(m: readonly boolean[][]): number {
  const size = m.length;
  let sum = 0;
  let dark = 0;
  for (const across of [true, false])
    for (let a = 0; a < size; a++) {
      let run = 0;
      let last: boolean | null = null;
      let line = "";
      for (let b = 0; b < size; b++) {
        const on = across ? m[a]![b]! : m[b]![a]!;
        line += on ? "1" : "0";
        run = on === last ? run + 1 : 1;
        last = on;
        if (run === 5) sum += 3;
        else if (run > 5) sum++;
      }
      for (let at = 0; at + 11 <= size; at++) if (/^(10111010000|00001011101)$/.test(line.slice(at, at + 11))) sum += 40;
    }
  for (let r = 0; r < size; r++)
    for (let c = 0; c < size; c++) {
      if (m[r]![c]) dark++;
      if (r && c && m[r]![c] === m[r - 1]![c] && m[r]![c] === m[r]![c - 1] && m[r]![c] === m[r - 1]![c - 1]) sum += 3;
    }
  return sum + Math.floor(Math.abs((dark * 20) / (size * size) - 10)) * 10;
}

/** Null when the text is too long. */
export function qr(text: string): boolean[][] | null {
  const bytes = new TextEncoder().encode(text);
  const version = VERSIONS.findIndex(([all, ec, blocks], i) => (all - ec * blocks) * 8 >= 4 + (i < 9 ? 8 : 16) + bytes.length * 8) + 1;
  if (!version) return null;
  const size = 17 + 4 * version;
  const base: (boolean | null)[][] = Array.from({ length: size }, () => new Array<boolean | null>(size).fill(null));
  const set = (r: number, c: number, on: boolean) => {
    if (r >= 0 && c >= 0 && r < size && c < size) base[r]![c] = on;
  };
  for (const [r, c] of [[3, 3], [3, size - 4], [size - 4, 3]] as const)
    for (let y = -4; y <= 4; y++) for (let x = -4; x <= 4; x++) {
      const far = Math.max(Math.abs(x), Math.abs(y));
      set(r + y, c + x, far !== 2 && far !== 4);
    }
  const places = ALIGN[version - 1]!;
  for (const r of places) for (const c of places) {
    if (base[r]![c] !== null) continue;
    for (let y = -2; y <= 2; y++) for (let x = -2; x <= 2; x++) set(r + y, c + x, Math.max(Math.abs(x), Math.abs(y)) !== 1);
  }
  for (let i = 8; i < size - 8; i++) {
    base[6]![i] ??= i % 2 === 0;
    base[i]![6] ??= i % 2 === 0;
  }
  const put = (m: (boolean | null)[][], mask: number) => {
    const bits = formatBits(mask);
    for (let i = 0; i < 15; i++) {
      const on = ((bits >> i) & 1) === 1;
      if (i < 6) m[i]![8] = on;
      else if (i < 8) m[i + 1]![8] = on;
      else m[size - 15 + i]![8] = on;
      if (i < 8) m[8]![size - 1 - i] = on;
      else if (i < 9) m[8]![7] = on;
      else m[8]![14 - i] = on;
    }
    m[size - 8]![8] = true;
  };
  put(base, 0);
  if (version >= 7) {
    const bits = (version << 12) | remainder(version, 0x1f25, 12);
    for (let i = 0; i < 18; i++) {
      const on = ((bits >> i) & 1) === 1;
      base[Math.floor(i / 3)]![size - 11 + (i % 3)] = on;
      base[size - 11 + (i % 3)]![Math.floor(i / 3)] = on;
    }
  }
  const words = codewords(bytes, version);
  let best: boolean[][] | null = null;
  let least = Infinity;
  for (let mask = 0; mask < 8; mask++) {
    const m = base.map((row) => [...row]);
    let bit = 0;
    for (let right = size - 1, up = true; right > 0; right -= 2, up = !up) {
      if (right === 6) right = 5;
      for (let i = 0; i < size; i++) {
        const r = up ? size - 1 - i : i;
        for (const c of [right, right - 1]) {
          if (base[r]![c] !== null) continue;
          const on = (((words[bit >> 3] ?? 0) >> (7 - (bit & 7))) & 1) === 1;
          bit++;
          m[r]![c] = on !== MASKS[mask]!(r, c);
        }
      }
    }
    put(m, mask);
    const done = m as boolean[][];
    const cost = penalty(done);
    if (cost < least) {
      least = cost;
      best = done;
    }
  }
  return best;
}
