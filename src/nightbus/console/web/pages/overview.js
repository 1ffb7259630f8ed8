// The first page: what fails, what is deployed, what happened in the last hour, and the newest events.
import { html, useMemo } from '../html.js'
import { clock, count, number, rate, shortName } from '../format.js'
import { useEventStream } from '../event_stream.js'
import { useLoad } from '../hooks.js'
import { pageOfArn } from '../resource_links.js'
import { href, pathOf } from '../router.js'
import { LineChart } from '../components/chart.js'
import { StateChip } from '../components/chip.js'
import { Empty, Failure, Skeleton } from '../components/empty.js'
import { Icon } from '../components/icon.js'
import { Button, Card, Page } from '../components/page.js'
import { KIND_ICONS } from '../map_kinds.js'

const HOUR = 3600
const NEWEST = 8
const KINDS = [['rule', 'Rules', '/rules'], ['function', 'Functions', '/functions'], ['queue', 'Queues', '/queues'], ['bus', 'Buses', '/rules'], ['archive', 'Archives', '/replay']]

function Failing({ nodes }) {
  const failing = nodes.filter(node => node.failing)
  if (!failing.length) return html`<div class="calm"><${Icon} name="check" />Nothing is failing.</div>`
  return html`<${Card} title=${`${count(failing.length, 'thing')} failing`} flush><ul>
    ${failing.map(node => html`<li key=${node.id}><a class="alert-row" href=${pageOfArn(node.id) ?? href('/map', { node: node.id })}>
      <${Icon} name=${KIND_ICONS[node.kind] ?? 'warn'} /><b title=${node.name}>${shortName(node.name)}</b><span class="alert-why">${node.failing}</span><span class="muted">${node.stack}</span></a></li>`)}
  </ul><//>`
}

function Deployed({ nodes, stacks }) {
  const counts = new Map()
  for (const node of nodes) counts.set(node.kind, (counts.get(node.kind) ?? 0) + 1)
  const tiles = [['stack', 'Stacks', '/stacks', stacks.length], ...KINDS.map(([kind, title, path]) => [kind, title, path, counts.get(kind) ?? 0])]
  return html`<nav class="tiles" aria-label="What is deployed">${tiles.map(([kind, title, path, total]) => html`<a key=${kind} class="tile" href=${href(path)}>
    <span class="muted">${title}</span><b>${number(total)}</b></a>`)}</nav>`
}

/** A series of /series as a line; `bad` is drawn red over it. */
function Chart({ title, name, bad, unit = rate }) {
  const main = useLoad('/series', { name, seconds: HOUR }, { every: 10000 })
  const wrong = useLoad(bad ? '/series' : null, { name: bad, seconds: HOUR }, { every: 10000 })
  if (main.error) return null
  const series = [{ name: title.toLowerCase(), points: main.data?.points ?? [] }]
  if (bad && wrong.data) series.push({ name: 'failed', points: wrong.data.points, kind: 'bad' })
  return html`<${Card} title=${title} end=${html`<span class="muted">the last hour</span>`}>
    ${main.data ? html`<${LineChart} series=${series} height=${110} unit=${value => unit(value) || '0/s'} label=${`${title} in the last hour`} />` : html`<${Skeleton} rows=${3} />`}<//>`
}

const NO_FILTERS = { bus: '', source: '', detail_type: '', text: '', pattern: '', state: '' }
function Newest() {
  const stream = useEventStream(NO_FILTERS, false)
  return html`<${Card} title="Newest events" end=${html`<${Button} small kind="plain" to=${href('/events')}>All events<//>`} flush>
    ${stream.error ? html`<${Failure} error=${stream.error} />` : stream.loading && !stream.rows.length ? html`<${Skeleton} rows=${5} />`
      : !stream.rows.length ? html`<${Empty} title="No event yet" action=${html`<${Button} to=${href('/send')}>Send one from here<//>`}>They appear here as soon as a bus accepts them.<//>`
      : html`<ul>${stream.rows.slice(0, NEWEST).map(event => html`<li key=${event.id}><a class="newest-row" href=${href(pathOf('events', event.id))}>
        <span class="mono muted">${clock(event.time)}</span><b class="cut">${event.detail_type}</b><span class="muted cut">${event.source}</span>
        <span class="cut newest-rules">${event.rules.map(shortName).join(', ')}</span><${StateChip} state=${event.state} /></a></li>`)}</ul>`}<//>`
}

const FirstSteps = () => html`<div class="card"><${Empty} title="Nothing is deployed yet" command="nightbus run -- sam deploy --guided">
  Deploy a template with sam, aws, cdk or terraform against this node: its buses, rules, functions and queues appear here, and what flows between them.<//></div>`

export default function Overview() {
  const map = useLoad('/map', {}, { every: 10000 })
  const nodes = map.data?.nodes ?? []
  const empty = useMemo(() => map.data && nodes.every(node => node.kind === 'bus' || node.kind === 'producer'), [map.data])
  return html`<${Page} title="Overview"><div class="stack">
    ${map.error && html`<${Failure} error=${map.error} retry=${map.reload} />`}
    ${!map.data && !map.error && html`<div class="card"><${Skeleton} rows=${2} /></div>`}
    ${map.data && (empty ? html`<${FirstSteps} />` : html`<${Failing} nodes=${nodes} /><${Deployed} nodes=${nodes} stacks=${map.data.stacks} />`)}
    <div class="columns"><${Chart} title="Events" name="events_accepted" bad="deliveries_given_up" /><${Chart} title="Invocations" name="invocations" bad="invocation_errors" /></div>
    <${Newest} />
  </div><//>`
}
