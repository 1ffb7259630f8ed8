// A row of numbers with their names.
import { html } from '../html.js'

/** `items`: `[[name, value, kind]]`; kind `bad` or `warn` colours the value. */
export const Stats = ({ items }) => html`<dl class="stats">
  ${items.filter(Boolean).map(([name, value, kind]) => html`<div key=${name} class="stat"><dt>${name}</dt><dd class=${kind ?? ''}>${value}</dd></div>`)}
</dl>`
