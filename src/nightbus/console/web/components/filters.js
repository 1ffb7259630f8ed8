// Fields: with a label, for searching, for choosing.
import { html, useCallback, useEffect, useId, useLayoutEffect, useRef, useState } from '../html.js'
import { useKeys } from '../keys.js'
import { Icon } from './icon.js'

/** A label above a control: `<${Field} label="Source" help="…" error=${…}>${id => html`<input id=${id} …>`}<//>`. */
export function Field({ label, help, error, children }) {
  const id = useId()
  return html`<div class="field">
    <label class="label" for=${id}>${label}</label>
    ${children(id)}
    ${help && html`<div class="help">${help}</div>`}
    ${error && html`<div class="wrong" role="alert">${error}</div>`}
  </div>`
}

/** `[later, now]`: `later(value)` calls `work(value)` after `delay` ms without another call, and not once the component is gone. */
function useDelayed(work, delay) {
  const timer = useRef(0)
  const stop = useCallback(() => clearTimeout(timer.current), [])
  useLayoutEffect(() => stop, [])
  const later = value => {
    stop()
    timer.current = setTimeout(() => work(value), delay)
  }
  return [later, value => { stop(); work(value) }]
}

/** The page's search field, which the key / focuses. `onInput(text)` is called after typing has paused for `delay` ms. */
export function Search({ value = '', onInput, placeholder = 'Search', label = placeholder, delay = 200, mono = false }) {
  const [text, setText] = useState(value)
  const field = useRef(null)
  const [later, now] = useDelayed(onInput, delay)
  useEffect(() => { if (document.activeElement !== field.current) setText(value) }, [value])
  useKeys({ '/': () => { field.current.focus(); field.current.select() } })
  const typed = event => {
    setText(event.target.value)
    later(event.target.value)
  }
  return html`<div class="search" role="search"><${Icon} name="search" />
    <input ref=${field} class=${mono ? 'input mono' : 'input'} type="search" value=${text} placeholder=${placeholder} aria-label=${label} title=${label}
      spellcheck=${false} autocomplete="off" onInput=${typed}
      onKeyDown=${event => { if (event.key === 'Enter') now(text) }} />
  </div>`
}

/** A text filter without an icon; told like `Search`. */
export function TextFilter({ value = '', onInput, placeholder, label = placeholder, delay = 250, list, invalid = false, mono = false }) {
  const [text, setText] = useState(value)
  const field = useRef(null)
  const [later] = useDelayed(onInput, delay)
  const id = useId()
  useEffect(() => { if (document.activeElement !== field.current) setText(value) }, [value])
  const typed = event => {
    setText(event.target.value)
    later(event.target.value)
  }
  return html`<input ref=${field} class=${mono ? 'input mono' : 'input'} value=${text} placeholder=${placeholder} aria-label=${label} title=${label}
    aria-invalid=${invalid ? 'true' : undefined} list=${list ? id : undefined} spellcheck=${false} autocomplete="off" onInput=${typed} />
    ${list && html`<datalist id=${id}>${list.map(one => html`<option key=${one} value=${one} />`)}</datalist>`}`
}

/** `<${Select} label="Bus" value=${bus} options=${['default', ['x', 'Label']]} onChange=${set} />`. Without `plain` it has a border. */
export function Select({ value, options, onChange, label, plain = false, id }) {
  const pairs = options.map(one => (Array.isArray(one) ? one : [one, one]))
  return html`<select id=${id} class=${plain ? 'select plain' : 'select'} value=${value} aria-label=${id ? undefined : label} title=${label}
    onChange=${event => onChange(event.target.value)}>
    ${pairs.map(([key, text]) => html`<option key=${key} value=${key} selected=${key === value}>${text}</option>`)}
  </select>`
}

/** A box to tick with its text. */
export const Check = ({ checked, onChange, children, ...rest }) => html`<label class="check">
  <input type="checkbox" checked=${checked} onChange=${event => onChange(event.target.checked)} ...${rest} />${children}</label>`
