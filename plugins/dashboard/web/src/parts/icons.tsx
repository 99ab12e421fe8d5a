/** Shapes of 16 by 16, drawn with strokes. States have their own, in state.tsx. */
export const paths = {
  alerts: "M4 11V7a4 4 0 0 1 8 0v4l1.2 1.5H2.8ZM6.8 14.3h2.4",
  audit: "M8 2 13 4v4c0 3-2.1 5-5 6-2.9-1-5-3-5-6V4Z",
  bulk: "M8 2.5 13.5 5.3 8 8.1 2.5 5.3ZM2.5 8.2 8 11l5.5-2.8M2.5 10.9 8 13.7l5.5-2.8",
  byname: "M3.5 13V9M8 13V3.5M12.5 13V6.5",
  columns: "M2.5 3h11v10h-11zM6.2 3v10M9.8 3v10",
  copy: "M5.5 5.5h8v8h-8zM3.5 10.5h-1v-8h8v1",
  down: "M4.5 6.5 8 10l3.5-3.5",
  download: "M8 2.5v8M4.8 7.5 8 10.7l3.2-3.2M2.5 13.5h11",
  edit: "M3 13l.6-2.8L10.8 3l2.2 2.2-7.2 7.2Z",
  errors: "M8 2.8 14 13H2ZM8 6.8v2.7M8 11.2v.1",
  expand: "M3 10v3h3M13 6V3h-3M3 13l4-4M13 3 9 7",
  ext: "M9 3h4v4M13 3 7.5 8.5M11 9.5V13H3V5h3.5",
  filter: "M2.5 3.5h11L9.5 8.5v4l-3 1v-5Z",
  flag: "M4 14V2.5M4 3h8l-2 3 2 3H4",
  fleet: "M2.5 3h11v4h-11zM2.5 9h11v4h-11zM5 5h.1M5 11h.1",
  info: "M8 2.5a5.5 5.5 0 1 0 0 11 5.5 5.5 0 0 0 0-11M8 7.4v3.4M8 5.2v.1",
  key: "M5.5 6.5a2.5 2.5 0 1 0 0 5 2.5 2.5 0 0 0 0-5M7.4 7.4 13 2.5M11 4.3l1.8 1.8",
  link: "M6.5 9.5l3-3M7 4.8l1-1a2.8 2.8 0 0 1 4 4l-1 1M9 11.2l-1 1a2.8 2.8 0 0 1-4-4l1-1",
  lock: "M4 7.5h8v6H4zM5.5 7.5V5a2.5 2.5 0 0 1 5 0v2.5",
  more: "M3.5 8h.1M8 8h.1M12.5 8h.1",
  now: "M1.5 8h3l2-4.5 3 9L11.5 8h3",
  pause: "M5.5 3.5v9M10.5 3.5v9",
  play: "M5 3.5v9l7-4.5Z",
  plugins: "M6 2.2v3M10 2.2v3M4.5 5.2h7v2.6a3.5 3.5 0 0 1-7 0ZM8 11.4v2.4",
  plus: "M8 3v10M3 8h10",
  queues: "M2.5 4h11M4.5 8h7M6.5 12h3",
  retry: "M13 8a5 5 0 1 1-1.5-3.6M13 2.5v3h-3",
  right: "M6.5 4.5 10 8l-3.5 3.5",
  scale: "M3 13V3M13 13V3M5.5 8h5M7 6 5.2 8 7 10M9 6l1.8 2L9 10",
  schedules: "M8 2.5a5.5 5.5 0 1 0 0 11 5.5 5.5 0 0 0 0-11M8 5.2v3l2 1.4",
  search: "M7 2.5a4.5 4.5 0 1 0 0 9 4.5 4.5 0 0 0 0-9M10.3 10.3 13.5 13.5",
  settings: "M2.5 5h5.6M11.4 5h2.1M2.5 11h2.1M7.9 11h5.6M9.8 3.4v3.2M6.2 9.4v3.2",
  star: "M8 2.5l1.7 3.6 3.8.5-2.8 2.7.7 3.9L8 11.3l-3.4 1.9.7-3.9L2.5 6.6l3.8-.5Z",
  stop: "M4 4h8v8H4z",
  tasks: "M2.5 4h11M2.5 8h11M2.5 12h7",
  theme: "M8 2.5a5.5 5.5 0 1 0 0 11ZM8 2.5a5.5 5.5 0 0 1 0 11",
  user: "M8 2.5a2.7 2.7 0 1 0 0 5.4 2.7 2.7 0 0 0 0-5.4M3 13.5c.6-2.6 2.5-4 5-4s4.4 1.4 5 4",
  x: "M4 4l8 8M12 4l-8 8",
  menu: "M2.5 4h11M2.5 8h11M2.5 12h11",
  left: "M9.5 4.5 6 8l3.5 3.5",
  up: "M4.5 9.5 8 6l3.5 3.5",
  check: "M3 8.5 6.5 12 13 4.5",
  eye: "M1.5 8s2.4-4.3 6.5-4.3S14.5 8 14.5 8s-2.4 4.3-6.5 4.3S1.5 8 1.5 8M8 6.2a1.8 1.8 0 1 0 0 3.6 1.8 1.8 0 0 0 0-3.6",
  trash: "M3 4.5h10M6.5 4.5v-2h3v2M4.5 4.5l.6 9h5.8l.6-9",
  collapse: "M9.5 4.5 6 8l3.5 3.5M12.5 3v10",
  out: "M6.5 2.5h-4v11h4M6.5 8h7M11 5.5 13.5 8 11 10.5",
  chart: "M2.5 2.5v11h11M5 10l2.5-3 2 1.5L13 4.5",
  table: "M2.5 3h11v10h-11zM2.5 6.3h11M2.5 9.6h11",
  send: "M2.5 8 13.5 3l-3 10-3-4ZM7.5 9l6-6",
} as const;
export type IconName = keyof typeof paths;

export function Icon({ name, small = false }: { name: IconName; small?: boolean }) {
  return (
    <svg class={small ? "i s" : "i"} viewBox="0 0 16 16" aria-hidden="true">
      <path d={paths[name]} />
    </svg>
  );
}
