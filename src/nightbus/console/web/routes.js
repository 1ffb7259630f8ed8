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

// `nav` is the navigation's entry that is marked while the page is open.
export const ROUTES = [
  { path: '/', nav: 'overview', load: () => import('./pages/overview.js') },
  { path: '/events', nav: 'events', load: () => import('./pages/events.js') },
]
