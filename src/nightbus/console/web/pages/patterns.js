// The pattern workbench: an event on the left, a pattern on the right, and the verdict of each field while typing.
import { html, useEffect, useMemo, useState } from '../html.js'
import { get, post } from '../api.js'
import { useLoad, useSettled } from '../hooks.js'
import { loadEvent } from '../event_text.js'
import { laid, offsetOf, readJson } from '../json_text.js'
import { ofTab } from '../memory.js'
import { exampleEvent } from '../pattern_example.js'
import { Choose, eventLabel, ruleLabel } from '../components/choose.js'
import { StateChip } from '../components/chip.js'
import { CopyButton } from '../components/copy.js'
import { JsonEditor, showPlace } from '../components/json_editor.js'
import { Button, Card, Page } from '../components/page.js'
import { PutRule } from '../components/put_rule.js'

const EVENT = {
  version: '0',
  id: '00000000-0000-0000-0000-000000000000',
  'detail-type': 'Order Created',
  source: 'my.shop',
  account: '000000000000',
  time: '2026-01-01T00:00:00Z',
  region: 'us-east-1',
  resources: [],
  detail: { state: 'created', total: 120, customer: { country: 'DE' } },
}
const PATTERN = { source: ['my.shop'], detail: { state: ['created'], total: [{ numeric: ['>', 100] }] } }

export default function Patterns({ query }) {
  const [event, setEvent] = useKept('event', EVENT)
  const [pattern, setPattern] = useKept('pattern', PATTERN)
  const rules = useLoad('/rules', { limit: 1000 })
  const events = useLoad('/events', { limit: 50 })
  const linked = useLinked(query, setEvent, setPattern)
  const verdict = useVerdict(event, pattern)
  const places = useMemo(() => ({ event: readJson(event).places, pattern: readJson(pattern).places }), [event, pattern])
  const marks = useMemo(() => marksOf(verdict.answer, places, pattern), [verdict.answer, places])
  const withPattern = (rules.data?.rules ?? []).filter(rule => rule.pattern)
  const eventTools = html`
    <${Choose} label="Load an event" prompt="Load event…" items=${events.data?.events ?? []} text=${eventLabel}
      onChoose=${async one => setEvent(await eventText(one.id))} />
    <${Button} kind="plain" small title="Make an event that this pattern matches" onClick=${() => setEvent(madeEvent(pattern, event))}>From pattern<//>
    <${CopyButton} text=${event} label="Copy event" />`
  const patternTools = html`
    <${Choose} label="Load a rule's pattern" prompt="Load rule…" items=${withPattern} text=${ruleLabel} onChoose=${rule => setPattern(laid(rule.pattern))} />
    <${CopyButton} text=${pattern} label="Copy pattern" />`
  return html`<${Page} title="Pattern workbench" lead="Edit an event and a pattern: the verdict follows as you type."
    actions=${html`<${PutRule} pattern=${pattern} valid=${verdict.answer?.valid} rules=${withPattern} rule=${linked} onDone=${rules.reload} />`}>
    <div class="stack">
      <${Verdict} verdict=${verdict} />
      <div class="bench">
        <${Card}><${JsonEditor} name="event" label="Event" value=${event} onInput=${setEvent} marks=${marks.event} tools=${eventTools} /><//>
        <${Card}><${JsonEditor} name="pattern" label="Pattern" value=${pattern} onInput=${setPattern} marks=${marks.pattern} problem=${marks.problem} tools=${patternTools} /><//>
      </div>
      <${Fields} fields=${verdict.answer?.fields ?? []} places=${places} />
    </div>
  <//>`
}

function Verdict({ verdict }) {
  const [kind, text] = summary(verdict)
  return html`<p class=${`note verdict ${kind}`} role="status">${text}</p>`
}

function summary({ answer, failure }) {
  if (failure) return ['', failure]
  if (!answer) return ['', 'The verdict appears here.']
  if (!answer.valid) {
    return [
      'warn',
      answer.error.of === 'event'
        ? `This is not an event: ${answer.error.message}`
        : `EventBridge refuses this pattern: ${answer.error.message}`,
    ]
  }
  if (answer.matched) return ['good', 'The pattern matches the event.']
  const wrong = answer.fields.filter(field => field.verdict !== 'matched')
  const more = wrong.length > 1 ? ` (and ${wrong.length - 1} more)` : ''
  return ['bad', `The pattern does not match the event: ${answer.why}${more}`]
}

function Fields({ fields, places }) {
  if (!fields.length) return null
  const shows = (name, pointer) =>
    places[name].has(pointer) &&
    html`<${Button} kind="plain" small onClick=${() => showPlace(name, places[name].get(pointer))}>In ${name}<//>`
  return html`<${Card} title="Field by field" flush>
    <ul class="rows">
      ${fields.map(
        field => html`<li key=${field.path} class="rows-item field-verdict">
        <${StateChip} state=${field.verdict} />
        <code>${field.path}</code>
        <span class="grow">${field.verdict === 'matched' ? html`<span class="muted">accepted</span>` : field.why}</span>
        <span class="row">${shows('event', field.event_pointer)}${shows('pattern', field.pattern_pointer)}</span>
      </li>`,
      )}
    </ul>
  <//>`
}

/** What the node says of the two texts: `{answer, failure}`. */
function useVerdict(event, pattern) {
  const settled = useSettled(event + '\0' + pattern, 150)
  const [state, setState] = useState({ answer: null, failure: '' })
  useEffect(() => {
    const [left, right] = [readJson(event), readJson(pattern)]
    if (left.error || right.error) {
      setState({ answer: null, failure: `The ${left.error ? 'event' : 'pattern'} is not JSON yet.` })
      return undefined
    }
    const abort = new AbortController()
    post('/patterns/test', { event, pattern }, { signal: abort.signal }).then(
      answer => setState({ answer, failure: '' }),
      error => error.name !== 'AbortError' && setState({ answer: null, failure: error.message }),
    )
    return () => abort.abort()
  }, [settled])
  return state
}

function marksOf(answer, places, pattern) {
  const of = (name, member) =>
    (answer?.fields ?? [])
      .filter(field => field[member] && places[name].has(field[member]))
      .map(field => ({ ...places[name].get(field[member]), kind: field.verdict }))
  const error = answer?.error
  return {
    event: of('event', 'event_pointer'),
    pattern: of('pattern', 'pattern_pointer'),
    problem: error?.of === 'pattern' ? { message: error.message, place: placeOf(pattern, error) } : null,
  }
}

/** EventBridge's parser stops behind what is wrong, so the mark begins at the end of what it has read. */
function placeOf(pattern, { line, column }) {
  if (!line) return null
  const end = Math.min(pattern.length, offsetOf(pattern, line, column))
  return { start: Math.max(0, end - 1), end: Math.max(1, end) }
}

/** Loads what the address names: `?event=ID`, `?rule=NAME&bus=NAME`. Returns that rule. */
function useLinked(query, setEvent, setPattern) {
  const [rule, setRule] = useState(null)
  useEffect(() => {
    if (query.event) eventText(query.event).then(setEvent, () => {})
    if (!query.rule) return
    const bus = query.bus ?? 'default'
    get('/rules', { bus, limit: 1000 }).then(
      ({ rules }) => {
        const found = rules.find(one => one.name === query.rule && one.bus === bus)
        setRule(found ?? null)
        if (found?.pattern) setPattern(laid(found.pattern))
      },
      () => {},
    )
  }, [query.event, query.rule, query.bus])
  return rule
}

const eventText = async id => (await loadEvent(id)).text

function madeEvent(pattern, event) {
  const { value, error } = readJson(pattern)
  if (error) return event
  const made = exampleEvent(value)
  return laid({
    ...EVENT,
    source: made.source,
    'detail-type': made.detail_type,
    resources: made.resources,
    detail: made.detail,
  })
}

/** A text that stays while the browser's tab is open. */
function useKept(name, first) {
  const key = `workbench.${name}`
  const [text, setText] = useState(() => ofTab.get(key) ?? laid(first))
  useEffect(() => {
    if (text.length < 1_000_000) ofTab.set(key, text)
  }, [text])
  return [text, setText]
}
