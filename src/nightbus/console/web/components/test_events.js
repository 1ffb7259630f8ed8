// The test events of a function or a rule, which `nightbus test-event` and the SAM CLI share: one is chosen, or the present text saved.
import { html, useId, useState } from '../html.js'
import { post } from '../api.js'
import { useLoad } from '../hooks.js'
import { readJson, tidy } from '../json_text.js'
import { useAction } from './action.js'
import { Choose } from './choose.js'
import { Dialog, toast } from './dialog.js'
import { Failure } from './empty.js'
import { Field } from './filters.js'
import { Button } from './page.js'

/** `<${TestEvents} owner=${{function: name}} text=${payload} onLoad=${setPayload} />`; the owner of a rule's is `{rule, bus}`. */
export function TestEvents({ owner, text, onLoad }) {
  const kept = useLoad('/test-events', owner)
  const [saving, setSaving] = useState(false)
  const events = kept.data?.events ?? []
  return html`
    <${Choose} label="Load a test event" prompt=${events.length ? 'Test event…' : 'No test event yet'} items=${events} text=${one => one.name} onChoose=${one => onLoad(tidy(one.event))} />
    <${Button} kind="plain" small disabled=${Boolean(readJson(text).error)} onClick=${() => setSaving(true)}>Save as test event<//>
    ${saving && html`<${SaveDialog} owner=${owner} text=${text} events=${events} onSaved=${kept.reload} onClose=${() => setSaving(false)} />`}`
}

function SaveDialog({ owner, text, events, onSaved, onClose }) {
  const form = useId()
  const [name, setName] = useState('')
  const known = events.some(one => one.name === name)
  const save = useAction(async () => {
    await post('/test-events', { ...owner, name, event: text, replace: known })
    onSaved()
    onClose()
    toast(`${name} is kept as a test event`)
  })
  const submit = event => {
    event.preventDefault()
    save.run()
  }
  const foot = html`<${Button} onClick=${onClose}>Cancel<//>
    <${Button} kind="primary" type="submit" form=${form} disabled=${!name || save.busy}>${known ? 'Replace' : 'Save'}<//>`
  return html`<${Dialog} title="Save as a test event" onClose=${onClose} foot=${foot}>
    <form class="stack" id=${form} onSubmit=${submit}>
      <${Field} label="Name">${id => html`<input id=${id} class="input" required maxlength="255" autocomplete="off" value=${name} onInput=${event => setName(event.target.value)} />`}<//>
      <p class="muted">All who use this node share it${owner.function ? '; sam remote test-event and nightbus test-event have it, too' : '; nightbus test-event has it, too'}.</p>
      ${save.error && html`<${Failure} error=${save.error} />`}
    </form>
  <//>`
}
