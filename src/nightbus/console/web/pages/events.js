// The events that the buses accepted, newest first, live.
import { html } from '../html.js'
import { Page } from '../components/page.js'
import { Loaded } from '../components/empty.js'
import { Table } from '../components/table.js'
import { StateChip } from '../components/chip.js'
import { Time } from '../components/facts.js'
import { useLoad } from '../hooks.js'

const COLUMNS = [
  { key: 'time', title: 'Time', cell: event => html`<${Time} ms=${event.time} millis />` },
  { key: 'source', title: 'Source' },
  { key: 'detail_type', title: 'Detail type', cell: event => html`<span class="name">${event.detail_type}</span>` },
  { key: 'rules', title: 'Rules', sort: false, wide: true, cell: event => event.rules.join(', ') },
  { key: 'state', title: 'State', cell: event => html`<${StateChip} state=${event.state} />` },
]

export default function Events() {
  const events = useLoad('/events', { limit: 50 })
  return html`<${Page} title="Events"><${Loaded} from=${events}>${data => html`
    <${Table} label="Events" columns=${COLUMNS} rows=${data.events} />`}<//><//>`
}
