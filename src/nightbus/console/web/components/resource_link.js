// Names of resources, as links to their pages where the console has one: those that CloudFormation made by their logical ids, and the whole ARN
// is the tooltip.
import { html } from '../html.js'
import { nameOf, shortName } from '../format.js'
import { pageOfArn } from '../resource_links.js'

export function ResourceLink({ arn, name }) {
  const page = pageOfArn(arn)
  const text = shortName(name ?? nameOf(arn))
  return page ? html`<a class="resource" href=${page} title=${arn}>${text}</a>` : html`<span title=${arn}>${text}</span>`
}

/** What stands next to a thing on the map, as a list; null for nothing. `items`: `[{arn, name, how}]`. */
export const neighbours = items =>
  items.length > 0
    ? html`<ul>${items.map(one => html`<li key=${one.how + one.arn}><${ResourceLink} arn=${one.arn} name=${one.name} /> <span class="muted">${one.how.replaceAll('-', ' ')}</span></li>`)}</ul>`
    : null
