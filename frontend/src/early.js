// Runs before the first paint, so that a chosen theme never flashes the other one.
{
  let chosen = null
  try {
    chosen = localStorage.getItem('recado-theme')
  } catch {
    // Storage may be forbidden; the system's theme then stands.
  }
  if (chosen === 'light' || chosen === 'dark') document.documentElement.dataset.theme = chosen
}
