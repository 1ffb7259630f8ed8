// The frame of a page: its title (also the window's), where it stands, its actions, its body.
import { html, useEffect } from '../html.js'
import { href } from '../router.js'
import { Icon } from './icon.js'

const TURNING = /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g  // turn the direction of what follows, the browser's own text included

/**
 * `<${Page} title="Queues" lead="…" crumbs=${[['Queues', '/queues']]} actions=${…}>…<//>`.
 * `mono` sets the title in the fixed font (ids, names). `crumbs` are the pages above, as `[label, path]`.
 */
export function Page({ title, lead, crumbs = [], actions, mono = false, beside, children }) {
  useEffect(() => { document.title = `${title.replace(TURNING, '')} · Nightbus` }, [title])
  return html`
    <header class="page-head">
      <div class="cut">
        ${crumbs.length > 0 && html`<nav class="crumbs" aria-label="Breadcrumb">
          ${crumbs.map(([label, path]) => html`<a href=${href(path)}>${label}</a><span aria-hidden="true">/</span>`)}
        </nav>`}
        <h1 class=${mono ? 'mono cut' : 'cut'} title=${title}>${title}</h1>
      </div>
      ${beside}
      ${actions && html`<div class="page-actions">${actions}</div>`}
      ${lead && html`<p class="page-lead">${lead}</p>`}
    </header>
    ${children}`
}

/** A box with a heading: `<${Card} title="Targets" end=${…} flush>`; `flush` for tables that fill it. */
export function Card({ title, end, flush = false, children, level = 2, ...rest }) {
  return html`<section class="card" ...${rest}>
    ${(title || end) && html`<div class="card-head">
      ${title && html`<${'h' + level}>${title}<//>`}${end && html`<div class="end">${end}</div>`}
    </div>`}
    <div class=${flush ? 'card-body flush' : 'card-body'}>${children}</div>
  </section>`
}

/** A button; with `to` (an address of `href`) a link that looks like one. `kind`: `primary`, `danger`, `plain`, `danger primary`. */
export function Button({ kind = '', small = false, icon, label, to, children, ...rest }) {
  const classes = ['button', kind, small && 'small', icon && !children && 'icon'].filter(Boolean).join(' ')
  const inside = html`${icon && html`<${Icon} name=${icon} size=${small ? 14 : 16} />`}${children}`
  const named = label ? { 'aria-label': label, title: label } : {}
  return to
    ? html`<a class=${classes} href=${to} ...${named} ...${rest}>${inside}</a>`
    : html`<button type="button" class=${classes} ...${named} ...${rest}>${inside}</button>`
}
