// Sets the theme before the first paint. A classic script, because modules run after the page is parsed.
{
  const kept = localStorage.getItem('nightbus.theme')
  if (kept === 'light' || kept === 'dark') document.documentElement.dataset.theme = kept
}
