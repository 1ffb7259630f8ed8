// Exchanges the code of a one-time link for a session. The code is in the fragment, which is sent to no server; so a
// program that only looks at the link does not use it up.

import { nodeCommand } from './node_command.js'

const CONSOLE = '/_nightbus/console'
const state = document.getElementById('state')
const code = location.hash.slice(1)
history.replaceState(null, '', location.pathname)

function ask(text) {
  state.textContent = text
  const command = document.getElementById('command')
  command.textContent = nodeCommand('console')
  command.hidden = false
}

async function signIn() {
  const reply = await fetch('/_nightbus/api/session', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ code }),
  })
  if (reply.ok) location.replace(CONSOLE)
  else ask((await reply.json()).message)
}

if (code) signIn().catch(() => ask('The node does not answer. Start it, then run this command:'))
else ask('Run this command, which opens a link that signs you in:')
