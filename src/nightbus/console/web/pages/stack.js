// One stack: its resources with links to their pages, its events, outputs and parameters, its template.
import { html } from '../html.js'
import { useLoad, usePages, useQuery } from '../hooks.js'
import { href, pathOf } from '../router.js'
import { StateChip } from '../components/chip.js'
import { CopyButton } from '../components/copy.js'
import { Empty, Loaded } from '../components/empty.js'
import { Facts, Id, Time } from '../components/facts.js'
import { More } from '../components/more.js'
import { Card, Page } from '../components/page.js'
import { Table } from '../components/table.js'
import { Tabs } from '../components/tabs.js'
import { pageOfArn, pageOfType } from '../resource_links.js'

const TABS = [
  { key: '', title: 'Resources' },
  { key: 'events', title: 'Events' },
  { key: 'outputs', title: 'Outputs and parameters' },
  { key: 'template', title: 'Template' },
]

export default function Stack({ params, query }) {
  const [, change] = useQuery()
  const stack = useLoad(pathOf('stacks', params.name), {}, { every: 3000 })
  return html`<${Page} title=${params.name} mono crumbs=${[['Stacks', '/stacks']]} lead=${stack.data?.description} beside=${stack.data && html`<${StateChip} state=${stack.data.status} />`}>
    <${Loaded} from=${stack}>${data => html`
      ${data.reason && html`<p class="note bad stack-reason">${data.reason}</p>`}
      <${Tabs} label="Stack" tabs=${TABS} active=${query.tab ?? ''} onChange=${tab => change({ tab })}>
        ${!query.tab && html`<${Resources} data=${data} />`}
        ${query.tab === 'events' && html`<${Events} name=${params.name} />`}
        ${query.tab === 'outputs' && html`<${Outputs} data=${data} />`}
        ${query.tab === 'template' && html`<${Template} data=${data} />`}
      <//>`}<//>
  <//>`
}

const RESOURCE_COLUMNS = [
  { key: 'logical_id', title: 'Logical id', cell: row => html`<${ResourceName} row=${row} />` },
  { key: 'type', title: 'Type', wide: true },
  {
    key: 'status',
    title: 'State',
    cell: row =>
      html`<${StateChip} state=${row.status} />${row.reason && html`<div class="bad-text small-text">${row.reason}</div>`}`,
  },
  { key: 'physical_id', title: 'Physical id', wide: true, cell: row => html`<code>${row.physical_id}</code>` },
  { key: 'changed', title: 'Changed', wide: true, cell: row => html`<${Time} ms=${row.changed} />` },
]

const pageOf = row => pageOfType(row.type, row.physical_id) ?? pageOfArn(row.arn)

function ResourceName({ row }) {
  const page = pageOf(row)
  return page
    ? html`<a class="strong" href=${page}>${row.logical_id}</a>`
    : html`<span class="name">${row.logical_id}</span>`
}

const Resources = ({
  data,
}) => html`<${Table} label="Resources" rows=${data.resources} rowKey=${row => row.logical_id} columns=${RESOURCE_COLUMNS}
  empty=${html`<div class="card"><${Empty} title="No resources" /></div>`} />`

const EVENT_COLUMNS = [
  { key: 'time', title: 'Time', cell: row => html`<${Time} ms=${row.time} millis />` },
  { key: 'logical_id', title: 'Logical id', cell: row => html`<span class="name">${row.logical_id}</span>` },
  { key: 'status', title: 'State', cell: row => html`<${StateChip} state=${row.status} />` },
  {
    key: 'reason',
    title: 'Reason',
    sort: false,
    cell: row =>
      row.reason && html`<span class=${/FAILED/.test(row.status) ? 'bad-text' : 'muted'}>${row.reason}</span>`,
  },
  { key: 'type', title: 'Type', wide: true },
]

function Events({ name }) {
  const events = usePages(`${pathOf('stacks', name)}/events`, 'events', { limit: 500 }, { every: 3000 })
  return html`<${Loaded} from=${events}>${data => html`<${Table} label="Events of the stack" rows=${data.events} rowKey=${row => row.id} columns=${EVENT_COLUMNS} />
    <${More} list=${events} shown=${data.events.length} what="events" />`}<//>`
}

function Outputs({ data }) {
  const none = text => html`<p class="muted">${text}</p>`
  return html`<div class="columns">
    <${Card} title="Outputs">${
      data.outputs.length
        ? html`<${Facts} items=${data.outputs.map(one => [one.key, html`<${Value} text=${one.value} />${one.description && html`<div class="muted">${one.description}</div>`}`])} />`
        : none('None.')
    }<//>
    <${Card} title="Parameters">${data.parameters.length ? html`<${Facts} items=${data.parameters.map(one => [one.key, html`<code>${one.value}</code>`])} />` : none('None.')}<//>
    <${Card} title="Stack"><${Facts} items=${[
      ['Created', html`<${Time} ms=${data.created} />`],
      ['Changed', html`<${Time} ms=${data.changed} />`],
      ['Parent', data.parent && html`<a href=${pageOfArn(data.parent)}>${data.parent}</a>`],
      ['Id', html`<${Id} value=${data.id} />`],
    ]} /><//>
  </div>`
}

function Value({ text }) {
  const page = text.startsWith('arn:') && pageOfArn(text)
  return page ? html`<a href=${page}><code>${text}</code></a>` : html`<${Id} value=${text} />`
}

const Template = ({
  data,
}) => html`<${Card} title="Template" flush end=${html`<${CopyButton} text=${data.template} label="Copy the template" />`}>
  <pre class="text-block padded" tabindex="0" aria-label="Template">${data.template}</pre>
<//>`
