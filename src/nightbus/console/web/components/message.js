// Messages of a queue: the columns of their table, and one with all that is known of it.
import { html } from '../html.js'
import { count, number } from '../format.js'
import { href, pathOf } from '../router.js'
import { Chip } from './chip.js'
import { Facts, Id, Time } from './facts.js'
import { TextOrJson } from './json.js'
import { Button } from './page.js'
import { ResourceLink } from './resource_link.js'

const EventLink = ({ id, whole = false }) =>
  id ? html`<a href=${href(pathOf('events', id))}><code>${whole ? id : id.slice(0, 8)}</code></a>` : null

const SENT = { key: 'sent', title: 'Sent', cell: row => html`<${Time} ms=${row.sent} />` }
const EVENT = { key: 'event', title: 'Event', sort: false, cell: row => html`<${EventLink} id=${row.event_id} />` }
const BODY = {
  key: 'body',
  title: 'Body',
  sort: false,
  className: 'body-cell',
  cell: row => html`<code class="cut">${row.body.slice(0, 300)}</code>`,
}

export const MESSAGE_COLUMNS = [
  SENT,
  {
    key: 'state',
    title: 'State',
    cell: row => html`<${Chip} kind=${row.state === 'visible' ? '' : 'accent'}>${row.state}<//>`,
  },
  { key: 'receives', title: 'Receives', num: true, wide: true, cell: row => number(row.receives) },
  EVENT,
  BODY,
]

export const DEAD_COLUMNS = [
  SENT,
  { key: 'why', title: 'Why', sort: false, cell: row => html`<${Why} row=${row} />` },
  {
    key: 'source',
    title: 'Given up by',
    sort: false,
    wide: true,
    cell: row => row.failure?.source && html`<${ResourceLink} arn=${row.failure.source} />`,
  },
  EVENT,
  { ...BODY, wide: true, className: 'body-cell narrow' },
]

function Why({ row }) {
  const { code, message, condition } = row.failure ?? {}
  const said =
    message || condition || (row.receives ? `received ${count(row.receives, 'time')}` : 'taken and not deleted')
  return html`${code && html`<code class="bad-text">${code}</code> `}${said}`
}

/** One message with its body, and the reason where it is a dead letter. */
export function Message({ message, onClose }) {
  const { failure } = message
  return html`<div class="unfold-body stack" role="region" aria-label="Message">
    <div class="row"><h3 class="grow">Message</h3><${Button} kind="plain" small icon="close" label="Close" onClick=${onClose} /></div>
    <${Facts} items=${[
      ...(failure ? reason(failure) : []),
      ['Event', message.event_id && html`<${EventLink} id=${message.event_id} whole />`],
      ['Sent', html`<${Time} ms=${message.sent} ago />`],
      ['State', message.state],
      ['Receives', number(message.receives)],
      ['Group', message.group],
      ['Sequence', message.sequence],
      ['Message id', html`<${Id} value=${message.message_id} />`],
      ...Object.entries(message.attributes).map(([name, { value }]) => [name, html`<code>${value}</code>`]),
    ]} />
    <div class="boxed"><${TextOrJson} text=${message.body} label="Body" /></div>
  </div>`
}

const reason = failure => [
  ['Why', html`${failure.code && html`<code class="bad-text">${failure.code}</code> `}${failure.message}`],
  ['Condition', failure.condition],
  ['Given up by', failure.source && html`<${ResourceLink} arn=${failure.source} />`],
  ['Target', failure.target && html`<${ResourceLink} arn=${failure.target} />`],
  ['Attempts', failure.attempts || ''],
  ['Invocation', failure.request_id && html`<${InvocationLink} failure=${failure} />`],
]

function InvocationLink({ failure }) {
  const arn = [failure.source, failure.target].find(one => one.includes(':function:'))
  const id = html`<code>${failure.request_id}</code>`
  return arn
    ? html`<a href=${href(pathOf('functions', arn.split(':')[6]), { request: failure.request_id })}>${id}</a>`
    : id
}
