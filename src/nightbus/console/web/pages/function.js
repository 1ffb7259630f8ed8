// One function: its invocations with duration and cold starts, a way to invoke it, its configuration.
import { html, useState } from '../html.js'
import { isClustered, post } from '../api.js'
import { useLoad, usePages, useQuery } from '../hooks.js'
import { ofTab } from '../memory.js'
import { href, pathOf } from '../router.js'
import { loadEvent } from '../event_text.js'
import { bytes, count, duration, number } from '../format.js'
import { useAction } from '../components/action.js'
import { Columns } from '../components/chart.js'
import { Chip, StateChip } from '../components/chip.js'
import { Choose, eventLabel } from '../components/choose.js'
import { Empty, Failure, Loaded } from '../components/empty.js'
import { Facts, Id, Time } from '../components/facts.js'
import { Check } from '../components/filters.js'
import { TextOrJson } from '../components/json.js'
import { JsonEditor } from '../components/json_editor.js'
import { More } from '../components/more.js'
import { Button, Card, Page } from '../components/page.js'
import { neighbours, ResourceLink } from '../components/resource_link.js'
import { Stats } from '../components/stats.js'
import { Table } from '../components/table.js'
import { TestEvents } from '../components/test_events.js'
import { Tabs } from '../components/tabs.js'
import { readJson } from '../json_text.js'

const TABS = [
  { key: '', title: 'Invocations' },
  { key: 'test', title: 'Invoke' },
  { key: 'configuration', title: 'Configuration' },
]

export default function FunctionPage({ params, query }) {
  const { name } = params
  const [, change] = useQuery()
  const found = useLoad(pathOf('functions', name), {}, { every: 5000 })
  const tab = query.request ? '' : (query.tab ?? '')
  const actions = html`<${Button} to=${href('/logs', { group: found.data?.log_group ?? `/aws/lambda/${name}` })}>Logs<//>`
  return html`<${Page} title=${name} mono crumbs=${[['Functions', '/functions']]} actions=${actions} beside=${found.data && html`<${StateChip} state=${found.data.state} />`}>
    <${Loaded} from=${found}>${data => html`
      <${Numbers} data=${data} />
      ${data.log_refused && html`<p class="note warn">It logs nothing: ${data.log_refused}. <a href=${href('/access', { text: name })}>What would allow it</a></p>`}
      <${Tabs} label="Function" tabs=${TABS} active=${tab} onChange=${key => change({ tab: key, request: '' })}>
        ${tab === '' && html`<${Invocations} name=${name} data=${data} query=${query} change=${change} />`}
        ${tab === 'test' && html`<${Invoke} name=${name} query=${query} />`}
        ${tab === 'configuration' && html`<${Configuration} data=${data} />`}
      <//>`}<//>
  <//>`
}

const Numbers = ({ data }) =>
  html`<${Stats} items=${[
    ['Running now', number(data.running ?? 0)],
    [isClustered() ? 'On this node since its start' : 'Since the start', number(data.invocations ?? 0)],
    ['Errors', number(data.errors ?? 0), data.errors ? 'bad' : ''],
    ['Throttled', number(data.throttles ?? 0), data.throttles ? 'warn' : ''],
    ['Cold starts', number(data.cold_starts ?? 0)],
    ['p50', duration(data.p50) || '–'],
    ['p95', duration(data.p95) || '–'],
  ]} />`

const INVOCATION_COLUMNS = [
  { key: 'time', title: 'Time', cell: row => html`<${Time} ms=${row.time} millis />` },
  { key: 'outcome', title: 'Outcome', cell: row => html`<${StateChip} state=${row.outcome} />` },
  { key: 'duration', title: 'Duration', num: true, cell: row => duration(row.duration) },
  {
    key: 'init',
    title: 'Cold start',
    num: true,
    cell: row => (row.init ? html`<${Chip} kind="accent">${duration(row.init)}<//>` : ''),
  },
  { key: 'memory', title: 'Memory', num: true, wide: true, cell: row => (row.memory ? `${row.memory} MB` : '') },
  { key: 'request_id', title: 'Request', wide: true, cell: row => html`<code>${row.request_id.slice(0, 8)}</code>` },
  {
    key: 'event',
    title: 'Event',
    cell: row => row.event_id && html`<a href=${href(pathOf('events', row.event_id))}>${row.event_id.slice(0, 8)}</a>`,
  },
]

function Invocations({ name, data, query, change }) {
  const invocations = usePages(`${pathOf('functions', name)}/invocations`, 'invocations', { limit: 200 }, { every: 3000 })
  const empty = html`<div class="card"><${Empty} title="Not invoked yet" action=${html`<${Button} onClick=${() => change({ tab: 'test' })}>Invoke it<//>`}>Invocations appear here with their duration, and with the time of a cold start.<//></div>`
  return html`<${Loaded} from=${invocations}>${({ invocations: rows }) => html`<div class="stack">
    ${rows.length > 1 && html`<${Chart} rows=${rows} onPick=${row => change({ request: row.request_id })} />`}
    ${query.request && html`<${Invocation} name=${name} data=${data} request=${query.request} row=${rows.find(row => row.request_id === query.request)} onClose=${() => change({ request: '' })} />`}
    <${Table} label="Invocations" rows=${rows} rowKey=${row => row.request_id} columns=${INVOCATION_COLUMNS} onOpen=${row => change({ request: row.request_id })} empty=${empty} />
    <${More} list=${invocations} shown=${rows.length} what="invocations" />
  </div>`}<//>`
}

function Chart({ rows, onPick }) {
  const items = rows
    .slice(0, 60)
    .reverse()
    .map(row => ({
      value: row.duration + (row.init ?? 0),
      row,
      kind: row.outcome === 'succeeded' ? (row.init ? 'cold' : '') : 'bad',
      label: `${duration(row.duration)}${row.init ? ` and ${duration(row.init)} cold start` : ''} · ${row.outcome}`,
    }))
  const slowest = Math.max(...items.map(item => item.value))
  return html`<${Card} title="Duration" end=${html`<span class="legend"><i class="key" /> warm <i class="key cold" /> cold start <i class="key bad" /> failed</span>`}>
    <${Columns} items=${items} height=${72} label=${`Durations of the last ${items.length} invocations, the slowest ${duration(slowest)}`} onPick=${item => onPick(item.row)} />
    <p class="muted small-text">The last ${items.length}, the newest at the right; the slowest took ${duration(slowest)}.</p>
  <//>`
}

function Invocation({ name, data, request, row, onClose }) {
  const group = data.log_group ?? `/aws/lambda/${name}`
  return html`<${Card} title="Invocation" end=${html`<${Button} kind="plain" icon="close" label="Close" onClick=${onClose} />`}>
    <div class="stack">
      <${Facts} items=${[
        ['Request', html`<${Id} value=${request} />`],
        ['Time', row && html`<${Time} ms=${row.time} millis ago />`],
        ['Outcome', row && html`<${StateChip} state=${row.outcome} />`],
        ['Error', (row?.error || row?.code) && html`<code class="bad-text">${row.code}</code> ${row.error}`],
        ['Duration', row && `${duration(row.duration)}${row.billed ? `, billed ${duration(row.billed)}` : ''}`],
        ['Cold start', row?.init && duration(row.init)],
        ['Memory', row?.memory && `${row.memory} of ${row.memory_size} MB`],
        ['Rule', row?.rule],
        [
          'From',
          row?.source &&
            html`<${ResourceLink} arn=${row.source} /> <span class="muted">${count(row.messages, 'message')}</span>`,
        ],
        ['Event', row?.event_id && html`<a href=${href(pathOf('events', row.event_id))}>${row.event_id}</a>`],
      ]} />
      ${!row && html`<p class="muted">This invocation is not among the last ones that the node remembers.</p>`}
      <div><${Button} small to=${href('/logs', { group, request })}>Its log lines<//></div>
    </div>
  <//>`
}

function Invoke({ name, query }) {
  const key = `invoke.${name}`
  const [payload, setPayload] = useState(() => ofTab.get(key) ?? '{\n  \n}')
  const [asynchronous, setAsynchronous] = useState(false)
  const events = useLoad('/events', { limit: 50 })
  const invoke = useAction(() => {
    ofTab.set(key, payload)
    return post(`${pathOf('functions', name)}/invoke`, { payload, asynchronous })
  })
  const load = async one => setPayload((await loadEvent(one.id)).text)
  const wrong = Boolean(readJson(payload).error)
  return html`<div class="bench">
    <${Card}>
      <div class="stack">
        <${JsonEditor} small name="payload" label="Test event" value=${payload} onInput=${setPayload}
          tools=${html`<${Choose} label="Take an event as the test event" prompt="From event…" items=${events.data?.events ?? []} text=${eventLabel} onChoose=${load} />
            <${TestEvents} owner=${{ function: name }} text=${payload} onLoad=${setPayload} />`} />
        <div class="form-end">
          <span class="grow"><${Check} checked=${asynchronous} onChange=${setAsynchronous}>Asynchronous<//></span>
          <${Button} kind="primary" disabled=${wrong || invoke.busy} onClick=${() => invoke.run()}>${invoke.busy ? 'Running…' : 'Invoke'}<//>
        </div>
      </div>
    <//>
    <${Card} title="Result">
      <div aria-live="polite">
        ${invoke.error && html`<${Failure} error=${invoke.error} />`}
        ${invoke.result && html`<${Result} name=${name} result=${invoke.result} />`}
        ${!invoke.error && !invoke.result && html`<p class="muted">The function's answer and the end of its log appear here.</p>`}
      </div>
    <//>
  </div>`
}

function Result({ name, result }) {
  return html`<div class="stack">
    <${Facts} items=${[
      [
        'Outcome',
        html`<${StateChip} state=${result.error ? 'failed' : result.status === 202 ? 'accepted' : 'succeeded'} />`,
      ],
      ['Error', result.error && html`<span class="bad-text">${result.error}</span>`],
      ['Duration', result.duration && duration(result.duration)],
      [
        'Request',
        result.request_id &&
          html`<a href=${href(pathOf('functions', name), { request: result.request_id })}><code>${result.request_id}</code></a>`,
      ],
    ]} />
    ${result.payload && html`<div class="stack tight"><h3>Answer</h3><div class="boxed"><${TextOrJson} text=${result.payload} /></div></div>`}
    ${result.log && html`<div class="stack tight"><h3>Log</h3><pre class="boxed padded text-block" tabindex="0" aria-label="Log">${result.log}</pre></div>`}
  </div>`
}

function Configuration({ data }) {
  const list = (items, text) =>
    items?.length > 0 && html`<ul class="stack tight">${items.map(item => html`<li>${text(item)}</li>`)}</ul>`
  return html`<div class="columns">
    <${Card} title="Function"><${Facts} items=${[
      ['Description', data.description],
      ['Runtime', data.runtime],
      ['Handler', data.handler && html`<code>${data.handler}</code>`],
      ['Memory', data.memory && `${data.memory} MB`],
      ['Timeout', data.timeout && `${data.timeout} s`],
      ['Code', data.code_size && bytes(data.code_size)],
      ['Changed', html`<${Time} ms=${data.modified} />`],
      [
        'Concurrency',
        data.reserved_concurrency !== undefined &&
          data.reserved_concurrency !== null &&
          `${data.reserved_concurrency} reserved`,
      ],
      ['Role', data.role && html`<code>${data.role}</code>`],
      ['Stack', data.stack && html`<a href=${href(pathOf('stacks', data.stack))}>${data.stack}</a>`],
      ['ARN', html`<${Id} value=${data.arn} />`],
    ]} /><//>
    <${Card} title="Connections"><${Facts} items=${[
      [
        'Event sources',
        list(
          data.event_sources,
          one =>
            html`<${ResourceLink} arn=${one.arn} /> <span class="muted">${one.enabled ? '' : 'disabled, '}up to ${count(one.batch_size, 'message')}</span>`,
        ),
      ],
      ['Senders', neighbours(data.senders)],
      ['Receivers', neighbours(data.receivers)],
      ['On success', data.on_success && html`<${ResourceLink} arn=${data.on_success} />`],
      ['On failure', data.on_failure && html`<${ResourceLink} arn=${data.on_failure} />`],
      ['Dead letters', data.dead_letter && html`<${ResourceLink} arn=${data.dead_letter} />`],
      [
        'Variables',
        list(
          data.variables,
          one =>
            html`<code>${one.name ?? one}</code>${one.value !== undefined && html` <span class="muted">${one.value}</span>`}`,
        ),
      ],
      ['Layers', list(data.layers, one => html`<code>${one}</code>`)],
    ]} /><//>
  </div>`
}
