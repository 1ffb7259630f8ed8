// Dialogs, confirmations, side panels and short messages.
import { html, createPortal, render, useEffect, useId, useLayoutEffect, useRef, useState } from '../html.js'
import { useKeys } from '../keys.js'
import { Button } from './page.js'

/** A modal dialog: `<${Dialog} title="Redrive" onClose=${…} foot=${buttons}>…<//>`. Escape and the cross close it. */
export function Dialog({ title, onClose, foot, children }) {
  const box = useRef(null)
  const id = useId()
  useLayoutEffect(() => {  // ends while the dialog is still in the page
    const shown = box.current
    shown.showModal()
    return () => shown.close()  // gives the focus back to what had it
  }, [])
  return createPortal(html`<dialog ref=${box} aria-labelledby=${id} onCancel=${event => { event.preventDefault(); onClose() }}
      onClick=${event => { if (event.target === box.current) onClose() }}>
    <div class="dialog-head"><h2 id=${id}>${title}</h2><${Button} kind="plain" icon="close" label="Close" onClick=${onClose} /></div>
    <div class="dialog-body">${children}</div>
    ${foot && html`<div class="dialog-foot">${foot}</div>`}
  </dialog>`, document.body)
}

/** Asks before something is changed: `const ok = await confirm({title, text, action: 'Delete', danger: true})`. */
export function confirm({ title, text, action = 'Continue', danger = false }) {
  return new Promise(resolve => {
    const place = document.createElement('div')
    document.body.append(place)
    const end = answer => { render(null, place); place.remove(); resolve(answer) }
    render(html`<${Dialog} title=${title} onClose=${() => end(false)} foot=${html`
      <${Button} onClick=${() => end(false)}>Cancel<//>
      <${Button} kind=${danger ? 'danger primary' : 'primary'} onClick=${() => end(true)}>${action}<//>`}><p>${text}</p><//>`, place)
  })
}

/** A panel at the right that leaves the page usable. Escape closes it. */
export function SidePanel({ title, onClose, children }) {
  const head = useRef(null)
  const id = useId()
  useKeys({ Escape: onClose })
  useEffect(() => { head.current?.focus() }, [title])
  return html`<aside class="side" aria-labelledby=${id}>
    <div class="side-head"><h2 id=${id} class="cut" tabindex="-1" ref=${head}>${title}</h2><${Button} kind="plain" icon="close" label="Close" onClick=${onClose} /></div>
    <div class="side-body">${children}</div>
  </aside>`
}

const toasts = []
let redraw = () => {}

/** Says something for five seconds at the lower edge: `toast('Sent', {to: address, link: 'Open the event'})`; `kind: 'bad'` stays. */
export function toast(text, { kind = '', to, link } = {}) {
  const one = { id: Math.random(), text, kind, to, link }
  toasts.push(one)
  redraw()
  if (kind !== 'bad') setTimeout(() => dismiss(one), 5000)
}
function dismiss(one) {
  const index = toasts.indexOf(one)
  if (index >= 0) toasts.splice(index, 1)
  redraw()
}

/** Where toasts appear; part of the shell. */
export function Toasts() {
  const [, draw] = useState(0)
  useEffect(() => { redraw = () => draw(n => n + 1); return () => { redraw = () => {} } }, [])
  return html`<div class="toasts" role="status" aria-live="polite">
    ${toasts.map(one => html`<div key=${one.id} class=${`toast ${one.kind}`}><span class="grow">${one.text}${one.to && html` <a href=${one.to}>${one.link ?? 'Open'}</a>`}</span>
      <${Button} kind="plain" small icon="close" label="Dismiss" onClick=${() => dismiss(one)} /></div>`)}
  </div>`
}
