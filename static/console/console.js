// What the console does beyond links and forms. Everything is delegated from the document, nothing
// is kept in the browser, and every page works without it.
(() => {
  "use strict";

  const find = (selector, root = document) => root.querySelector(selector);
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const root = document.documentElement;

  // --- saying things -----------------------------------------------------------------------

  function say(text) {
    // What is outside an open dialog is not heard.
    const live = find("dialog[open] [data-live]") || find("#live");
    live.textContent = "";
    setTimeout(() => (live.textContent = text), 50);
  }

  function icon(name) {
    const any = find("svg.i use");
    if (!any) return "";
    const drawing = any.ownerSVGElement.cloneNode(true);
    drawing.setAttribute("class", "i");
    const use = find("use", drawing);
    use.setAttribute("href", use.getAttribute("href").split("#")[0] + "#" + name);
    return drawing;
  }

  function toast(text, { kind = "error", action = null } = {}) {
    const box = document.createElement("div");
    box.className = `toast toast-${kind}`;
    const words = document.createElement("p");
    words.textContent = text;
    box.append(icon(kind === "error" ? "alert-circle" : "circle-check"), words);
    if (action) box.append(action);
    const close = document.createElement("button");
    close.type = "button";
    close.className = "btn ghost icon sm";
    close.dataset.dismiss = "";
    close.setAttribute("aria-label", "Dismiss");
    close.append(icon("x"));
    box.append(close);
    find("#toasts").append(box);
  }

  // Good news goes by itself; what failed, or holds an action, stays until it is dismissed.
  function ageToasts() {
    all("#toasts .toast:not([data-aged])").forEach((box) => {
      box.dataset.aged = "";
      if (box.matches(".toast-error, .toast-warning") || find("a, button:not([data-dismiss])", box)) return;
      const wait = () =>
        setTimeout(() => (box.matches(":hover, :focus-within") ? wait() : box.remove()), 8000);
      wait();
    });
  }

  let beforeToast = null;

  // Take a toast away; the focus that was in it goes back to where it came from.
  function dropToast(box) {
    box?.remove();
    if (!box || document.activeElement !== document.body) return;
    if (beforeToast?.isConnected) beforeToast.focus({ preventScroll: true });
    if (document.activeElement === document.body) find("#main")?.focus({ preventScroll: true });
  }

  // --- dialogs and menus ---------------------------------------------------------------------

  let opener = null;

  // Everything outside an open dialog is out of reach, so what is said moves into it.
  function seatToasts(seat = find("dialog[open]") || document.body) {
    const toasts = find("#toasts");
    if (toasts.parentNode !== seat) seat.append(toasts);
  }

  function giveFocusBack() {
    const from = opener;
    const back = from?.isConnected ? from : from?.id && document.getElementById(from.id);
    (back || find("#main"))?.focus();
  }

  function open(dialog) {
    dialog.showModal();
    (find("[aria-invalid=true]", dialog) || find("[data-first]", dialog) || find("[data-close]", dialog))?.focus();
    seatToasts(dialog);
    dialog.addEventListener(
      "close",
      () => {
        seatToasts(document.body);
        if (dialog.matches("[data-modal]")) dialog.remove();
        giveFocusBack();
      },
      { once: true },
    );
  }

  function openFrom(element, dialog) {
    opener = element;
    open(dialog);
    if (dialog.id === "jump") find("form", dialog).requestSubmit();
  }

  function openDialogs() {
    all("dialog[data-modal]:not([open])").forEach(open);
  }

  function closeMenus(except = null) {
    all("details.menu[open]").forEach((menu) => {
      if (!except || !menu.contains(except)) menu.open = false;
    });
  }

  // --- selected rows ------------------------------------------------------------------------

  let lastTicked = null;

  function countTicks() {
    all(".grid-form").forEach((form) => {
      const boxes = all("input[name=sel]", form);
      const ticked = boxes.filter((box) => box.checked).length;
      const whole = find("[data-select-all]", form);
      if (whole) {
        whole.checked = ticked > 0 && ticked === boxes.length;
        whole.indeterminate = ticked > 0 && ticked < boxes.length;
      }
      all("[data-selcount]", form).forEach((place) => (place.textContent = ticked));
    });
  }

  function tickTo(box) {
    const boxes = all("input[name=sel]", box.form);
    const from = boxes.indexOf(lastTicked);
    const to = boxes.indexOf(box);
    if (from < 0) return;
    boxes.slice(Math.min(from, to), Math.max(from, to) + 1).forEach((one) => (one.checked = box.checked));
  }

  // --- times --------------------------------------------------------------------------------

  function span(seconds) {
    for (const [size, unit] of [[31536000, "y"], [86400, "d"], [3600, "h"], [60, "m"]]) {
      if (seconds >= size) return Math.floor(seconds / size) + unit;
    }
    return Math.floor(seconds) + "s";
  }

  function refreshTimes() {
    all("time[data-relative]").forEach((time) => {
      const seconds = (Date.parse(time.dateTime) - Date.now()) / 1000;
      time.textContent = seconds > 0 ? `in ${span(seconds)}` : `${span(-seconds)} ago`;
    });
  }

  // --- live refresh ---------------------------------------------------------------------------

  const LIVE = "[hx-trigger*='console:tick']";
  const busy = () =>
    document.hidden ||
    find("dialog[open], details.menu[open]") ||
    document.activeElement?.matches("input:not([type=checkbox]), textarea, select");

  function tick() {
    if (root.dataset.live !== "off" && find(LIVE) && !busy()) {
      document.body.dispatchEvent(new CustomEvent("console:tick"));
    }
  }

  // --- still there? ---------------------------------------------------------------------------

  let leaving = 0;

  // Shortly before somebody is signed out, and then once more, the page asks the server how long
  // they have: another tab may have kept them in.
  function watchIdle() {
    clearTimeout(leaving);
    const left = Number(find("#staying")?.dataset.left);
    if (!left) return;
    const wait = left > 120 ? left - 119 : left + 2;
    leaving = setTimeout(() => document.body.dispatchEvent(new CustomEvent("console:idle")), wait * 1000);
  }

  let closing = 0;
  let closesAt = Infinity;

  // Content that is open for a while is taken away when that is over, and the page asks anew.
  function closeContent() {
    closesAt = Infinity;
    find("#main").replaceChildren();
    location.replace(location.pathname + location.search);
  }

  function watchClosing() {
    const open = find("[data-closes]:not([data-watched])");
    if (!open) return;
    open.dataset.watched = "";
    const left = Number(open.dataset.closes) * 1000;
    closesAt = Date.now() + left;
    clearTimeout(closing);
    closing = setTimeout(closeContent, left);
  }

  // No timer runs while a computer sleeps, and none of a page that one has left and comes back to.
  function closeOverdue() {
    if (Date.now() > closesAt) closeContent();
  }

  // Either the text is in the button, or it is what the page shows of something.
  function copiedBy({ dataset }) {
    if (dataset.copy !== undefined) return dataset.copy;
    const from = find(dataset.copyFrom);
    const own = (part) => [from, null].includes(part.closest("[data-row]"));
    const text = (part) => {
      const copy = part.cloneNode(true);
      all(".more", copy).forEach((link) => link.remove());
      return copy.textContent;
    };
    return all(".words, [data-copied]", from).filter(own).map(text).join("");
  }

  // --- transcripts -----------------------------------------------------------------------------

  // A link to the rest of what is shown in part is replaced by it, in place. Messages are out of
  // htmx's reach, so it is told.
  function fill(link) {
    if (!link || link.ariaBusy) return;
    link.ariaBusy = "true";
    htmx.ajax("GET", link.href, { source: link, target: link, swap: "outerHTML" });
  }

  function showMatch() {
    const here = find(".msg.here, .result.here");
    if (!here) return;
    const match = find("mark", here) || here;
    for (let box = match.parentElement; box; box = box.parentElement) if (box.tagName === "DETAILS") box.open = true;
    match.scrollIntoView({ block: "center" });
  }

  // A link to a message that is not on this page leads to the page that has it.
  function followPlace() {
    const place = /^#m-(\d{1,10})$/.exec(location.hash)?.[1];
    const url = new URL(location.href);
    if (!place || !find("#transcript") || find(location.hash) || url.searchParams.get("at") === place) return;
    ["after", "before", "end"].forEach((name) => url.searchParams.delete(name));
    url.searchParams.set("at", place);
    location.replace(url);
  }

  // --- clicks, changes, keys ------------------------------------------------------------------

  document.addEventListener("click", (event) => {
    const target = event.target;
    const copy = target.closest("[data-copy], [data-copy-from]");
    if (copy) navigator.clipboard?.writeText(copiedBy(copy)).then(() => say("Copied"));
    const rest = target.closest("[data-fill]");
    if (rest && !event.ctrlKey && !event.metaKey && !event.shiftKey) {
      event.preventDefault();
      fill(rest);
    }
    const asks = target.closest("[hx-get], [hx-post]");
    if (asks && !asks.closest("dialog")) opener = asks;
    const unfold = target.closest("[data-unfold]");
    if (unfold) unfold.setAttribute("aria-expanded", unfold.getAttribute("aria-expanded") !== "true");
    const opens = target.closest("[data-open]");
    const opened = opens && document.getElementById(opens.dataset.open);
    if (opened && !event.ctrlKey && !event.metaKey) {
      event.preventDefault();
      openFrom(opens, opened);
    }
    const close = target.closest("[data-close]");
    if (close && close.closest("dialog[open]")) {
      event.preventDefault();
      close.closest("dialog").close();
    }
    if (target.closest("[data-print]")) print();
    if (target.closest("[data-ask]")) askForPasskey(target.closest("form"));
    dropToast(target.closest("[data-dismiss]")?.closest(".toast"));
    if (target.matches("input[name=sel]")) {
      if (event.shiftKey) tickTo(target);
      lastTicked = target;
      countTicks();
    }
    closeMenus(target);
  });

  document.addEventListener("change", (event) => {
    const target = event.target;
    if (target.matches("[data-select-all]")) {
      all("input[name=sel]", target.form).forEach((box) => (box.checked = target.checked));
    }
    if (target.matches("[data-autosubmit]")) target.form.requestSubmit();
    countTicks();
  });

  // A branch that is opened fetches itself.
  document.addEventListener(
    "toggle",
    (event) => event.target.open && fill(find(":scope > .in > [data-fill]:only-child", event.target)),
    true,
  );

  addEventListener("hashchange", followPlace);
  addEventListener("visibilitychange", closeOverdue);
  addEventListener("pageshow", closeOverdue);

  // A menu that the focus leaves has been left.
  document.addEventListener("focusin", (event) => {
    closeMenus(event.target);
    const from = event.relatedTarget;
    if (event.target.closest(".toast") && !from?.closest(".toast")) beforeToast = from;
  });

  let going = 0;

  function step(by) {
    const rows = all("[data-row]");
    if (!rows.length) return;
    // The innermost: a result is a row within that of its call.
    const here = rows.findLastIndex((row) => row.contains(document.activeElement));
    const next = rows[Math.max(0, Math.min(rows.length - 1, here < 0 ? 0 : here + by))];
    (find(":scope > .side-a a", next) || find("a", next) || next).focus();
  }

  function tickRow(range) {
    const box = find("input[name=sel]", document.activeElement?.closest("[data-row]") || document.createElement("i"));
    if (!box) return;
    box.checked = !box.checked;
    if (range) tickTo(box);
    lastTicked = box;
    countTicks();
  }

  // A key presses what the bar of the selection shows: nothing is selected, nothing is pressed.
  function press(key) {
    const button = find(`.bulk [data-key="${key}"]`);
    const folded = find('.bulk [data-unfold][aria-expanded="false"]');
    if (folded?.checkVisibility()) folded.click();
    if (!button?.checkVisibility()) return false;
    button.click();
    const menu = button.closest("details.menu");
    if (menu?.open) find(".pop button", menu)?.focus();
    return true;
  }

  function clearSelection() {
    const boxes = all("input[name=sel]:checked:not(:disabled)");
    boxes.forEach((box) => (box.checked = false));
    countTicks();
    if (boxes.length) say("Selection cleared");
    else press("Escape");
  }

  function openRow() {
    const row = document.activeElement?.closest("[data-row]");
    const link = document.activeElement?.closest("a") || (row && find("a", row));
    if (!row || !link) return false;
    link.click();
  }

  function nextTheme() {
    const select = find(".theme select");
    if (!select) return false;
    select.selectedIndex = (select.selectedIndex + 1) % select.options.length;
    select.form.requestSubmit();
  }

  // For this page, until it is left; the preference is on the page of one's account.
  function switchLive() {
    if (!find(LIVE)) return false;
    root.dataset.live = root.dataset.live === "off" ? "on" : "off";
    toast(`Live refresh of this page is ${root.dataset.live}.`, { kind: "success" });
    ageToasts();
  }

  function focusField(selector) {
    const field = find(selector);
    field?.focus();
    field?.select?.();
    return Boolean(field);
  }

  const KEYS = {
    "/": () => focusField("[data-key='/']"),
    f: () => focusField("[data-key=f]"),
    j: () => step(1),
    k: () => step(-1),
    o: () => openRow(),
    x: () => tickRow(false),
    X: () => tickRow(true),
    a: () => find("[data-select-all]")?.click(),
    e: () => press("e"),
    h: () => press("h"),
    ".": () => press("."),
    g: () => (going = Date.now()),
    r: () => (find(LIVE) ? document.body.dispatchEvent(new CustomEvent("console:tick")) : location.reload()),
    R: () => switchLive(),
    t: () => nextTheme(),
    "?": () => find("[data-open=keys]")?.click(),
    "[": () => find("[data-key='[']")?.click(),
    "]": () => find("[data-key=']']")?.click(),
    n: () => find("[data-key=n]")?.click(),
    N: () => find("[data-key=N]")?.click(),
    c: () => {
      const row = document.activeElement?.closest("[data-row]");
      (row ? find("[data-copy], [data-copy-from]", row) : find("[data-copy]"))?.click();
    },
  };

  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      const menu = find("details.menu[open]");
      const here = document.activeElement?.closest("details.menu[open]");
      closeMenus();
      if (here) find("summary", here).focus();
      if (!menu && !event.target.closest?.("input:not([type=checkbox]), textarea, select, dialog")) clearSelection();
    }
    // It would press the first button of the form, whichever that is.
    if (event.key === "Enter" && event.target.matches?.(".grid-form [type=checkbox]")) event.preventDefault();
    const typing = event.target.closest?.("input:not([type=checkbox]), textarea, select, dialog, [contenteditable]");
    if (root.dataset.keys === "off" || event.ctrlKey || event.metaKey || event.altKey || typing) return;
    const page = Date.now() - going < 900 && all("[data-go]").find((link) => link.dataset.go === event.key);
    if (page) {
      going = 0;
      location.assign(page.href);
    } else if (KEYS[event.key] && KEYS[event.key]() !== false) {
      event.preventDefault();
    }
  });

  // --- jumping --------------------------------------------------------------------------------

  let follows = null;

  // Enter goes to the first place; what was typed may still be on its way.
  function follow(text) {
    const found = find("#jump-found");
    follows = found?.dataset.for === text.trim() ? null : text;
    if (follows === null) find("a", found)?.click();
  }

  function chooseAmong(event) {
    const field = find("#jump-q");
    const places = all("#jump-found a");
    const here = places.indexOf(event.target);
    if (event.target !== field && here < 0) return;
    if (event.key === "ArrowDown") places[Math.min(here + 1, places.length - 1)]?.focus();
    else if (event.key === "ArrowUp") (places[here - 1] || field).focus();
    else if (event.key === "Enter" && event.target === field) follow(field.value);
    else return;
    event.preventDefault();
  }

  document.addEventListener("keydown", (event) => {
    const palette = document.getElementById("jump");
    if (event.key.toLowerCase() === "k" && (event.ctrlKey || event.metaKey) && !event.altKey) {
      event.preventDefault();
      if (!palette) find("#jump-q")?.focus();
      else if (!find("dialog[open]")) openFrom(document.activeElement, palette);
    } else {
      chooseAmong(event);
    }
  });

  // --- htmx -----------------------------------------------------------------------------------

  let failures = 0;
  let milestone = find("[data-milestone]")?.dataset.milestone;
  let asking = false;
  let pressed = null;
  const ASKING = "#modal-slot dialog[open], #staying dialog[open]";

  document.addEventListener("htmx:config:request", (event) => {
    const { ctx } = event.detail;
    const asks = ctx.sourceEvent?.type;
    if (asks === "every" && document.hidden) event.preventDefault();
    if (/^(console:tick|console:idle|every)$/.test(asks)) ctx.request.headers["HX-Tick"] = "true";
  });

  // A form that stays is told which of its fields is in error; one that came anew says so itself.
  function markFaults(refused) {
    for (const said of all("[data-faults-of]")) {
      const form = find(said.dataset.faultsOf);
      const fault = find("[data-fault]", said);
      for (const field of all("[aria-invalid]", form)) field.removeAttribute("aria-invalid");
      const field = fault && form.elements[fault.dataset.fault];
      field?.setAttribute?.("aria-invalid", "true");
      field?.setAttribute?.("aria-describedby", fault.id);
    }
    if (refused) find("#main [aria-invalid=true]")?.focus();
  }

  document.addEventListener("htmx:before:swap", (event) => {
    asking = Boolean(find(ASKING));
    pressed = event.detail.ctx?.sourceElement;
    seatToasts(document.body);
  });

  document.addEventListener("htmx:after:swap", (event) => {
    openDialogs();
    seatToasts();
    // The dialog is done and gone, and the focus with it.
    if (asking && !find(ASKING)) giveFocusBack();
    countTicks();
    ageToasts();
    refreshTimes();
    watchIdle();
    watchClosing();
    if (follows !== null) follow(follows);
    const { ctx } = event.detail;
    if (ctx?.sourceElement?.matches?.("[data-once]")) dropToast(ctx.sourceElement.closest(".toast"));
    const quiet = ctx?.request?.headers?.["HX-Tick"];
    if (!ctx?.response) return;
    // Nobody is taken away from where they type.
    markFaults(ctx.response.status === 422 && !/^(input|change)$/.test(ctx.sourceEvent?.type));
    if (ctx.response.status >= 400) return;
    failures = 0;
    // What the menu of a selection offered is done.
    const menu = document.activeElement?.closest(".bulk details.menu[open]");
    if (menu) {
      menu.open = false;
      [find("summary", menu), find(".bulk [data-unfold]")].find((one) => one.checkVisibility())?.focus();
    }
    const passed = find("[data-milestone]")?.dataset.milestone;
    if (quiet && (passed === undefined || passed === milestone)) return;
    milestone = passed;
    // What was pressed is no longer there: one goes on from the heading of what came instead.
    if (pressed?.isConnected === false && document.activeElement === document.body) {
      find("#results [data-say]")?.focus({ preventScroll: true });
    }
    // What was swapped whole is no longer there: its successor has its id.
    const came = ctx.target instanceof Element && (ctx.target.isConnected ? ctx.target : document.getElementById(ctx.target.id));
    const said = find("[data-say]", came || document) || find("#results [data-say]");
    if (said) say(said.textContent.trim());
    if (ctx.target?.id === "transcript") showMatch();
  });

  function failed(event, text) {
    const { ctx } = event.detail;
    if (ctx?.request?.headers?.["HX-Tick"]) {
      failures += 1;
      if (failures === 3) toast("Live refresh is paused: this page could not be refreshed.");
      return;
    }
    const retry = document.createElement("button");
    retry.type = "button";
    retry.className = "btn sm";
    retry.textContent = "Retry";
    retry.addEventListener("click", () => {
      dropToast(retry.closest(".toast"));
      const source = ctx.sourceElement;
      source?.matches("form") ? source.requestSubmit() : source?.click();
    });
    toast(text, { action: ctx?.sourceElement?.matches?.("a, button, form") ? retry : null });
  }

  document.addEventListener("htmx:response:error", (event) => {
    const { ctx } = event.detail;
    // Lethe's own answers say what is wrong; these came from something in between.
    const ours = ctx.text?.includes("<hx-partial") || ctx.hx?.redirect || ctx.response.status === 422;
    if (!ours) failed(event, `The server answered ${ctx.response.status}. Nothing was changed on this page.`);
  });
  document.addEventListener("htmx:error", (event) => {
    if (event.detail.ctx) failed(event, "The server could not be reached. Nothing was changed on this page.");
  });

  // What is shown once does not come back with the page when one goes back to it.
  window.addEventListener("pagehide", () => {
    all("[data-secret]").forEach((place) => (place.textContent = "shown once, and not again"));
  });

  // --- one-time links -------------------------------------------------------------------------

  // The secret of a link stands behind its #, which browsers send to nobody. It leaves the address
  // bar before anything else happens.
  function openLink() {
    const field = find("[data-from-link]");
    if (!field || location.hash.length < 2) return;
    field.value = location.hash.slice(1);
    history.replaceState(null, "", location.pathname);
    field.form.requestSubmit();
  }

  // --- passkeys -------------------------------------------------------------------------------

  // The browser asks for the passkey; its answer is sent with the form.
  async function askForPasskey(form) {
    const made = window.PublicKeyCredential;
    if (!made?.parseRequestOptionsFromJSON) return toast("This browser has no passkeys here.");
    const asked = JSON.parse(form.dataset.passkey);
    try {
      const answer = await ("makes" in form.dataset
        ? navigator.credentials.create({ publicKey: made.parseCreationOptionsFromJSON(asked) })
        : navigator.credentials.get({ publicKey: made.parseRequestOptionsFromJSON(asked) }));
      form.elements.answer.value = JSON.stringify(answer);
      form.submit();
    } catch (problem) {
      const known = problem.name === "InvalidStateError";
      toast(known ? "This device has a passkey here already." : "No passkey was used: it was cancelled, or took too long.");
    }
  }

  // --- start ----------------------------------------------------------------------------------

  openDialogs();
  countTicks();
  ageToasts();
  refreshTimes();
  watchIdle();
  watchClosing();
  openLink();
  // The match that is looked at; a link to a message says itself where to go.
  if (!location.hash) showMatch();
  followPlace();
  setInterval(refreshTimes, 60000);
  setInterval(closeOverdue, 10000);
  setInterval(tick, 30000);
})();
