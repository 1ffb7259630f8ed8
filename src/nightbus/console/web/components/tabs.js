// Tabs over a part of a page; the arrow keys change between them. `tabs`: `[{key, title, count}]`.
import { html, useId } from '../html.js'

export function Tabs({ tabs, active, onChange, label, children }) {
  const id = useId()
  const moved = event => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key]
    if (!step) return
    const next = tabs[(tabs.findIndex(tab => tab.key === active) + step + tabs.length) % tabs.length]
    onChange(next.key)
    event.currentTarget.querySelector(`[data-key="${next.key}"]`)?.focus()
  }
  return html`<div class="tabs" role="tablist" aria-label=${label} onKeyDown=${moved}>
      ${tabs.map(tab => html`<button type="button" key=${tab.key} class="tab" role="tab" data-key=${tab.key} id=${`${id}-${tab.key}`} aria-selected=${tab.key === active}
        aria-controls=${`${id}-panel`} tabindex=${tab.key === active ? 0 : -1} onClick=${() => onChange(tab.key)}>
        ${tab.title}${tab.count !== undefined && html`<span class="count">${tab.count}</span>`}</button>`)}
    </div>
    <div role="tabpanel" id=${`${id}-panel`} aria-labelledby=${`${id}-${active}`}>${children}</div>`
}
