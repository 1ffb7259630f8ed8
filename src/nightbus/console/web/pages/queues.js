// Queues with their depth; dead-letter queues that hold something come first.
import { html, useMemo } from '../html.js'
import { usePages, useQuery } from '../hooks.js'
import { href, pathOf } from '../router.js'
import { age, number } from '../format.js'
import { Chip } from '../components/chip.js'
import { Empty, Loaded } from '../components/empty.js'
import { Search } from '../components/filters.js'
import { More } from '../components/more.js'
import { Page } from '../components/page.js'
import { ResourceLink } from '../components/resource_link.js'
import { Table } from '../components/table.js'

const COLUMNS = [
  {
    key: 'name',
    title: 'Queue',
    cell: row =>
      html`<a class="name" href=${href(pathOf('queues', row.name))}>${row.name}</a>${row.sources.length > 0 && html` <${Chip} kind=${row.visible ? 'bad' : ''}>dead letters<//>`}`,
  },
  { key: 'visible', title: 'Visible', num: true, cell: row => number(row.visible) },
  { key: 'in_flight', title: 'In flight', num: true, cell: row => number(row.in_flight) },
  { key: 'delayed', title: 'Delayed', num: true, wide: true, cell: row => number(row.delayed) },
  { key: 'oldest', title: 'Oldest', num: true, cell: row => (row.oldest ? age(Date.now() - row.oldest) : '') },
  {
    key: 'of',
    title: 'Dead letters of',
    wide: true,
    sort: false,
    cell: row =>
      row.sources.map((one, at) => html`${at > 0 && ', '}<${ResourceLink} arn=${one.arn} name=${one.name} />`),
  },
  {
    key: 'stack',
    title: 'Stack',
    wide: true,
    cell: row => row.stack && html`<a href=${href(pathOf('stacks', row.stack))}>${row.stack}</a>`,
  },
]

export default function Queues({ query }) {
  const [, change] = useQuery()
  const queues = usePages('/queues', 'queues', { limit: 1000 }, { every: 3000 })
  const rows = useMemo(() => arranged(queues.data?.queues ?? [], query.text), [queues.data, query.text])
  const empty = html`<div class="card"><${Empty} title=${query.text ? 'No queue has this text' : 'No queues yet'} command=${query.text ? '' : 'aws sqs create-queue --queue-name NAME'}>Deploy a template with a queue, or make one.<//></div>`
  return html`<${Page} title="Queues">
    <div class="filters"><${Search} value=${query.text} placeholder="Search name or stack" label="Search queues" onInput=${text => change({ text })} /></div>
    <${Loaded} from=${queues}>${() => html`<${Table} label="Queues" rows=${rows} rowKey=${row => row.name} columns=${COLUMNS} to=${row => href(pathOf('queues', row.name))} empty=${empty} />`}<//>
    <${More} list=${queues} shown=${queues.data?.queues.length} what="queues" />
  <//>`
}

function arranged(queues, text) {
  const shown = queues.filter(row =>
    `${row.name} ${row.stack ?? ''}`.toLowerCase().includes((text ?? '').toLowerCase()),
  )
  const urgent = row => (row.sources.length && row.visible ? 0 : 1)
  return shown.sort((a, b) => urgent(a) - urgent(b) || a.name.localeCompare(b.name))
}
