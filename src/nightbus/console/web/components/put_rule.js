// Puts a pattern to a rule, a known one or a new one.
import { html, useId, useState } from '../html.js'
import { post } from '../api.js'
import { readJson } from '../json_text.js'
import { useAction } from './action.js'
import { Dialog } from './dialog.js'
import { Failure } from './empty.js'
import { Field } from './filters.js'
import { Button } from './page.js'

export function PutRule({ pattern, valid, rules, rule, onDone }) {
  const [open, setOpen] = useState(false)
  return html`<${Button} disabled=${!valid} onClick=${() => setOpen(true)}>Put to a rule…<//>
    ${open && html`<${PutRuleDialog} pattern=${pattern} rules=${rules} rule=${rule} onDone=${onDone} onClose=${() => setOpen(false)} />`}`
}

function PutRuleDialog({ pattern, rules, rule, onDone, onClose }) {
  const form = useId()
  const [name, setName] = useState(rule?.name ?? '')
  const [bus, setBus] = useState(rule?.bus ?? 'default')
  const known = rules.find(one => one.name === name && one.bus === bus)
  const put = useAction(async () => {
    await post('/rules', { name, bus, pattern })
    onDone()
  })
  const submit = event => {
    event.preventDefault()
    if (!readJson(pattern).error) put.run()
  }
  const effect = known
    ? `Replaces the pattern of ${name}. Its targets stay.${known.stack ? ` The stack ${known.stack} made this rule: its next update may set the pattern back.` : ''}`
    : 'Makes a new rule without targets.'
  const foot = html`<${Button} onClick=${onClose}>${put.result ? 'Close' : 'Cancel'}<//>
    <${Button} kind="primary" type="submit" form=${form} disabled=${!name || put.busy}>${known ? 'Replace pattern' : 'Make rule'}<//>`
  return html`<${Dialog} title="Put the pattern to a rule" onClose=${onClose} foot=${foot}>
    <form class="stack" id=${form} onSubmit=${submit}>
      <${Field} label="Rule">${id => html`<input id=${id} class="input" list="known-rules" required autocomplete="off" value=${name} onInput=${event => setName(event.target.value)} />`}<//>
      <datalist id="known-rules">${rules.map(one => html`<option key=${one.arn} value=${one.name} />`)}</datalist>
      <${Field} label="Event bus">${id => html`<input id=${id} class="input" required autocomplete="off" value=${bus} onInput=${event => setBus(event.target.value)} />`}<//>
      ${name && html`<p class="muted">${effect}</p>`}
      ${put.error && html`<${Failure} error=${put.error} />`}
      ${put.result && html`<p class="note good" role="status">${name} has this pattern now.</p>`}
    </form>
  <//>`
}
