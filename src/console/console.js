// Keeps what is shown up to date: asks every few seconds whether the node has moved, and then takes the live sections
// of this page anew. Forms are never touched, so nobody's words are lost. The page is whole without this script.
(() => {
  'use strict';
  const every = 3000;
  // Nothing is known of the first: the page may show the node as it was before its last move.
  let pulse = null;
  const look = async () => {
    if (document.hidden) return;
    const now = await fetch('/pulse', {credentials: 'same-origin'});
    if (!now.ok) return;
    const next = await now.text();
    if (next === pulse) return;
    const page = await fetch(location.href, {credentials: 'same-origin', headers: {'x-passive': '1'}});
    if (!page.ok) return;
    const fresh = new DOMParser().parseFromString(await page.text(), 'text/html');
    pulse = next;
    for (const old of document.querySelectorAll('[data-live]')) {
      const one = fresh.getElementById(old.id);
      if (one && !old.contains(document.activeElement) && old.innerHTML !== one.innerHTML) old.replaceWith(document.adoptNode(one));
    }
  };
  setInterval(() => look().catch(() => {}), every);
})();
