// Sends a message to a queue.
import { html, useId, useState } from '../html.js'
import { post } from '../api.js'
import { useAction } from './action.js'
import { Dialog, toast } from './dialog.js'
import { Failure } from './empty.js'
import { Field } from './filters.js'
import { Button } from './page.js'

/** `path` is the queue's in the API; a FIFO queue's message has a group. */
export function SendMessage({ path, fifo, onClose, onSent }) {
  const form = useId()
  const [body, setBody] = useState('')
  const [group, setGroup] = useState('default')
  const [deduplication, setDeduplication] = useState('')
  const send = useAction(async () => {
    await post(
      `${path}/messages`,
      fifo ? { body, group, deduplication: deduplication || crypto.randomUUID() } : { body },
    )
    toast('The message is sent')
    onSent()
    onClose()
  })
  const submit = event => {
    event.preventDefault()
    send.run()
  }
  const foot = html`<${Button} onClick=${onClose}>Cancel<//><${Button} kind="primary" type="submit" form=${form} disabled=${!body || send.busy}>Send<//>`
  const input = (label, value, set, help) =>
    html`<${Field} label=${label} help=${help}>${id => html`<input id=${id} class="input" autocomplete="off" value=${value} onInput=${event => set(event.target.value)} />`}<//>`
  return html`<${Dialog} title="Send a message" onClose=${onClose} foot=${foot}>
    <form id=${form} class="stack" onSubmit=${submit}>
      <${Field} label="Body">${id => html`<textarea id=${id} class="textarea" rows="8" spellcheck=${false} value=${body} onInput=${event => setBody(event.target.value)} />`}<//>
      ${fifo && input('Message group', group, setGroup)}
      ${fifo && input('Deduplication id', deduplication, setDeduplication, 'A new one, if it is empty')}
      ${send.error && html`<${Failure} error=${send.error} />`}
    </form>
  <//>`
}
