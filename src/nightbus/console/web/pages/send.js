// Sends an event: from scratch, from an earlier event, or from what a rule's pattern accepts.
import { html, useEffect, useState } from '../html.js'
import { get, post } from '../api.js'
import { useLoad, useQuery } from '../hooks.js'
import { ofTab } from '../memory.js'
import { href, pathOf } from '../router.js'
import { commandOf, draftOf, draftOfText, EMPTY, requestOf, textOf } from '../event_draft.js'
import { loadEvent } from '../event_text.js'
import { laid } from '../json_text.js'
import { exampleEvent } from '../pattern_example.js'
import { useAction } from '../components/action.js'
import { Choose, eventLabel, ruleLabel } from '../components/choose.js'
import { CopyButton } from '../components/copy.js'
import { toast } from '../components/dialog.js'
import { Failure } from '../components/empty.js'
import { Time } from '../components/facts.js'
import { Field, Select } from '../components/filters.js'
import { JsonEditor } from '../components/json_editor.js'
import { Button, Card, Page } from '../components/page.js'
import { TestEvents } from '../components/test_events.js'

export default function Send({ query }) {
  const [draft, setDraft] = useState(keptDraft)
  const [sent, setSent] = useState([])
  useEffect(() => ofTab.set('send', JSON.stringify(draft)), [draft])
  useStart(query, setDraft)
  const { problems, body } = requestOf(draft)
  const ready = !Object.keys(problems).length
  const sending = useAction(async () => {
    const { id } = await post('/events', body)
    setSent(old =>
      [{ id, time: Date.now(), source: draft.source, detail_type: draft.detail_type }, ...old].slice(0, 20),
    )
    toast('The event is sent', { to: href(pathOf('events', id)), link: 'Open it' })
  })
  const submit = event => {
    event.preventDefault()
    if (ready) sending.run()
  }
  const change = changes => setDraft(old => ({ ...old, ...changes }))
  return html`<${Page} title="Send an event" lead="It goes to a bus as PutEvents would send it. Ctrl and Enter send it, too."
    actions=${html`<${Button} to=${href('/replay')}>Replay events<//>`}>
    <div class="main-and-side">
      <${Card} title="Event" end=${html`<${StartFrom} />${query.rule && html`<${TestEvents} owner=${{ rule: query.rule, bus: query.bus ?? 'default' }} text=${textOf(draft)} onLoad=${text => setDraft(draftOfText(text, query.bus))} />`}`}>
        <form class="stack" onSubmit=${submit} onKeyDown=${event => event.key === 'Enter' && (event.ctrlKey || event.metaKey) && submit(event)}>
          <${Envelope} draft=${draft} change=${change} />
          <${JsonEditor} small name="detail" label="Detail" value=${draft.detail} onInput=${detail => change({ detail })} problem=${problems.detail && draft.detail.trim() ? { message: problems.detail } : null}
            tools=${html`<${CopyButton} text=${() => commandOf(draft)} label="Copy as a command of the AWS CLI">AWS CLI<//>`} />
          <${More} draft=${draft} change=${change} problem=${problems.time} />
          ${sending.error && html`<${Failure} error=${sending.error} />`}
          <div class="form-end">
            <span class="muted grow" aria-live="polite">${Object.values(problems)[0]}</span>
            <${Button} onClick=${() => setDraft(EMPTY)}>Clear<//>
            <${Button} kind="primary" type="submit" disabled=${!ready || sending.busy}>${sending.busy ? 'Sending…' : 'Send event'}<//>
          </div>
        </form>
      <//>
      <${Sent} sent=${sent} />
    </div>
  <//>`
}

function Envelope({ draft, change }) {
  const buses = useLoad('/buses')
  const names = [...new Set([...(buses.data?.buses ?? []).map(bus => bus.name), draft.bus])]
  const input = (name, label, placeholder) =>
    html`<${Field} label=${label}>${id => html`<input id=${id} class="input" name=${name} autocomplete="off" spellcheck=${false}
    placeholder=${placeholder} value=${draft[name]} onInput=${event => change({ [name]: event.target.value })} />`}<//>`
  return html`<div class="columns narrow">
    <${Field} label="Event bus">${id => html`<${Select} id=${id} value=${draft.bus} options=${names} onChange=${bus => change({ bus })} />`}<//>
    ${input('source', 'Source', 'my.shop')}
    ${input('detail_type', 'Detail type', 'Order Created')}
  </div>`
}

function More({ draft, change, problem }) {
  return html`<details open=${Boolean(draft.resources || draft.time)}>
    <summary>Resources and time</summary>
    <div class="columns narrow after-summary">
      <${Field} label="Resources" help="ARNs with blanks between">${id => html`<input id=${id} class="input mono" value=${draft.resources} onInput=${event => change({ resources: event.target.value })} />`}<//>
      <${Field} label="Time" help="Now, if it is empty" error=${problem}>${id => html`<input id=${id} class="input" type="datetime-local" step="1" value=${draft.time} onInput=${event => change({ time: event.target.value })} />`}<//>
    </div>
  </details>`
}

function StartFrom() {
  const [, change] = useQuery()
  const events = useLoad('/events', { limit: 50 })
  const rules = useLoad('/rules', { limit: 1000 })
  const withPattern = (rules.data?.rules ?? []).filter(rule => rule.pattern)
  return html`
    <${Choose} label="Start from an earlier event" prompt="From event…" items=${events.data?.events ?? []} text=${eventLabel} onChoose=${one => change({ event: one.id, rule: '', bus: '' })} />
    <${Choose} label="Start from a rule's pattern" prompt="From rule…" items=${withPattern} text=${ruleLabel} onChoose=${rule => change({ rule: rule.name, bus: rule.bus, event: '' })} />`
}

function Sent({ sent }) {
  return html`<${Card} title="Sent from here" flush>
    <div aria-live="polite">
      ${sent.length === 0 && html`<p class="muted card-text">Nothing yet. The page of an event shows which rules it matched, and each delivery.</p>`}
      <ul class="rows">
        ${sent.map(
          one => html`<li key=${one.id} class="rows-item two-lines">
          <span class="row"><a class="grow cut" href=${href(pathOf('events', one.id))}>${one.detail_type}</a><${Time} ms=${one.time} /></span>
          <span class="muted">${one.source} · <code>${one.id}</code></span>
        </li>`,
        )}
      </ul>
    </div>
  <//>`
}

/** Fills the form by `?event=EVENT_ID` or `?rule=NAME&bus=NAME`. */
function useStart(query, setDraft) {
  useEffect(() => {
    const start = query.event ? ofEvent(query.event) : query.rule ? ofRule(query.rule, query.bus ?? 'default') : null
    start?.then(
      draft => draft && setDraft(draft),
      () => {},
    )
  }, [query.event, query.rule, query.bus])
}

async function ofEvent(id) {
  return draftOf(await loadEvent(id))
}

async function ofRule(name, bus) {
  const { rules } = await get('/rules', { bus, limit: 1000 })
  const rule = rules.find(one => one.name === name)
  if (!rule?.pattern) return null
  const made = exampleEvent(rule.pattern)
  return {
    ...EMPTY,
    bus,
    source: made.source,
    detail_type: made.detail_type,
    detail: laid(made.detail),
    resources: made.resources.join(' '),
  }
}

function keptDraft() {
  try {
    return { ...EMPTY, ...JSON.parse(ofTab.get('send')) }
  } catch {
    return EMPTY
  }
}
