// One event: what it says, which rules matched and why the others did not, and its whole way.
import { html, useEffect, useMemo } from '../html.js'
import { useLoad } from '../hooks.js'
import { href } from '../router.js'
import { traceRows, underWay } from '../trace_rows.js'
import { StateChip } from '../components/chip.js'
import { Failure, Skeleton } from '../components/empty.js'
import { Facts, Id, Time } from '../components/facts.js'
import { JsonView } from '../components/json.js'
import { Button, Card, Page } from '../components/page.js'
import { RuleVerdicts } from '../components/rule_verdicts.js'
import { Trace } from '../components/trace.js'

const AGAIN = 1500
const RANK = ['failed', 'will be tried again', 'under way']

/** The state of the whole event: the worst of what its targets and their functions came to. */
function stateOf(node, rows) {
  const states = rows.filter(row => row.kind === 'target' || row.kind === 'run').map(row => row.state)
  const targets = node.rules.some(rule => rule.targets.length)
  return RANK.find(state => states.includes(state)) ?? (targets ? 'delivered' : 'unmatched')
}

function About({ event, bus, time }) {
  return html`<${Card}><${Facts} inline items=${[
    ['Id', html`<${Id} value=${event.id} />`],
    ['Time', html`<${Time} ms=${time} millis ago />`],
    ['Source', html`<a href=${href('/events', { source: event.source })}>${event.source}</a>`],
    ['Detail type', html`<a href=${href('/events', { detail_type: event['detail-type'] })}>${event['detail-type']}</a>`],
    ['Bus', html`<a href=${href('/events', { bus })}>${bus}</a>`],
    ['Resources', event.resources?.length > 0 && event.resources.map(arn => html`<div key=${arn}><code>${arn}</code></div>`)],
  ]} /><//>`
}

function Way({ trace }) {
  if (trace.data) return html`<${Card} title="Way" end=${html`<span class="muted">what followed, and when</span>`} flush><${Trace} node=${trace.data} /><//>`
  return html`<${Card} title="Way" flush>${trace.error ? html`<${Failure} error=${trace.error} retry=${trace.reload} />` : html`<${Skeleton} rows=${5} />`}<//>`
}

function Rules({ about }) {
  if (about.data) return html`<${RuleVerdicts} answer=${about.data} />`
  return html`<${Card} title="Rules" flush>${about.error ? html`<${Failure} error=${about.error} retry=${about.reload} />` : html`<${Skeleton} rows=${4} />`}<//>`
}

export default function EventPage({ params }) {
  const path = `/events/${encodeURIComponent(params.id)}`
  const about = useLoad(path)
  const trace = useLoad(`${path}/trace`)
  const rows = useMemo(() => (trace.data ? traceRows(trace.data) : []), [trace.data])
  const goesOn = underWay(rows)
  useEffect(() => {
    if (!goesOn) return undefined
    const timer = setInterval(() => { if (!document.hidden) { trace.reload(); about.reload() } }, AGAIN)
    return () => clearInterval(timer)
  }, [goesOn])
  const known = about.data ?? trace.data
  const event = known?.event
  const unmatched = trace.data && !trace.data.rules.length
  const way = html`<${Way} trace=${trace} />`
  const rules = html`<${Rules} about=${about} />`
  return html`<${Page} title=${event?.['detail-type'] ?? 'Event'} crumbs=${[['Events', '/events']]} beside=${trace.data && html`<${StateChip} state=${stateOf(trace.data, rows)} />`}
    actions=${html`<${Button} icon="pattern" to=${href('/patterns', { event: params.id })}>Workbench<//>
      <${Button} icon="send" to=${href('/send', { event: params.id })}>Send again<//>`}>
    ${!event ? (about.error && trace.error ? html`<${Failure} error=${about.error} retry=${about.reload} />` : html`<${Skeleton} rows=${10} />`) : html`<div class="stack">
      <${About} event=${event} bus=${known.bus} time=${known.time} />
      ${unmatched ? html`${rules}${way}` : html`${way}${rules}`}
      <${Card} title="Event" flush><${JsonView} value=${event} label="event" /><//>
    </div>`}<//>`
}
