// One refused request: what was asked, what each policy said, and the smallest statement that would allow it.
import { html } from '../html.js'
import { useLoad } from '../hooks.js'
import { href, pathOf } from '../router.js'
import { Chip } from '../components/chip.js'
import { Loaded } from '../components/empty.js'
import { Facts, Id, Time } from '../components/facts.js'
import { JsonView } from '../components/json.js'
import { Card, Page } from '../components/page.js'

const VERDICTS = {
  allow: ['good', 'allows it'],
  implicitDeny: ['', 'does not allow it'],
  explicitDeny: ['bad', 'denies it'],
}

export default function Refusal({ params }) {
  const refusal = useLoad(pathOf('access', 'refusals', params.id))
  return html`<${Page} title=${refusal.data?.action ?? params.id} mono crumbs=${[['Access', '/access']]} lead=${refusal.data?.why}
    beside=${refusal.data && html`<${Chip} kind=${refusal.data.enforced ? 'bad' : 'warn'}>${refusal.data.enforced ? 'refused' : 'would be refused'}<//>`}>
    <${Loaded} from=${refusal}>${data => html`<div class="columns">
      <${Statement} data=${data} />
      <${Card} title="Request"><${Facts} items=${[
        ['Caller', html`<${Id} value=${data.principal} />`],
        ['Role', data.role && html`<${Id} value=${data.role} />`],
        ['Action', html`<code>${data.action}</code>`],
        ['Resource', html`<${Id} value=${data.resource} />`],
        ['Operation', data.operation],
        ['Region', data.region],
        ['From', data.source],
        ['Time', html`<${Time} ms=${data.time} ago />`],
        ['Told', data.message],
        ['Request', html`<${Id} value=${data.request_id} />`],
      ]} /><//>
      <${Policies} data=${data} />
      <${Keys} keys=${data.keys} />
    </div>`}<//>
  <//>`
}

const isEmpty = value => value === null || value === '' || (Array.isArray(value) && value.every(isEmpty))

/** The keys that policies can ask about and that have a value. */
function Keys({ keys }) {
  const set = Object.fromEntries(Object.entries(keys).filter(([, value]) => !isEmpty(value)))
  return html`<${Card} title="Condition keys" flush>${Object.keys(set).length
    ? html`<${JsonView} value=${set} label="Condition keys" />`
    : html`<p class="muted card-text">None of the request's keys has a value.</p>`}<//>`
}

function Statement({ data }) {
  const { add_to: to, statement } = data
  const place = Object.entries(to).map(([name, value]) => [
    name[0].toUpperCase() + name.slice(1),
    name === 'stack' ? html`<a href=${href(pathOf('stacks', value))}>${value}</a>` : html`<code>${value}</code>`,
  ])
  return html`<${Card} title="The statement that would allow it">
    ${
      statement
        ? html`<div class="stack"><div class="boxed"><${JsonView} value=${statement} label="Statement" /></div>
          ${place.length > 0 && html`<div class="stack tight"><h3>Add it to</h3><${Facts} items=${place} /></div>`}</div>`
        : html`<p class="muted">None: a policy denies the request, and a denial cannot be outvoted. Change that policy.</p>`
    }
  <//>`
}

const Policies = ({ data }) => html`<${Card} title="What each policy said">
  ${data.policies.length === 0 && html`<p class="muted">No policy is about this caller or this resource.</p>`}
  <ul class="stack tight">${data.policies.map(
    one => html`<li key=${one.kind + one.name} class="boxed padded">
    <div class="row wrap"><strong>${one.name}</strong><span class="muted">${one.kind}</span><${Chip} kind=${VERDICTS[one.verdict]?.[0] ?? ''}>${VERDICTS[one.verdict]?.[1] ?? one.verdict}<//></div>
    ${one.why && html`<p>${one.why}</p>`}
    ${one.statements.length > 0 && html`<p class="muted">Statements: ${one.statements.join(', ')}</p>`}
  </li>`,
  )}</ul>
<//>`
