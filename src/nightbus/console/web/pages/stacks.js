// CloudFormation stacks and their state.
import { html, useMemo } from '../html.js'
import { usePages, useQuery } from '../hooks.js'
import { href, pathOf } from '../router.js'
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
    title: 'Stack',
    cell: row => html`<a class="name" href=${href(pathOf('stacks', row.name))}>${row.name}</a>`,
  },
  { key: 'status', title: 'State', cell: row => html`<${StateChip} state=${row.status} />` },
  { key: 'resources', title: 'Resources', num: true },
  { key: 'changed', title: 'Changed', cell: row => html`<${Time} ms=${row.changed} ago />` },
  {
    key: 'description',
    title: 'Description',
    wide: true,
    sort: false,
    cell: row => html`<span class="muted">${row.description}</span>`,
  },
]

export default function Stacks({ query }) {
  const [, change] = useQuery()
  const stacks = usePages('/stacks', 'stacks', { limit: 1000 }, { every: 3000 })
  const rows = useMemo(
    () => (stacks.data?.stacks ?? []).filter(row => row.name.toLowerCase().includes((query.text ?? '').toLowerCase())),
    [stacks.data, query.text],
  )
  const empty = html`<div class="card"><${Empty} title=${query.text ? 'No stack has this text' : 'No stacks yet'} command=${query.text ? '' : 'sam build && sam deploy --guided'}>What sam, cdk and aws cloudformation deploy appears here.<//></div>`
  return html`<${Page} title="Stacks">
    <div class="filters"><${Search} value=${query.text} placeholder="Search name" label="Search stacks" onInput=${text => change({ text })} /></div>
    <${Loaded} from=${stacks}>${() => html`<${Table} label="Stacks" rows=${rows} rowKey=${row => row.id ?? row.name} columns=${COLUMNS} to=${row => href(pathOf('stacks', row.name))} order=${{ key: 'changed', down: true }} empty=${empty} />`}<//>
    <${More} list=${stacks} shown=${stacks.data?.stacks.length} what="stacks" />
  <//>`
}
