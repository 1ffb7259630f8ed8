// What each rule of the bus says about an event: those that matched with their deliveries, the others with why, the nearest first, and
// for one that is opened the event and the pattern side by side.
import { html, useState } from '../html.js'
import { count, nameOf, shortName } from '../format.js'
import { href } from '../router.js'
import { StateChip } from './chip.js'
import { Empty } from './empty.js'
import { Icon } from './icon.js'
import { JsonView } from './json.js'
import { Button, Card } from './page.js'

const FIRST = 6

const parsed = pattern => {
  if (typeof pattern !== 'string') return pattern
  try { return JSON.parse(pattern) } catch { return pattern }
}

/** The event and the pattern beside each other, each field with its verdict. */
export function SideBySide({ event, pattern, fields }) {
  return html`<div class="sides">
    <div><h4>The event</h4><${JsonView} value=${event} fields=${fields} side="event" label="event" /></div>
    <div><h4>The rule's pattern</h4><${JsonView} value=${parsed(pattern)} fields=${fields} side="pattern" label="pattern" notes=${false} /></div>
  </div>`
}

function Deliveries({ rule }) {
  const list = rule.deliveries ?? []
  if (!list.length) return html`<p class="muted">No delivery yet.</p>`
  return html`<ul class="stack tight">${list.map(one => html`<li class="row wrap" key=${one.target + one.attempt}>
    <${StateChip} state=${one.outcome ?? 'under way'} /><span>${shortName(nameOf(one.arn)) || one.target}</span><span class="muted">attempt ${one.attempt}</span>
    ${one.code && html`<span class="muted">${one.code}: ${one.message}</span>`}</li>`)}</ul>`
}

/** By the last attempt at each target. */
function deliveredTo(rule) {
  const ends = [...new Map((rule.deliveries ?? []).map(one => [one.target, one.outcome])).values()]
  const delivered = ends.filter(end => end === 'delivered').length
  const failed = ends.filter(end => end === 'failed').length
  const open = ends.length - delivered - failed
  return [
    delivered && `delivered to ${count(delivered, 'target')}`,
    failed && `not delivered to ${count(failed, 'target')}`,
    open && `${count(open, 'target')} to come`,
  ].filter(Boolean).join(', ') || 'no delivery yet'
}

function Rule({ rule, event, opened }) {
  const [open, setOpen] = useState(opened)
  const why = rule.matched ? deliveredTo(rule) : rule.why
  return html`<div class="rule">
    <button type="button" class="rule-head" aria-expanded=${open} onClick=${() => setOpen(!open)}>
      <${Icon} name="right" size=${14} /><span class="rule-name cut" title=${rule.rule}>${shortName(rule.rule)}</span><span class="rule-why">${why}</span>
      <span><${StateChip} state=${rule.matched ? 'matched' : 'missed'} label=${rule.matched ? 'matched' : 'no match'} /></span>
    </button>
    ${open && html`<div>
      ${rule.matched && html`<div class="rule-body"><${Deliveries} rule=${rule} /></div>`}
      ${!rule.matched && rule.hint && !rule.why?.includes(rule.hint) && html`<p class="rule-note"><b>Likely:</b> ${rule.hint}</p>`}
      ${rule.pattern ? html`<${SideBySide} event=${event} pattern=${rule.pattern} fields=${rule.fields} />` : null}
      <div class="rule-body row wrap">
        ${rule.pattern && html`<${Button} small icon="pattern" to=${href('/patterns', { event: event.id, rule: rule.rule, bus: rule.bus })}>Open in the workbench<//>`}
      </div>
    </div>`}
  </div>`
}

/** `<${RuleVerdicts} answer=${answer of /events/ID} />`. */
export function RuleVerdicts({ answer }) {
  const [all, setAll] = useState(false)
  const matched = answer.rules.filter(rule => rule.matched)
  const missed = answer.rules.filter(rule => !rule.matched).sort((a, b) => (b.near ?? 0) - (a.near ?? 0))
  const shown = all ? missed : missed.slice(0, FIRST)
  const rule = (one, opened) => html`<${Rule} key=${one.rule} rule=${{ bus: answer.bus, ...one }} event=${answer.event} opened=${opened} />`
  if (!answer.rules.length) return html`<${Card} title="Rules" flush><${Empty} title=${`The bus ${answer.bus} has no rules`} action=${html`<${Button} to=${href('/rules')}>Rules and buses<//>`}>
    An event that no rule matches is kept in the history and delivered to nobody.<//><//>`
  return html`
    ${matched.length > 0 && html`<${Card} title=${`Matched by ${count(matched.length, 'rule')}`} flush>${matched.map(one => rule(one, false))}<//>`}
    ${missed.length > 0 && html`<${Card} title=${`${count(missed.length, 'rule')} did not match`} end=${html`<span class="muted">nearest first</span>`} flush>
      ${shown.map((one, index) => rule(one, !matched.length && index === 0))}
      ${missed.length > shown.length && html`<div class="rule-body"><${Button} small kind="plain" onClick=${() => setAll(true)}>Show ${missed.length - shown.length} more<//></div>`}<//>`}
    ${answer.elsewhere?.length > 0 && html`<div class="note warn"><b>Rules of other buses would match:</b> ${answer.elsewhere.map(one => `${one.rule} on ${one.bus}`).join(', ')}.
      The event was put on ${answer.bus}.</div>`}`
}
