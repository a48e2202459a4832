// What pages do beyond HTML. Every page works without it; htmx does the updating in place.
'use strict';
(() => {
  const $ = (selector, within = document) => within.querySelector(selector);
  const $$ = (selector, within = document) => [...within.querySelectorAll(selector)];

  // Menus: only one is open; Escape and a click elsewhere close it.
  const openMenus = () => $$('details.menu[open]');
  const shut = (menu, focus) => {
    menu.open = false;
    if (focus) $('summary', menu).focus();
  };
  document.addEventListener('click', (event) => {
    for (const menu of openMenus()) if (!menu.contains(event.target)) shut(menu);
    const close = event.target.closest('[data-close]');
    // On a page of its own the link leads where it says.
    const inside = close?.closest('dialog') ?? close?.closest('.toast');
    if (!inside) return;
    event.preventDefault();
    inside.remove();
  });

  // A link that opens in a dialog: the page behind it is what it shows, and where it leads without JavaScript.
  // With data-dialog="page" the address follows: it can be kept, and Back leads to the tab before, then to the page behind.
  let opener;
  const home = location.href.split('#')[0];
  const follow = (href) => history.pushState({ dialog: href, depth: (history.state?.depth ?? 0) + 1 }, '', href);
  async function show(href, from, form) {
    const headers = { accept: 'text/html' };
    const posted = form && { method: 'POST', body: new URLSearchParams(new FormData(form)) };
    const answer = await fetch(href, { headers, ...posted }).catch(() => undefined);
    // A form is answered by the page at its own address; whoever is led elsewhere goes there.
    const here = answer?.ok && (form ? answer.url === href : !answer.redirected);
    const read = here && new DOMParser().parseFromString(await answer.text(), 'text/html');
    const main = read && $('main', read);
    if (!main) return location.assign(href);
    $('dialog')?.remove();
    if (!from.closest('dialog')) opener = from;
    const dialog = document.createElement('dialog');
    const title = $('h1', main);
    title.id = 'dialog-title';
    dialog.setAttribute('aria-labelledby', 'dialog-title');
    const close = document.createElement('button');
    close.className = 'close';
    close.type = 'button';
    close.textContent = '✕';
    close.setAttribute('aria-label', 'Close');
    close.dataset.close = '';
    dialog.append(...main.childNodes, close);
    for (const toast of $$('.toast', dialog)) toast.remove();
    dialog.addEventListener('close', () => dialog.remove());
    document.body.append(dialog);
    globalThis.htmx?.process(dialog);
    dialog.showModal();
    const first = from.closest('.tabs') && !from.isConnected ? $('.tabs [aria-current]', dialog) : $('.form input:not([type=hidden]), .form select', dialog);
    (first ?? $('[data-close]:not(.close)', dialog) ?? close).focus();
  }
  new MutationObserver(() => {
    if (opener && !$('dialog')) {
      if (opener.isConnected) opener.focus();
      opener = undefined;
      if (history.state?.dialog) history.go(-history.state.depth);
    }
  }).observe(document.body, { childList: true });
  addEventListener('popstate', (event) => {
    const to = event.state?.dialog;
    if (to && opener) show(to, opener);
    else if (!to && $('dialog')) $('dialog').remove();
    else if (location.href.split('#')[0] !== home) location.reload();
  });
  document.addEventListener('click', (event) => {
    const link = event.target.closest('a[data-dialog]');
    if (!link || event.button || event.metaKey || event.ctrlKey || event.shiftKey) return;
    event.preventDefault();
    const menu = link.closest('details.menu');
    if (menu) shut(menu);
    if (link.dataset.dialog === 'page') follow(link.href);
    show(link.href, menu ? $('summary', menu) : link);
  });

  document.addEventListener('submit', (event) => {
    const form = event.target.closest('form[data-dialog]');
    if (!form) return;
    event.preventDefault();
    const menu = form.closest('details.menu');
    if (menu) shut(menu);
    follow(form.action);
    show(form.action, menu ? $('summary', menu) : form, form);
  });

  // Tabs that do not fit show the one that is open.
  for (const tab of $$('.tabs [aria-current]')) {
    const tabs = tab.closest('.tabs');
    tabs.scrollLeft = Math.max(0, tab.offsetLeft + tab.offsetWidth - tabs.offsetLeft - tabs.clientWidth);
  }

  // A second press of a button sends nothing twice.
  document.addEventListener('submit', (event) => {
    const form = event.target;
    if (form.method !== 'post' || event.defaultPrevented) return;
    if (form.dataset.sent) return event.preventDefault();
    form.dataset.sent = 'yes';
    setTimeout(() => delete form.dataset.sent, 4000);
  });

  addEventListener('pageshow', () => { for (const form of $$('form[data-sent]')) delete form.dataset.sent; });

  // Keyboard. Never while typing, never with a modifier.
  const rows = () => $$('main tbody tr').map((row) => $('a[href], button', row)).filter(Boolean);
  const step = (by) => {
    const all = rows();
    const at = all.findIndex((link) => link.closest('tr').contains(document.activeElement));
    const to = at < 0 ? (by > 0 ? 0 : all.length - 1) : Math.min(Math.max(at + by, 0), all.length - 1);
    all[to]?.focus();
    all[to]?.closest('tr').scrollIntoView({ block: 'nearest' });
  };
  const go = { o: '/', t: '/target-groups', s: '/subscribers', r: '/sync-runs' };
  let waiting = 0;
  document.addEventListener('keydown', (event) => {
    const on = event.target;
    if (event.key === 'Escape') {
      const [menu] = openMenus();
      if (menu) shut(menu, menu.contains(document.activeElement));
      else if (on.matches?.('.find input')) on.blur();
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    if (on.matches?.('input, select, textarea, [contenteditable]') || $('dialog[open]')) return;
    if (Date.now() - waiting < 1500) {
      waiting = 0;
      if (go[event.key]) {
        event.preventDefault();
        location.assign(go[event.key]);
      }
      return;
    }
    if (event.key === 'g') waiting = Date.now();
    else if (event.key === '/') {
      event.preventDefault();
      $('.find input')?.focus();
    } else if (event.key === 'j') step(1);
    else if (event.key === 'k') step(-1);
    else if (event.key === '?') {
      event.preventDefault();
      show('/keyboard', document.activeElement);
    }
  });

  // A run under way tells how far it is. What the stream cannot do, the asking every second does: it rests only while the stream is open.
  let live;
  const listen = () => {
    const place = $('[data-live]');
    if (!place || !globalThis.EventSource || document.hidden || live?.readyState < 2) return;
    live = new EventSource(place.dataset.live);
    live.addEventListener('progress', (event) => {
      const at = $('[data-live]');
      if (!at || at.contains(getSelection()?.isCollapsed ? null : getSelection()?.anchorNode)) return;
      at.outerHTML = event.data;
      globalThis.htmx?.process($('[data-live]'));
    });
    live.addEventListener('end', () => {
      live.close();
      location.reload();
    });
  };
  document.addEventListener('visibilitychange', () => (document.hidden ? live?.close() : listen()));
  addEventListener('pagehide', () => live?.close());
  addEventListener('pageshow', (event) => { if (event.persisted) listen(); });
  document.addEventListener('htmx:beforeRequest', (event) => {
    if (event.detail.elt.dataset.live && live?.readyState === 1) event.preventDefault();
  });
  listen();

  // Nobody looks: ask for nothing.
  document.addEventListener('htmx:beforeRequest', (event) => { if (document.hidden) event.preventDefault(); });

  // Updates in place do not close what is open, take the focus away, or move the page.
  let focused;
  document.addEventListener('htmx:beforeSwap', (event) => {
    const target = event.detail.target;
    if ($('details.menu[open]', target) || target.contains(getSelection()?.isCollapsed ? null : getSelection()?.anchorNode)) {
      event.detail.shouldSwap = false;
      return;
    }
    const held = target.contains(document.activeElement) ? document.activeElement : undefined;
    focused = held && { href: held.getAttribute('href'), text: held.textContent, tag: held.tagName };
  });
  document.addEventListener('htmx:afterSwap', () => {
    if (!focused) return;
    const { href, text, tag } = focused;
    focused = undefined;
    if (document.activeElement !== document.body) return;
    $$(tag).find((e) => e.getAttribute('href') === href && e.textContent === text)?.focus({ preventScroll: true });
  });
  // A page that cannot be reached, or asks to sign in, is not put into this one.
  document.addEventListener('htmx:beforeOnLoad', (event) => {
    if (new URL(event.detail.xhr.responseURL || location.href).pathname === '/sign-in') {
      event.preventDefault();
      location.reload();
    }
  });

  // Personas are put in order: dragged by their handle, or moved with the keyboard. Saved as the buttons beside them do.
  const list = $('ol[data-sort]');
  if (list) {
    const said = (text) => { $('#moved').textContent = text; };
    const title = (item) => $('h2 a', item).textContent;
    const order = () => [...list.children].map((item) => item.dataset.id).join(' ');
    const place = (item) => `${[...list.children].indexOf(item) + 1} of ${list.children.length}`;
    let held;
    const put = (item) => {
      held = undefined;
      item.classList.remove('held');
      $('.handle', item).setAttribute('aria-pressed', 'false');
    };
    const save = () => {
      if (order() === list.dataset.order) return;
      const form = document.createElement('form');
      form.method = 'post';
      form.action = list.dataset.sort;
      for (const [name, value] of [['csrf', list.dataset.csrf], ['personas', order()]]) {
        form.append(Object.assign(document.createElement('input'), { type: 'hidden', name, value }));
      }
      document.body.append(form);
      form.requestSubmit();
    };
    const back = () => { for (const id of list.dataset.order.split(' ')) list.append($(`[data-id="${id}"]`, list)); };
    $('#how').hidden = false;
    for (const handle of $$('.handle', list)) {
      const item = handle.closest('li');
      handle.hidden = false;
      handle.setAttribute('aria-pressed', 'false');
      handle.addEventListener('pointerdown', (event) => {
        if (event.button) return;
        event.preventDefault();
        handle.focus();
        item.classList.add('held');
        const move = (at) => {
          const middle = (other) => { const box = other.getBoundingClientRect(); return box.top + box.height / 2; };
          const next = [...list.children].find((other) => other !== item && at.clientY < middle(other)) ?? null;
          if (next !== item.nextElementSibling) list.insertBefore(item, next);
        };
        // Not captured by the handle: it leaves its place, and would lose the pointer with it.
        const end = (over) => {
          for (const name of ['pointerup', 'pointercancel']) document.removeEventListener(name, end);
          document.removeEventListener('pointermove', move);
          item.classList.remove('held');
          if (over.type === 'pointercancel') back();
          save();
        };
        document.addEventListener('pointermove', move);
        for (const name of ['pointerup', 'pointercancel']) document.addEventListener(name, end);
      });
      handle.addEventListener('keydown', (event) => {
        if (event.key === ' ' || event.key === 'Enter') {
          event.preventDefault();
          if (held) {
            put(item);
            said(`${title(item)} is put down, ${place(item)}.`);
            save();
          } else {
            held = item;
            item.classList.add('held');
            handle.setAttribute('aria-pressed', 'true');
            said(`${title(item)} is taken up, ${place(item)}. Move it with the arrows; Space puts it down, Escape leaves everything as it was.`);
          }
        } else if (held && (event.key === 'ArrowUp' || event.key === 'ArrowDown')) {
          event.preventDefault();
          const next = event.key === 'ArrowUp' ? item.previousElementSibling : item.nextElementSibling;
          if (next) list.insertBefore(item, event.key === 'ArrowUp' ? next : next.nextElementSibling);
          handle.focus();
          said(`${title(item)}: ${place(item)}.`);
        } else if (held && event.key === 'Escape') {
          back();
          put(item);
          handle.focus();
          said('Everything is as it was.');
        }
      });
      handle.addEventListener('blur', () => setTimeout(() => { if (held === item && document.activeElement !== handle) { back(); put(item); } }));
    }
  }

  // Copies what a field holds; pages that are not served safely have no clipboard, and select it instead.
  document.addEventListener('click', async (event) => {
    const button = event.target.closest('[data-copy]');
    if (!button) return;
    const field = document.getElementById(button.dataset.copy);
    field.select();
    const done = navigator.clipboard ? await navigator.clipboard.writeText(field.value).then(() => true, () => false) : document.execCommand('copy');
    if (done) button.textContent = 'Copied';
  });
  for (const copy of $$('[data-copy]')) copy.hidden = false;

  // A text with fields: they are put where it was edited last.
  let written = $('#personal textarea');
  if (written) {
    document.addEventListener('focusin', (event) => { if (event.target.matches('#text, #subject')) written = event.target; });
    document.addEventListener('click', (event) => {
      const button = event.target.closest('[data-insert]');
      if (!button) return;
      written.focus();
      written.setRangeText(button.dataset.insert, written.selectionStart, written.selectionEnd, 'end');
      written.dispatchEvent(new Event('input', { bubbles: true }));
    });
  }

  // How old what is read again and again is. What comes back the same is not put in, so that nobody is told of it.
  const age = $('[data-age]');
  if (age) {
    let read = Date.now();
    let before;
    const told = () => {
      const seconds = Math.round((Date.now() - read) / 1000);
      const [n, unit] = seconds < 60 ? [seconds, 'second'] : [Math.floor(seconds / 60), 'minute'];
      age.textContent = seconds < 1 ? 'now' : `${n} ${unit}${n === 1 ? '' : 's'} ago`;
    };
    told();
    setInterval(told, 1000);
    document.addEventListener('htmx:afterRequest', (event) => {
      if (event.detail.elt.id !== age.dataset.age || !event.detail.successful) return;
      read = Date.now();
      told();
    });
    document.addEventListener('htmx:beforeSwap', (event) => {
      if (event.detail.target.id !== age.dataset.age || !event.detail.shouldSwap) return;
      event.detail.shouldSwap = event.detail.serverResponse !== before;
      before = event.detail.serverResponse;
    });
  }

  // A file may be dropped where it could be chosen.
  document.documentElement.classList.add('scripts');
  for (const zone of $$('[data-drop]')) {
    const input = $('input[type=file]', zone);
    const over = (on) => (event) => {
      event.preventDefault();
      zone.classList.toggle('over', on);
    };
    zone.addEventListener('dragenter', over(true));
    zone.addEventListener('dragover', over(true));
    zone.addEventListener('dragleave', over(false));
    zone.addEventListener('drop', (event) => {
      over(false)(event);
      if (!event.dataTransfer?.files.length) return;
      input.files = event.dataTransfer.files;
      input.dispatchEvent(new Event('change', { bubbles: true }));
    });
  }

  for (const close of $$('.toast [data-close]')) close.hidden = false;
})();
