// All that a page can try at the console's API, from wherever it was served. The title says in the end what it could read.
const port = PORT, rule = RULE, seen = []
const bases = [`http://nightbus.localhost:${port}`, `http://127.0.0.1:${port}`]

const loaded = (what, begin) => new Promise(done => {
  what.onload = what.onerror = done
  setTimeout(done, 400)
  begin()
})

async function read(url, options) {
  try {
    const text = await (await fetch(url, options)).text()
    if (/"events"|"token"|dev_credentials/.test(text)) seen.push(`fetched ${url}`)
  } catch (error) { /* as it should be */ }
}

function looksAt(how, get) {
  try {
    if (get().getElementById('app')) seen.push(how)
  } catch (error) { /* as it should be */ }
}

async function requests(api) {
  for (const path of ['/events', '/session']) {
    for (const credentials of ['omit', 'same-origin', 'include']) await read(api + path, {credentials})
  }
  for (const type of ['application/json', 'text/plain']) {
    for (const mode of ['cors', 'no-cors']) {
      const headers = {'content-type': type, 'x-nightbus-token': 'guessed'}
      await read(`${api}/rules`, {method: 'POST', mode, credentials: 'include', headers, body: rule})
    }
  }
  navigator.sendBeacon(`${api}/rules`, new Blob([rule], {type: 'text/plain'}))
}

async function elements(base, api) {
  const frame = document.createElement('iframe')
  await loaded(frame, () => { frame.src = `${base}/_nightbus/console/events`; document.body.append(frame) })
  looksAt(`framed ${base}`, () => frame.contentDocument)
  const image = new Image()
  await loaded(image, () => { image.src = `${api}/events` })
  const script = document.createElement('script')
  await loaded(script, () => { script.src = `${api}/session`; document.body.append(script) })
  const opened = window.open(`${base}/_nightbus/console`)
  await new Promise(done => setTimeout(done, 400))
  looksAt(`opened ${base}`, () => opened.document)
  opened.close()
}

async function form(api) {
  const target = Object.assign(document.createElement('iframe'), {name: 'answer'})
  const sent = document.createElement('form')
  Object.assign(sent, {method: 'POST', action: `${api}/rules`, enctype: 'text/plain', target: 'answer'})
  const input = Object.assign(document.createElement('input'), {name: `${rule.slice(0, -1)}, "x": "`, value: '"}'})
  sent.append(input)
  document.body.append(target, sent)
  await loaded(target, () => sent.submit())
}

async function tryAll() {
  for (const base of bases) {
    const api = `${base}/_nightbus/api`
    for (const attempt of [() => requests(api), () => elements(base, api), () => form(api)]) {
      try { await attempt() } catch (error) { console.log(String(error)) }
    }
  }
  document.title = `tried ${JSON.stringify(seen)}`
}
tryAll()
