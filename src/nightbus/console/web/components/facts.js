// Names and values of one thing, and times.
import { html } from '../html.js'
import { age, dateTime, when } from '../format.js'
import { CopyButton } from './copy.js'

/** `<${Facts} items=${[['Runtime', 'python3.12'], …]} />`; entries without a value (null, undefined, false, '') are left out. With `inline` side by side, each below its name. */
export function Facts({ items, inline = false }) {
  const shown = items.filter(item => item && item[1] !== undefined && item[1] !== null && item[1] !== false && item[1] !== '')
  if (inline) return html`<dl class="facts inline">${shown.map(([name, value]) => html`<div key=${name}><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>`
  return html`<dl class="facts">${shown.map(([name, value]) => html`<dt key=${name}>${name}</dt><dd>${value}</dd>`)}</dl>`
}

/** An id or ARN in the fixed font with a button that copies it. */
export const Id = ({ value }) => value && html`<span class="row"><code class="cut" title=${value}>${value}</code><${CopyButton} text=${value} /></span>`

/** A time; its whole form is in the tooltip. `ago` adds how long ago it was. */
export const Time = ({ ms, ago = false, millis = false }) => ms
  ? html`<time class="tabular nowrap" dateTime=${new Date(ms).toISOString()} title=${`${dateTime(ms)} · ${new Date(ms).toISOString()}`}>${when(ms, { millis })}</time>${
    ago && html`<span class="muted"> · ${age(Date.now() - ms)}${age(Date.now() - ms) === 'now' ? '' : ' ago'}</span>`}`
  : null
