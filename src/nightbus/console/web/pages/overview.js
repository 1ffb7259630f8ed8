// The first page: what is deployed, what fails, what happened lately.
import { html } from '../html.js'
import { Page } from '../components/page.js'
import { Empty } from '../components/empty.js'

export default function Overview() {
  return html`<${Page} title="Overview"><div class="card"><${Empty} title="Nothing is deployed yet" command="sam deploy --guided">
    Deploy a template with sam, aws or cdk against this node, and its buses, rules, functions and queues appear here.<//></div><//>`
}
