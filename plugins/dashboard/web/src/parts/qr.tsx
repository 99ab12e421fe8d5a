import generate from "qrcode-generator";
import { useMemo } from "preact/hooks";

/** A QR code in SVG. Dark on light in every theme: cameras want it so. Nothing when the text is too long for one. */
export function Qr({ text, label }: { text: string; label: string }) {
  const modules = useMemo(() => {
    try {
      const code = generate(0, "L");
      code.addData(text);
      code.make();
      return code;
    } catch {
      return null; // over 2953 bytes
    }
  }, [text]);
  if (!modules) return null;
  const count = modules.getModuleCount();
  const dark: string[] = [];
  for (let r = 0; r < count; r++) for (let c = 0; c < count; c++) if (modules.isDark(r, c)) dark.push(`M${c + 4} ${r + 4}h1v1h-1z`);
  return (
    <svg class="qr" viewBox={`0 0 ${count + 8} ${count + 8}`} role="img" aria-label={label} shape-rendering="crispEdges">
      <path d={dark.join("")} />
    </svg>
  );
}
