// Sets the theme before the first paint. A classic script, because modules run after the page is parsed: it cannot import memory.js.
{
  let kept = null
  try { kept = localStorage.getItem('nightbus.theme') } catch { /* the browser forbids it */ }
  if (kept === 'light' || kept === 'dark') document.documentElement.dataset.theme = kept
}
