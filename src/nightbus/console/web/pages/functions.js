// Functions with what they did lately.
import { html, useMemo } from '../html.js'
import { isClustered } from '../api.js'
import { usePages, useQuery } from '../hooks.js'
import { href, pathOf } from '../router.js'
import { duration, number } from '../format.js'
import { StateChip } from '../components/chip.js'
import { Empty, Loaded } from '../components/empty.js'
import { Time } from '../components/facts.js'
import { Search } from '../components/filters.js'
import { More } from '../components/more.js'
import { Page } from '../components/page.js'
import { Table } from '../components/table.js'

const COLUMNS = [
  {
    key: 'name',
    title: 'Function',
    cell: row => html`<a class="name" href=${href(pathOf('functions', row.name))}>${row.name}</a>`,
  },
  { key: 'runtime', title: 'Runtime', wide: true },
  { key: 'state', title: 'State', cell: row => html`<${StateChip} state=${row.state} />` },
  { key: 'running', title: 'Running', num: true, wide: true, cell: row => row.running || '' },
  { key: 'invocations', title: 'Invocations', num: true, cell: row => number(row.invocations ?? 0) },
  {
    key: 'errors',
    title: 'Errors',
    num: true,
    cell: row => (row.errors ? html`<span class="bad-text">${number(row.errors)}</span>` : '0'),
  },
  { key: 'p50', title: 'p50', num: true, wide: true, cell: row => duration(row.p50) },
  { key: 'p95', title: 'p95', num: true, wide: true, cell: row => duration(row.p95) },
  { key: 'last', title: 'Last', wide: true, cell: row => html`<${Time} ms=${row.last} />` },
  {
    key: 'stack',
    title: 'Stack',
    wide: true,
    cell: row => row.stack && html`<a href=${href(pathOf('stacks', row.stack))}>${row.stack}</a>`,
  },
]

export default function Functions({ query }) {
  const [, change] = useQuery()
  const functions = usePages('/functions', 'functions', { limit: 1000 }, { every: 5000 })
  const rows = useMemo(
    () =>
      (functions.data?.functions ?? []).filter(row =>
        `${row.name} ${row.stack ?? ''}`.toLowerCase().includes((query.text ?? '').toLowerCase()),
      ),
    [functions.data, query.text],
  )
  const empty = html`<div class="card"><${Empty} title=${query.text ? 'No function has this text' : 'No functions yet'} command=${query.text ? '' : 'sam build && sam deploy --guided'}>Deploy a template with a function, and its invocations appear here.<//></div>`
  return html`<${Page} title="Functions" lead=${isClustered() ? 'Running, invocations and errors are those on this node since it started.' : ''}>
    <div class="filters"><${Search} value=${query.text} placeholder="Search name or stack" label="Search functions" onInput=${text => change({ text })} /></div>
    <${Loaded} from=${functions}>${() => html`<${Table} label="Functions" rows=${rows} rowKey=${row => row.name} columns=${COLUMNS} to=${row => href(pathOf('functions', row.name))} empty=${empty} />`}<//>
    <${More} list=${functions} shown=${functions.data?.functions.length} what="functions" />
  <//>`
}
