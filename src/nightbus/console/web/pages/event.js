// One event: what it says, which rules matched and why the others did not, and its whole way.
import { html, useEffect, useMemo } from '../html.js'
import { useLoad } from '../hooks.js'
import { href } from '../router.js'
import { traceRows, underWay } from '../trace_rows.js'
import { StateChip } from '../components/chip.js'
import { Failure, Loaded, Skeleton } from '../components/empty.js'
import { Facts, Id, Time } from '../components/facts.js'
import { JsonView } from '../components/json.js'
import { Button, Card, Page } from '../components/page.js'
import { RuleVerdicts } from '../components/rule_verdicts.js'
import { Trace } from '../components/trace.js'

const RANK = ['failed', 'will be tried again', 'under way']

/** The state of the whole event: the worst of its own targets. */
function stateOf(node) {
  const states = node.rules.flatMap(rule => rule.targets.map(target => target.state))
  return RANK.find(state => states.includes(state)) ?? (states.length ? 'delivered' : 'unmatched')
}

function Way({ trace }) {
  if (!trace.data) return html`<${Card} title="Way" flush>${trace.error ? html`<${Failure} error=${trace.error} retry=${trace.reload} />` : html`<${Skeleton} rows=${5} />`}<//>`
  return html`<${Card} title="Way" end=${html`<span class="muted">what the event caused, and when</span>`} flush><${Trace} node=${trace.data} /><//>`
}

export default function EventPage({ params }) {
  const about = useLoad(`/events/${encodeURIComponent(params.id)}`)
  const trace = useLoad(`/events/${encodeURIComponent(params.id)}/trace`)
  const goesOn = useMemo(() => trace.data && underWay(traceRows(trace.data)), [trace.data])
  useEffect(() => {
    if (!goesOn) return undefined
    const timer = setInterval(trace.reload, 1500)
    return () => clearInterval(timer)
  }, [goesOn])
  const event = about.data?.event
  const unmatched = about.data && !about.data.rules.some(rule => rule.matched)
  const title = event?.['detail-type'] ?? 'Event'
  return html`<${Page} title=${title} crumbs=${[['Events', '/events']]} beside=${trace.data && html`<${StateChip} state=${stateOf(trace.data)} />`}
    actions=${html`<${Button} icon="reload" onClick=${() => { about.reload(); trace.reload() }}>Reload<//>
      <${Button} icon="pattern" to=${href('/patterns', { event: params.id })}>Workbench<//>
      <${Button} icon="send" to=${href('/send', { event: params.id })}>Send again<//>`}>
      <${Loaded} from=${about}>${data => html`<div class="stack">
      <${Card}><${Facts} inline items=${[
        ['Id', html`<${Id} value=${event.id} />`],
        ['Time', html`<${Time} ms=${data.time} millis ago />`],
        ['Source', html`<a href=${href('/events', { source: event.source })}>${event.source}</a>`],
        ['Bus', html`<a href=${href('/events', { bus: data.bus })}>${data.bus}</a>`],
        ['Resources', event.resources?.length > 0 && event.resources.map(arn => html`<div><code>${arn}</code></div>`)],
      ]} /><//>
      ${unmatched ? html`<${RuleVerdicts} answer=${data} />` : html`<${Way} trace=${trace} /><${RuleVerdicts} answer=${data} />`}
      <${Card} title="Event" flush><${JsonView} value=${event} label="event" /><//>
    </div>`}<//><//>`
}
