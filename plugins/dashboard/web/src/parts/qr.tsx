import { useMemo } from "preact/hooks";
import { qr } from "../lib/qr";

/** Dark on light in every theme: cameras want it so. Nothing when the text is too long for it. */
export function Qr({ text, label }: { text: string; label: string }) {
  const modules = useMemo(() => qr(text), [text]);
  if (!modules) return null;
  const size = modules.length + 8;
  return (
    <svg class="qr" viewBox={`0 0 ${size} ${size}`} role="img" aria-label={label} shape-rendering="crispEdges">
      <path d={modules.flatMap((row, r) => row.map((on, c) => (on ? `M${c + 4} ${r + 4}h1v1h-1z` : ""))).join("")} />
    </svg>
  );
}
