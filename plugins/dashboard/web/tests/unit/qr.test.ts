import { describe, expect, it } from "vitest";
import { correction, formatBits, qr } from "../../src/lib/qr";

describe("a QR code", () => {
  it("corrects as the standard's example does", () => {
    expect(correction([32, 91, 11, 120, 209, 114, 220, 77, 67, 64, 236, 17, 236, 17, 236, 17], 10)).toEqual([196, 35, 39, 119, 235, 215, 231, 226, 93, 23]);
    expect(formatBits(0)).toBe(0b111011111000100);
    expect(formatBits(7)).toBe(0b110100101110110);
  });
  it("takes the smallest version, and says when none is large enough", () => {
    expect(qr("x".repeat(17))?.length).toBe(21);
    expect(qr("x".repeat(18))?.length).toBe(25);
    expect(qr("x".repeat(271))?.length).toBe(57);
    expect(qr("x".repeat(272))).toBeNull();
  });
  it("has its three finders and the timing between them", () => {
    const m = qr("otpauth://totp/z4j:admin%40localhost?secret=JBSWY3DPEHPK3PXP&issuer=z4j")!;
    const size = m.length;
    for (const [r, c] of [[0, 0], [0, size - 7], [size - 7, 0]] as const) {
      expect(m[r]!.slice(c, c + 7).every(Boolean)).toBe(true);
      expect(m[r + 1]!.slice(c + 1, c + 6).some(Boolean)).toBe(false);
      expect(m[r + 3]![c + 3]).toBe(true);
    }
    expect(m[6]!.slice(8, size - 8).every((on, i) => on === (i % 2 === 0))).toBe(true);
  });
});
