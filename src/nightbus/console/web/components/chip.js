// The state of a thing as a coloured word.
import { html } from '../html.js'

const KINDS = {
  delivered: 'good', succeeded: 'good', enabled: 'good', active: 'good', matched: 'good', completed: 'good', running: 'accent',
  allowed: 'good', ok: 'good',
  failed: 'bad', error: 'bad', refused: 'bad', denied: 'bad', missed: 'bad', dead: 'bad', 'broken off': 'bad', timeout: 'bad',
  waiting: 'warn', 'will be tried again': 'warn', 'under way': 'accent', starting: 'accent', pending: 'warn', throttled: 'warn', absent: 'warn',
  retried: 'warn', unmatched: 'none', disabled: 'none', cancelled: 'none',
}
const SHORT = { 'will be tried again': 'retrying' }

/** `<${StateChip} state="delivered" />`; knows states of events, deliveries, invocations, rules, and CloudFormation's. */
export function StateChip({ state, label }) {
  const text = String(state ?? '')
  const low = text.toLowerCase()
  const kind = KINDS[low] ?? (/FAILED|ROLLBACK/.test(text) ? 'bad' : /COMPLETE$/.test(text) ? 'good' : /PROGRESS$/.test(text) ? 'accent' : '')
  return html`<span class=${`chip ${kind}`}>${label ?? SHORT[low] ?? text}</span>`
}

/** A neutral label: `<${Chip} kind="accent">cold start<//>`. */
export const Chip = ({ kind = '', children, ...rest }) => html`<span class=${`chip bare ${kind}`} ...${rest}>${children}</span>`
