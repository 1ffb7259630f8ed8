// What a page does before it is parsed: it sets the theme, and asks the API for what the shell names (`data-ahead`) while the modules load.
// A classic script, because modules run after the page is parsed: it cannot import memory.js, router.js and api.js, which takes the answers.
{
  let kept = null
  try { kept = localStorage.getItem('nightbus.theme') } catch { /* the browser forbids it */ }
  if (kept === 'light' || kept === 'dark') document.documentElement.dataset.theme = kept

  const query = new URLSearchParams(location.search)
  const scope = new URLSearchParams({ account: query.get('account') || '000000000000', region: query.get('region') || 'us-east-1' })
  const answers = new Map()
  for (const wanted of (document.currentScript.dataset.ahead ?? '').split(' ').filter(Boolean)) {
    const [path, params] = wanted.split('?')
    const url = `/_nightbus/api${path}?${scope}${params ? '&' + params : ''}`
    const answer = fetch(url, { headers: { accept: 'application/json' }, credentials: 'same-origin', cache: 'no-store' })
      .then(async response => ({ response, text: await response.text() }))
    answer.catch(() => {})  // told to who takes it
    answers.set(url, answer)
  }
  window.nightbusAnswers = answers
}
