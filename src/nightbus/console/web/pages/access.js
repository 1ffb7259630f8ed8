// Who was refused what and why, with the statement that would allow it; and the audit trail.
import { html, useState } from '../html.js'
import { usePages, useQuery } from '../hooks.js'
import { href, pathOf } from '../router.js'
import { Chip } from '../components/chip.js'
import { Empty, Loaded } from '../components/empty.js'
import { Time } from '../components/facts.js'
import { Search, Select } from '../components/filters.js'
import { JsonView } from '../components/json.js'
import { More } from '../components/more.js'
import { Page } from '../components/page.js'
import { Table } from '../components/table.js'
import { Tabs } from '../components/tabs.js'

const TABS = [
  { key: '', title: 'Refused requests' },
  { key: 'trail', title: 'Audit trail' },
]

export default function Access({ query }) {
  const [, change] = useQuery()
  return html`<${Page} title="Access" lead="Requests that policies did not allow, and who changed what.">
    <${Tabs} label="Access" tabs=${TABS} active=${query.tab ?? ''} onChange=${tab => change({ tab, text: '' })}>
      ${query.tab === 'trail' ? html`<${Trail} query=${query} change=${change} />` : html`<${Refusals} query=${query} change=${change} />`}
    <//>
  <//>`
}

/** A caller without the account, which the page's scope says; the whole ARN is the tooltip. */
const Principal = ({ arn }) =>
  html`<code title=${arn}>${arn.startsWith('arn:') ? arn.split(':').slice(5).join(':') : arn}</code>`

const REFUSAL_COLUMNS = [
  { key: 'time', title: 'Time', cell: row => html`<${Time} ms=${row.time} />` },
  {
    key: 'action',
    title: 'Action',
    cell: row => html`<a class="name" href=${href(pathOf('access', row.id))}>${row.action}</a>`,
  },
  { key: 'principal', title: 'Caller', cell: row => html`<${Principal} arn=${row.principal} />` },
  { key: 'resource', title: 'Resource', wide: true, cell: row => html`<code>${row.resource}</code>` },
  { key: 'why', title: 'Why', wide: true, sort: false, cell: row => row.why },
]

function Refusals({ query, change }) {
  const refusals = usePages('/access/refusals', 'refusals', { limit: 200, text: query.text }, { every: 5000 })
  const empty = html`<div class="card"><${Empty} title=${query.text ? 'No refusal has this text' : 'Nothing was refused'}>A request that policies do not allow appears here with its reason, and with the smallest statement that would allow it.<//></div>`
  return html`<div class="filters"><${Search} value=${query.text} placeholder="Search action, caller or resource" label="Search refusals" onInput=${text => change({ text })} /></div>
    <${Loaded} from=${refusals}>${data => html`<${Table} label="Refused requests" rows=${data.refusals} columns=${REFUSAL_COLUMNS} to=${row => href(pathOf('access', row.id))} empty=${empty} />`}<//>
    <${More} list=${refusals} shown=${refusals.data?.refusals.length} what="refused requests" />`
}

const TRAIL_COLUMNS = [
  { key: 'time', title: 'Time', cell: row => html`<${Time} ms=${row.time} />` },
  {
    key: 'name',
    title: 'Call',
    cell: row => html`<span class="name">${row.name}</span> <span class="muted">${row.service}</span>`,
  },
  { key: 'principal', title: 'Caller', cell: row => html`<${Principal} arn=${row.principal} />` },
  {
    key: 'error',
    title: 'Outcome',
    cell: row => html`<${Chip} kind=${row.error ? 'bad' : 'good'}>${row.error || 'done'}<//>`,
  },
  { key: 'resource', title: 'Resource', wide: true, sort: false, cell: row => html`<code>${row.resource}</code>` },
]
const WRITES = [
  ['', 'Changes only'],
  ['all', 'All calls'],
]

function Trail({ query, change }) {
  const [open, setOpen] = useState(null)
  const trail = usePages('/access/trail', 'events', { limit: 200, text: query.text, reads: query.reads })
  const empty = html`<div class="card"><${Empty} title="No such call">Every call that changes something is recorded here.<//></div>`
  const shown = (trail.data?.events ?? []).find(row => row.id === open)
  return html`<div class="filters">
      <${Search} value=${query.text} placeholder="Search call, caller or resource" label="Search the trail" onInput=${text => change({ text })} />
      <${Select} label="Which calls" value=${query.reads ?? ''} options=${WRITES} onChange=${reads => change({ reads })} />
    </div>
    <div class="stack">
      ${shown && html`<div class="card"><div class="card-head"><h2>${shown.name}</h2></div><${JsonView} value=${shown.record} label="Record" /></div>`}
      <${Loaded} from=${trail}>${data => html`<${Table} label="Audit trail" rows=${data.events} columns=${TRAIL_COLUMNS} onOpen=${row => setOpen(row.id)} empty=${empty} />`}<//>
      <${More} list=${trail} shown=${trail.data?.events.length} what="calls" />
    </div>`
}
