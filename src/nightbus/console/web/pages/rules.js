// Buses and their rules: what each rule accepts, where it sends it, and whether it is switched on.
import { html, useEffect, useMemo, useRef, useState } from '../html.js'
import { isClustered, post } from '../api.js'
import { useLoad, usePages, useQuery } from '../hooks.js'
import { href, pathOf } from '../router.js'
import { count, shortName } from '../format.js'
import { useAction } from '../components/action.js'
import { Chip, StateChip } from '../components/chip.js'
import { Empty, Failure, Loaded } from '../components/empty.js'
import { Facts, Id } from '../components/facts.js'
import { Search, Select } from '../components/filters.js'
import { Icon } from '../components/icon.js'
import { JsonView } from '../components/json.js'
import { More } from '../components/more.js'
import { Button, Page } from '../components/page.js'
import { ResourceLink } from '../components/resource_link.js'

export default function Rules({ query }) {
  const [, change] = useQuery()
  const buses = useLoad('/buses')
  const rules = usePages('/rules', 'rules', { bus: query.bus, limit: 1000 })
  const options = [['', 'All buses'], ...(buses.data?.buses ?? []).map(bus => bus.name)]
  return html`<${Page} title="Rules and buses" actions=${html`<${Button} to=${href('/patterns')}>Pattern workbench<//>`}>
    <div class="filters">
      <${Search} value=${query.text} placeholder="Search name, pattern or target" label="Search rules" onInput=${text => change({ text })} />
      <${Select} label="Event bus" value=${query.bus ?? ''} options=${options} onChange=${bus => change({ bus, rule: '' })} />
    </div>
    <${Loaded} from=${rules}>${data => html`<${List} rules=${data.rules} query=${query} onChanged=${rules.reload} />`}<//>
    <${More} list=${rules} shown=${rules.data?.rules.length} what="rules" />
  <//>`
}

function List({ rules, query, onChanged }) {
  const shown = useMemo(() => rules.filter(rule => contains(rule, query.text)), [rules, query.text])
  if (!shown.length) {
    return html`<div class="card"><${Empty} title=${query.text ? 'No rule has this text' : 'No rules yet'} action=${html`<${Button} to=${href('/patterns')}>Open the workbench<//>`}>
      A rule sends the events that its pattern accepts to its targets. Deploy a stack with an AWS::Events::Rule, or put a pattern to a rule in the workbench.<//></div>`
  }
  return html`<p class="muted list-count">${count(shown.length, 'rule')}</p>
    <ul class="card">${shown.map(rule => html`<${Rule} key=${rule.arn} rule=${rule} first=${query.rule === rule.name} onChanged=${onChanged} />`)}</ul>`
}

function Rule({ rule, first, onChanged }) {
  const [open, setOpen] = useState(first)
  const row = useRef(null)
  useEffect(() => {
    if (first) row.current.scrollIntoView({ block: 'nearest' })
  }, [])
  const { enabled } = rule
  const swap = useAction(async () => {
    await post(`${pathOf('rules', rule.name)}/${enabled ? 'disable' : 'enable'}`, { bus: rule.bus })
    onChanged()
  })
  return html`<li class="unfold" ref=${row}>
    <div class="unfold-head">
      <button type="button" class="unfold-title" aria-expanded=${open ? 'true' : 'false'} onClick=${() => setOpen(!open)}>
        <${Icon} name=${open ? 'down' : 'right'} size=${12} /><span class="name" title=${rule.name}>${shortName(rule.name)}</span>
      </button>
      <span class="unfold-state"><${StateChip} state=${enabled ? 'enabled' : 'disabled'} />${rule.bus !== 'default' && html`<${Chip}>${rule.bus}<//>`}</span>
      <code class="cut muted unfold-lead">${rule.schedule || JSON.stringify(rule.pattern)}</code>
      <span class="unfold-end"><${Targets} rule=${rule} /></span>
    </div>
    ${open && html`<${Details} rule=${rule} enabled=${enabled} swap=${swap} />`}
  </li>`
}

function Targets({ rule }) {
  if (!rule.targets.length) return html`<${Chip} kind="warn">no target<//>`
  const [target, ...others] = rule.targets
  return html`<${ResourceLink} arn=${target.arn} />${others.length > 0 && html`<span class="muted"> and ${others.length} more</span>`}`
}

function Details({ rule, enabled, swap }) {
  const at = { rule: rule.name, bus: rule.bus }
  return html`<div class="unfold-body stack">
    <div class="row wrap">
      ${rule.pattern && html`<${Button} small to=${href('/patterns', at)}>Open in workbench<//>`}
      ${rule.pattern && html`<${Button} small to=${href('/send', at)}>Send an event that matches<//>`}
      <${Button} small onClick=${() => swap.run()} disabled=${swap.busy}>${enabled ? 'Disable' : 'Enable'}<//>
    </div>
    ${swap.error && html`<${Failure} error=${swap.error} />`}
    <div class="columns">
      ${rule.pattern && html`<div class="stack tight"><h3>Pattern</h3><div class="boxed"><${JsonView} value=${rule.pattern} label="Pattern" /></div></div>`}
      <div class="stack tight"><h3>Targets</h3>
        ${rule.targets.length === 0 && html`<p class="muted">None: what matches goes nowhere.</p>`}
        <ul class="stack tight">${rule.targets.map(target => html`<li key=${target.id} class="boxed padded"><${Target} target=${target} /></li>`)}</ul>
        <${Facts} items=${[
          ['Description', rule.description],
          ['Schedule', rule.schedule],
          [
            isClustered() ? 'On this node since its start' : 'Since the start',
            `${count(rule.matched, 'match', 'matches')}, ${rule.delivered} delivered${rule.given_up ? `, ${rule.given_up} given up` : ''}`,
          ],
          ['Stack', rule.stack && html`<a href=${href(pathOf('stacks', rule.stack))}>${rule.stack}</a>`],
          ['ARN', html`<${Id} value=${rule.arn} />`],
        ]} />
      </div>
    </div>
  </div>`
}

const Target = ({ target }) =>
  html`<${Facts} items=${[
    [target.id, html`<${ResourceLink} arn=${target.arn} />`],
    ['Dead letters', target.dead_letter && html`<${ResourceLink} arn=${target.dead_letter} />`],
    ['Input', target.input && html`<code>${target.input}</code>`],
    ['Retries', target.retries !== null && `${target.retries} at most`],
  ]} />`

function contains(rule, text) {
  const all = [
    rule.name,
    rule.description,
    rule.schedule,
    JSON.stringify(rule.pattern),
    ...rule.targets.map(target => target.arn),
  ]
  return !text || all.join(' ').toLowerCase().includes(text.toLowerCase())
}
