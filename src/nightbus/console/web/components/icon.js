// Icons of 16 px, drawn as strokes in the text's colour. They carry no meaning of their own: a label stands beside them.
import { html } from '../html.js'

const PATHS = {
  overview: 'M2.5 2.5h4.5v4.5h-4.5zM9 2.5h4.5v4.5H9zM2.5 9h4.5v4.5h-4.5zM9 9h4.5v4.5H9z',
  map: 'M4 6.2a2 2 0 1 0 0-4 2 2 0 0 0 0 4zM12 10a2 2 0 1 0 0-4 2 2 0 0 0 0 4zM4 13.8a2 2 0 1 0 0-4 2 2 0 0 0 0 4zM5.8 5l4.4 2.2M5.8 11l4.4-2.2',
  events: 'M2 4h12M2 8h8M2 12h10',
  send: 'M14 2 7.2 8.8M14 2 9.6 14l-2.4-5.2L2 6.4z',
  pattern: 'M5.5 2.5c-1.7 0-2 .8-2 2v1.7c0 1-.5 1.8-1.5 1.8 1 0 1.5.8 1.5 1.8v1.7c0 1.2.3 2 2 2M10.5 2.5c1.7 0 2 .8 2 2v1.7c0 1 .5 1.8 1.5 1.8-1 0-1.5.8-1.5 1.8v1.7c0 1.2-.3 2-2 2',
  rules: 'M2 3.5h4l4 9h4M2 12.5h4l1.2-2.7M8.8 6.2 10 3.5h4',
  logs: 'M3 2.5h7l3 3v8H3zM5.5 7h5M5.5 9.5h5M5.5 12h3',
  function: 'M3 13.5 8.2 5M5 2.5h1.5l5.5 11H13',
  queue: 'M2.5 3h11v3h-11zM2.5 8h11M2.5 10.5h11M2.5 13h11',
  stack: 'm8 2 6 3-6 3-6-3zM2 8l6 3 6-3M2 11l6 3 6-3',
  access: 'M8 1.8 13 3.5v4c0 3-2 5.2-5 6.7-3-1.5-5-3.7-5-6.7v-4zM5.8 8l1.6 1.6L10.4 6.4',
  bus: 'M2 5h12M2 11h12M5 5v6M11 5v6',
  search: 'M7 11.5a4.5 4.5 0 1 0 0-9 4.5 4.5 0 0 0 0 9zM10.3 10.3 14 14',
  menu: 'M2 4h12M2 8h12M2 12h12',
  close: 'm3.5 3.5 9 9M12.5 3.5l-9 9',
  sun: 'M8 11a3 3 0 1 0 0-6 3 3 0 0 0 0 6zM8 1v1.5M8 13.5V15M1 8h1.5M13.5 8H15M3 3l1 1M12 12l1 1M3 13l1-1M12 4l1-1',
  moon: 'M13.5 9.5A6 6 0 1 1 6.5 2.5a4.8 4.8 0 0 0 7 7z',
  auto: 'M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12zM8 2v12M8 5h4.5M8 8h6M8 11h4.5',
  pause: 'M5 3v10M11 3v10',
  play: 'M4.5 2.5v11l8.5-5.5z',
  copy: 'M5.5 5.5h8v8h-8zM3.5 10.5h-1v-8h8v1',
  check: 'm3 8.5 3.5 3.5L13 4.5',
  plus: 'M8 3v10M3 8h10',
  minus: 'M3 8h10',
  fit: 'M2.5 6v-3.5H6M10 2.5h3.5V6M13.5 10v3.5H10M6 13.5H2.5V10',
  down: 'm3.5 6 4.5 4.5L12.5 6',
  right: 'm6 3.5 4.5 4.5L6 12.5',
  left: 'M10 3.5 5.5 8l4.5 4.5',
  out: 'M6.5 3.5h-4v10h10v-4M9 2.5h4.5V7M13 3 7.5 8.5',
  reload: 'M13.5 8A5.5 5.5 0 1 1 11.6 3.8M13.5 2v3h-3',
  clock: 'M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12zM8 4.5V8l2.5 1.5',
  warn: 'M8 2 14.5 13.5h-13zM8 6.5v3.2M8 11.8v.2',
  help: 'M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12zM6.3 6.3C6.3 4.2 9.7 4.2 9.7 6.3c0 1.3-1.7 1.5-1.7 2.7M8 11.3v.2',
  archive: 'M2.5 3h11v3h-11zM3.5 6v7.5h9V6M6.5 9h3',
  topic: 'M3 8a5 5 0 0 1 5-5M5.5 8A2.5 2.5 0 0 1 8 5.5M8 13a5 5 0 0 0 5-5M8 10.5A2.5 2.5 0 0 0 10.5 8M8 8h.1',
  globe: 'M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12zM2 8h12M8 2c4 4 4 8 0 12M8 2c-4 4-4 8 0 12',
  bucket: 'M2.5 4.5h11l-1.5 9h-8zM2.5 4.5C2.5 2 13.5 2 13.5 4.5',
  table: 'M2.5 3h11v10h-11zM2.5 6.5h11M6.5 6.5V13',
  user: 'M8 8a2.8 2.8 0 1 0 0-5.6A2.8 2.8 0 0 0 8 8zM2.8 13.8c.5-5 9.9-5 10.4 0',
}

/** `<${Icon} name="queue" />`; an unknown name draws nothing. */
export function Icon({ name, size = 16 }) {
  return html`<svg width=${size} height=${size} viewBox="0 0 16 16" fill="none" stroke="currentColor" stroke-width="1.4"
    stroke-linecap="round" stroke-linejoin="round" aria-hidden="true"><path d=${PATHS[name] ?? ''} /></svg>`
}
export const iconPath = name => PATHS[name] ?? ''
