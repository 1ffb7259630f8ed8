// A menu that does something with the chosen item, and then stands at its prompt again.
import { html } from '../html.js'
import { clock } from '../format.js'
import { toast } from './dialog.js'

/** `<${Choose} label="Load an event" prompt="Load event…" items=${events} text=${eventLabel} onChoose=${load} />`. */
export function Choose({ label, prompt, items, text, onChoose }) {
  const chosen = event => {
    const item = items[Number(event.target.value)]
    event.target.value = ''
    if (item) Promise.resolve(onChoose(item)).catch(error => toast(error.message, { kind: 'bad' }))
  }
  return html`<select class="select small choose" aria-label=${label} title=${label} value="" onChange=${chosen}>
    <option value="">${prompt}</option>
    ${items.map((item, at) => html`<option key=${at} value=${String(at)}>${text(item)}</option>`)}
  </select>`
}

export const eventLabel = event => `${clock(event.time, { millis: false })}  ${event.detail_type} · ${event.source}`
export const ruleLabel = rule => (rule.bus === 'default' ? rule.name : `${rule.name} · ${rule.bus}`)
