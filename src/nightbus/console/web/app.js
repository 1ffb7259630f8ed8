// The shell: signs the page in, draws navigation and bar, and puts the page of the address into it.
import { html, render, useErrorBoundary, useEffect, useRef, useState } from './html.js'
import { onSignedOut, openSession, remove } from './api.js'
import { useAddress, useLiveState, useLoad } from './hooks.js'
import { useKeys } from './keys.js'
import { beginAt } from './live.js'
import { ofBrowser } from './memory.js'
import { currentPath, currentScope, go, href, match } from './router.js'
import { GROUPS, NAVIGATION, ROUTES, loadPage, loadedPage } from './routes.js'
import { Dialog, Toasts } from './components/dialog.js'
import { Command, Empty, Failure, Skeleton } from './components/empty.js'
import { nodeCommand } from './node_command.js'
import { Icon } from './components/icon.js'
import { Button, Page } from './components/page.js'
import { Select } from './components/filters.js'

const ICON = new URL('./icon.svg', import.meta.url).href
const THEMES = { system: ['auto', 'Theme: as the system'], light: ['sun', 'Theme: light'], dark: ['moon', 'Theme: dark'] }

function ThemeSwitch() {
  const [theme, setTheme] = useState(() => ofBrowser.get('theme') ?? 'system')
  const turn = () => {
    const names = Object.keys(THEMES)
    const next = names[(names.indexOf(theme) + 1) % names.length]
    ofBrowser.set('theme', next === 'system' ? null : next)
    if (next === 'system') delete document.documentElement.dataset.theme
    else document.documentElement.dataset.theme = next
    setTheme(next)
  }
  const [icon, label] = THEMES[theme] ?? THEMES.system
  return html`<${Button} kind="plain" icon=${icon} label=${label} onClick=${turn} />`
}

/** Chooses account and Region among those that hold something. */
function ScopePicker() {
  const scope = currentScope()
  const scopes = useLoad('/scopes', {}).data?.scopes ?? []
  const accounts = [...new Set([scope.account, ...scopes.map(one => one.account)])].sort()
  const regions = [...new Set([scope.region, ...scopes.filter(one => one.account === scope.account).map(one => one.region)])].sort()
  const change = changes => {
    const path = '/' + (currentPath().split('/')[1] ?? '')  // a thing of one scope is not in another: go to its list
    go(href(path, { ...currentScope(), ...changes }))
  }
  return html`<div class="scope" role="group" aria-label="Account and Region">
    <${Select} plain label="Account" value=${scope.account} options=${accounts} onChange=${account => change({ account })} />
    <${Select} plain label="Region" value=${scope.region} options=${regions} onChange=${region => change({ region })} />
  </div>`
}

const LIVE = { off: '', live: 'Live', connecting: 'Connecting', lost: 'Connection lost' }
function LiveState() {
  const state = useLiveState()
  return html`<span class=${`live-state ${state}`} role="status" title=${LIVE[state]}>${state !== 'off' && html`<span class="dot" /><span class="label">${LIVE[state]}</span>`}</span>`
}

function Navigation({ active, session, close }) {
  return html`<nav class="nav" aria-label="Console" id="navigation" onClick=${event => { if (event.target.closest('a')) close() }}>
    <a class="brand" href=${href('/')}><img src=${ICON} width="22" height="22" alt="" />Nightbus</a>
    ${GROUPS.filter(group => group.items.some(name => ROUTES.some(route => route.nav === name))).map(group => html`<div class="nav-group">
      ${group.title && html`<div class="nav-title">${group.title}</div>`}
      <ul>${group.items.filter(name => ROUTES.some(route => route.nav === name)).map(name => {
        const item = NAVIGATION[name]
        return html`<li><a class="nav-link" href=${href(item.path)} aria-current=${active === name ? 'page' : undefined}>
          <${Icon} name=${item.icon} />${item.title}<span class="key" aria-hidden="true">g ${item.key}</span></a></li>`
      })}</ul></div>`)}
    <div class="nav-foot">Nightbus ${session.version}<div class="cut" title=${session.endpoint}>${session.endpoint}</div></div>
  </nav>`
}

const KEYS = [['/', 'Search or filter'], ['j  k', 'Next and previous row'], ['Enter', 'Open the row'], ['x', 'Tick the row'], ['Space', 'Pause a stream'], ['Esc', 'Close, leave a field'], ['?', 'This list']]
function Help({ onClose }) {
  return html`<${Dialog} title="Keyboard" onClose=${onClose}>
    <div class="help-keys">
      ${[...KEYS, ...Object.values(NAVIGATION).map(item => [`g  ${item.key}`, `Go to ${item.title}`])].map(([keys, text]) => html`
        <span>${keys.split('  ').map(key => html`<kbd>${key}</kbd> `)}</span><span>${text}</span>`)}
    </div><//>`
}

/** The page of the address; its module is loaded first. An error in a page leaves the shell standing. */
function CurrentPage() {
  const { path, query } = useAddress()
  const found = match(ROUTES, path)
  const [loaded, setLoaded] = useState({ route: null, error: null })
  const [error, reset] = useErrorBoundary(failure => console.error(failure))
  useEffect(() => {
    reset()
    if (!found || loadedPage(found.route)) return undefined
    let left = false  // a module that comes after its page was left does not take the place of the page that is there
    const set = error => { if (!left) setLoaded({ route: found.route, error }) }
    loadPage(found.route).then(() => set(null), set)
    return () => { left = true }
  }, [found?.route])
  useEffect(() => { reset() }, [path])
  if (!found) return html`<${Page} title="Not found"><${Empty} title="There is no such page"
    action=${html`<${Button} to=${href('/')}>To the overview<//>`}>The address ${path} leads nowhere in this console.<//><//>`
  const failure = error ?? (loaded.route === found.route && loaded.error)
  if (failure) return html`<${Page} title="This page has failed"><${Failure} error=${failure} retry=${() => location.reload()} /><//>`
  const shown = loadedPage(found.route)
  if (!shown) return html`<${Skeleton} rows=${8} />`
  return html`<${shown} key=${path + JSON.stringify(currentScope())} params=${found.params} query=${query} />`
}

function Shell({ session }) {
  const { path } = useAddress()
  const [open, setOpen] = useState(false)
  const [help, setHelp] = useState(false)
  const main = useRef(null)
  const active = match(ROUTES, path)?.route.nav
  const shortcuts = { '?': () => setHelp(true) }
  for (const item of Object.values(NAVIGATION)) shortcuts[`g ${item.key}`] = () => go(href(item.path))
  useKeys(shortcuts)
  useKeys(open ? { Escape: () => setOpen(false) } : {})
  return html`<div class=${open ? 'shell nav-open' : 'shell'}>
    <a class="skip" href="#main" onClick=${event => { event.preventDefault(); main.current.focus() }}>Skip to the page</a>
    <${Navigation} active=${active} session=${session} close=${() => setOpen(false)} />
    <button type="button" class="scrim" aria-label="Close the menu" onClick=${() => setOpen(false)} />
    <div>
      <header class="bar">
        <${Button} kind="plain menu-button" icon="menu" label="Menu" aria-expanded=${open} aria-controls="navigation" onClick=${() => setOpen(!open)} />
        <${ScopePicker} />
        <div class="bar-end">
          <${LiveState} />
          <${Button} kind="plain wide" icon="help" label="Keyboard shortcuts" onClick=${() => setHelp(true)} />
          <${ThemeSwitch} />
          ${session.token && html`<${SignOut} />`}
        </div>
      </header>
      <main id="main" tabindex="-1" ref=${main}><${CurrentPage} /></main>
    </div>
    ${help && html`<${Help} onClose=${() => setHelp(false)} />`}
    <${Toasts} />
  </div>`
}

function SignOut() {
  const leave = async () => {
    try { await remove('/session') } finally { location.reload() }
  }
  return html`<${Button} kind="plain" icon="user" label="Sign out" onClick=${leave} />`
}

/** `again` is called when somebody looks at the page again, who may have signed in in another one. */
function SignedOut({ again }) {
  useEffect(() => {
    addEventListener('focus', again)
    return () => removeEventListener('focus', again)
  }, [])
  return html`<div class="center-screen"><div class="card center-card">
    <div class="row"><img src=${ICON} width="28" height="28" alt="" /><h1>Sign in to Nightbus</h1></div>
    <p>The console is opened with a link that works once. On the machine of the node, run</p>
    <${Command} text=${nodeCommand('console')} />
    <p class="muted">It opens this page signed in. With <code>--print</code> it prints the link, for another browser.</p>
  </div></div>`
}

const opened = () => openSession().then(
  session => { beginAt(session.now); return { session, error: null, out: false } },
  error => ({ session: null, error, out: error.status === 401 }))

function App({ first }) {
  const [state, setState] = useState(first)
  const open = () => opened().then(setState)
  useEffect(() => onSignedOut(() => setState(old => ({ ...old, out: true }))), [])
  if (state.out) return html`<${SignedOut} again=${open} />`
  if (state.error) return html`<div class="center-screen"><div class="card center-card"><h1>Nightbus</h1><${Failure} error=${state.error} retry=${open} /></div></div>`
  return html`<${Shell} session=${state.session} />`
}

// The page's module is on its way while the session is asked for, and both are there when the shell is drawn. A failure is told where it is drawn.
const route = match(ROUTES, currentPath())?.route
Promise.all([opened(), route && loadPage(route).catch(() => null)]).then(([first]) =>
  render(html`<${App} first=${first} />`, document.getElementById('app')))
