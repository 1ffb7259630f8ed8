// The pages: address, where each stands in the navigation, its shortcut, and the module that draws it (loaded when it is opened).
// A page's module has `export default function ({params, query})`.
export const GROUPS = [
  { title: '', items: ['overview', 'map', 'events'] },
  { title: 'Try', items: ['send', 'patterns'] },
  { title: 'Look', items: ['rules', 'logs', 'functions', 'queues', 'stacks', 'access'] },
]

export const NAVIGATION = {
  overview: { title: 'Overview', path: '/', icon: 'overview', key: 'o' },
  map: { title: 'Map', path: '/map', icon: 'map', key: 'm' },
  events: { title: 'Events', path: '/events', icon: 'events', key: 'e' },
  send: { title: 'Send and replay', path: '/send', icon: 'send', key: 's' },
  patterns: { title: 'Pattern workbench', path: '/patterns', icon: 'pattern', key: 'p' },
  rules: { title: 'Rules and buses', path: '/rules', icon: 'rules', key: 'r' },
  logs: { title: 'Logs', path: '/logs', icon: 'logs', key: 'l' },
  functions: { title: 'Functions', path: '/functions', icon: 'function', key: 'f' },
  queues: { title: 'Queues', path: '/queues', icon: 'queue', key: 'q' },
  stacks: { title: 'Stacks', path: '/stacks', icon: 'stack', key: 't' },
  access: { title: 'Access', path: '/access', icon: 'access', key: 'a' },
}

// `nav` is the navigation's entry that is marked while the page is open; `style` a file of `style/` that the page needs;
// `ahead` what of the API it asks for at first, as `address` (api.js) writes it: the shell names it to early.js, which asks while modules load.
export const ROUTES = [
  { path: '/', nav: 'overview', load: () => import('./pages/overview.js'),
    ahead: '/overview /series?name=nightbus_events_accepted_total%2Cnightbus_deliveries_given_up_total%2Cnightbus_invocations_total%2Cnightbus_invocation_errors_total&seconds=3600 /events?limit=8 /scopes' },
  { path: '/map', nav: 'map', style: 'map', load: () => import('./pages/map.js') },
  { path: '/events', nav: 'events', style: 'events', load: () => import('./pages/events.js') },
  { path: '/events/:id', nav: 'events', style: 'events', load: () => import('./pages/event.js') },
  { path: '/send', nav: 'send', style: 'pages', load: () => import('./pages/send.js') },
  { path: '/replay', nav: 'send', style: 'pages', load: () => import('./pages/replay.js') },
  { path: '/patterns', nav: 'patterns', style: 'pages', load: () => import('./pages/patterns.js') },
  { path: '/rules', nav: 'rules', style: 'pages', load: () => import('./pages/rules.js') },
  { path: '/logs', nav: 'logs', style: 'pages', load: () => import('./pages/logs.js') },
  { path: '/functions', nav: 'functions', style: 'pages', load: () => import('./pages/functions.js') },
  { path: '/functions/:name', nav: 'functions', style: 'pages', load: () => import('./pages/function.js') },
  { path: '/queues', nav: 'queues', style: 'pages', load: () => import('./pages/queues.js') },
  { path: '/queues/:name', nav: 'queues', style: 'pages', load: () => import('./pages/queue.js') },
  { path: '/stacks', nav: 'stacks', style: 'pages', load: () => import('./pages/stacks.js') },
  { path: '/stacks/:name', nav: 'stacks', style: 'pages', load: () => import('./pages/stack.js') },
  { path: '/access', nav: 'access', style: 'pages', load: () => import('./pages/access.js') },
  { path: '/access/:id', nav: 'access', style: 'pages', load: () => import('./pages/refusal.js') },
]

const styles = new Map()

function loadStyle(name) {
  if (!styles.has(name)) styles.set(name, new Promise(resolve => {
    const link = document.createElement('link')
    link.rel = 'stylesheet'
    link.href = new URL(`./style/${name}.css`, import.meta.url)
    link.onload = link.onerror = resolve
    document.head.append(link)
  }))
  return styles.get(name)
}

const pages = new Map()

/** The route's page, once its module and its style are there. */
export async function loadPage(route) {
  const [module] = await Promise.all([route.load(), route.style && loadStyle(route.style)])
  pages.set(route, module.default)
  return module.default
}

/** The route's page if it has been loaded, else undefined. */
export const loadedPage = route => pages.get(route)
