// The first page: what fails, what is deployed, the last hour, and the newest events.
import { html } from '../html.js'
import { isClustered } from '../api.js'
import { clock, count, number, rate, shortName, when } from '../format.js'
import { useEventStream } from '../event_stream.js'
import { useLoad } from '../hooks.js'
import { KIND_ICONS } from '../map_kinds.js'
import { pageOfArn } from '../resource_links.js'
import { href, pathOf } from '../router.js'
import { LineChart } from '../components/chart.js'
import { StateChip } from '../components/chip.js'
import { Empty, Failure, Skeleton } from '../components/empty.js'
import { nodeCommand } from '../node_command.js'
import { Icon } from '../components/icon.js'
import { Button, Card, Page } from '../components/page.js'

const HOUR = 3600
const NEWEST = 8
const TILES = [['rule', 'Rules', '/rules'], ['function', 'Functions', '/functions'], ['queue', 'Queues', '/queues'], ['bus', 'Buses', '/rules'], ['archive', 'Archives', '/replay']]
const CHARTS = [
  { title: 'Events', name: 'nightbus_events_accepted_total', bad: 'nightbus_deliveries_given_up_total' },
  { title: 'Invocations', name: 'nightbus_invocations_total', bad: 'nightbus_invocation_errors_total' },
]

function Failing({ failing }) {
  if (!failing.length) return html`<div class="calm"><${Icon} name="check" />Nothing is failing.</div>`
  return html`<${Card} title=${`${count(failing.length, 'thing')} failing`} flush><ul>
    ${failing.map(node => html`<li key=${node.id}><a class="alert-row" href=${pageOfArn(node.id) ?? href('/map', { node: node.id })}>
      <${Icon} name=${KIND_ICONS[node.kind] ?? 'warn'} /><b title=${node.name}>${shortName(node.name)}</b><span class="alert-why">${node.why}</span><span class="muted">${node.stack}</span></a></li>`)}
  </ul><//>`
}

function Deployed({ overview }) {
  const tiles = [['stack', 'Stacks', '/stacks', overview.stacks.length], ...TILES.map(([kind, title, path]) => [kind, title, path, overview.counts[kind] ?? 0])]
  return html`<nav class="tiles" aria-label="What is deployed">${tiles.map(([kind, title, path, total]) => html`<a key=${kind} class="tile" href=${href(path)}>
    <span class="muted">${title}</span> <b>${number(total)}</b></a>`)}</nav>`
}

/** The growth of a counter in each step as [ms, per second]. */
const perSecond = (line, step) => line.times.map((time, index) => [time, line.values[index] / step])

/** The line of a counter, and a red one of its failures if there were any. */
function linesOf(title, good, bad, step) {
  const lines = [{ name: title.toLowerCase(), points: perSecond(good, step) }]
  if (bad.values.some(value => value > 0)) lines.push({ name: 'failed', points: perSecond(bad, step), kind: 'bad' })
  return lines
}

const SERIES = { name: CHARTS.flatMap(chart => [chart.name, chart.bad]).join(','), seconds: HOUR }

function Charts() {
  const answer = useLoad('/series', SERIES, { every: 10000 })
  if (answer.error && !answer.data) return html`<${Failure} error=${answer.error} retry=${answer.reload} />`
  return html`<div class="columns">${CHARTS.map(({ title, name, bad }) => {
    const { series, step } = answer.data ?? {}
    return html`<${Card} key=${name} title=${title} end=${html`<span class="muted">the last hour, on ${isClustered() ? 'this node alone' : 'the whole node'}</span>`}>
      ${!series ? html`<${Skeleton} rows=${4} />` : html`<${LineChart} height=${110} unit=${value => rate(value) || '0/s'} label=${`${title} a second in the last hour`}
        series=${linesOf(title, series[name], series[bad], step)} />`}<//>`
  })}</div>`
}

const HAPPENED = {
  delivery: ['rules', one => href(pathOf('events', one.id))], invocation: ['function', one => href(pathOf('functions', one.about))],
  refusal: ['access', one => href(pathOf('access', one.id))], stack: ['stack', one => href(pathOf('stacks', one.id))],
}

function Happened({ happened }) {
  return html`<${Card} title="Worth a look" end=${html`<span class="muted">failures, refusals and deployments of the last hour</span>`} flush>
    ${!happened.length ? html`<${Empty} title="Nothing">No failure, refused call or deployment in the last hour.<//>` : html`<ul>${happened.slice(0, NEWEST).map((one, index) => {
      const [icon, address] = HAPPENED[one.kind] ?? ['warn', () => href('/')]
      return html`<li key=${one.id + index}><a class="newest-row happened" href=${address(one)} title=${one.text}>
        <span class="mono muted">${when(one.time, { millis: false })}</span><span class="row"><${Icon} name=${icon} size=${14} /><b class="cut">${shortName(one.about)}</b></span>
        <span class=${one.failed ? 'cut bad-text' : 'cut'}>${one.text}</span></a></li>`
    })}</ul>`}<//>`
}

const NO_FILTERS = { bus: '', source: '', detail_type: '', text: '', pattern: '', state: '' }
function Newest() {
  const stream = useEventStream(NO_FILTERS, false, NEWEST)
  return html`<${Card} title="Newest events" end=${html`<${Button} small kind="plain" to=${href('/events')}>All events<//>`} flush>
    ${stream.error ? html`<${Failure} error=${stream.error} />` : stream.loading && !stream.rows.length ? html`<${Skeleton} rows=${5} />`
      : !stream.rows.length ? html`<${Empty} title="No event yet" action=${html`<${Button} to=${href('/send')}>Send one from here<//>`}>They appear here as soon as a bus accepts them.<//>`
      : html`<ul>${stream.rows.slice(0, NEWEST).map(event => html`<li key=${event.id}><a class="newest-row" href=${href(pathOf('events', event.id))} title=${event.rules.join(', ')}>
        <span class="mono muted">${clock(event.time, { millis: false })}</span><b class="cut">${event.detail_type}</b><span class="muted cut">${event.source}</span><${StateChip} state=${event.state} /></a></li>`)}</ul>`}<//>`
}

const FirstSteps = () => html`<div class="card"><${Empty} title="Nothing is deployed yet" command=${nodeCommand('run -- sam deploy --guided')}>
  Deploy a template with sam, aws, cdk or terraform against this node: its buses, rules, functions and queues appear here, and what flows between them.<//></div>`

export default function Overview() {
  const answer = useLoad('/overview', {}, { every: 5000 })
  const overview = answer.data
  const empty = overview && !Object.keys(overview.counts).some(kind => kind !== 'bus' && kind !== 'producer')
  return html`<${Page} title="Overview"><div class="stack">
    ${answer.error && html`<${Failure} error=${answer.error} retry=${answer.reload} />`}
    ${!overview && !answer.error && html`<div class="card"><${Skeleton} rows=${3} /></div>`}
    ${overview && (empty ? html`<${FirstSteps} />` : html`<${Failing} failing=${overview.failing} /><${Deployed} overview=${overview} />`)}
    <${Charts} />
    <div class="columns halves"><${Newest} />${overview && html`<${Happened} happened=${overview.happened} />`}</div>
  </div><//>`
}
