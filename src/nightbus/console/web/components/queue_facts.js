// What a queue is set to, what sends to it and takes from it, and its message move tasks.
import { html } from '../html.js'
import { bytes, count, span } from '../format.js'
import { href, pathOf } from '../router.js'
import { StateChip } from './chip.js'
import { Facts, Id, Time } from './facts.js'
import { Card } from './page.js'
import { neighbours, ResourceLink } from './resource_link.js'

const seconds = text => text !== undefined && span(Number(text))

export function QueueFacts({ data }) {
  const { attributes } = data
  return html`<div class="columns">
    <${Card} title="Connections"><${Facts} items=${[
      ['Sends to it', neighbours(data.senders)],
      ['Takes from it', neighbours(data.receivers)],
      [
        'Dead letters go to',
        data.dead_letter_queue &&
          html`<${ResourceLink} arn=${data.dead_letter_queue} /><span class="muted"> after ${count(data.max_receives, 'receive')}</span>`,
      ],
      ['Stack', data.stack && html`<a href=${href(pathOf('stacks', data.stack))}>${data.stack}</a>`],
      ['ARN', html`<${Id} value=${data.arn} />`],
      ['URL', html`<${Id} value=${data.url} />`],
    ]} /><//>
    <${Card} title="Settings"><${Facts} items=${[
      ['Visibility timeout', seconds(attributes.VisibilityTimeout)],
      ['Delay', seconds(attributes.DelaySeconds)],
      ['Kept', seconds(attributes.MessageRetentionPeriod)],
      ['Largest message', attributes.MaximumMessageSize && bytes(Number(attributes.MaximumMessageSize))],
      ['Created', html`<${Time} ms=${data.created} />`],
    ]} /><//>
    ${
      data.move_tasks.length > 0 &&
      html`<${Card} title="Message move tasks"><ul class="stack tight">
      ${data.move_tasks.map(task => html`<li key=${task.started} class="row wrap"><${StateChip} state=${task.status} /><span>${task.moved} of ${task.to_move} moved</span><${Time} ms=${task.started} ago />${task.failure && html`<span class="bad-text">${task.failure}</span>`}</li>`)}
    </ul><//>`
    }
  </div>`
}
