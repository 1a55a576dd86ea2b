// What pages do better with a script. Without it, every link and every form does the same by loading a
// page. Nothing is drawn here: parts of pages are fetched as they are and put in their place.

const $ = (selector, within = document) => within.querySelector(selector);
const all = (selector, within = document) => [...within.querySelectorAll(selector)];
document.documentElement.classList.add("scripted");

const keep = (name, value) => {
  const age = value === "" ? 0 : 31536000;
  document.cookie = `${name}=${value}; Max-Age=${age}; Path=/console; SameSite=Lax`;
};

// Moments are told in the time of whoever looks: the hub reads the offset from a cookie.
const offset = String(-new Date().getTimezoneOffset());
if (!document.cookie.split("; ").includes(`kehub_zone=${offset}`)) {
  keep("kehub_zone", offset);
  if (offset !== "0" && $("main time")) location.reload();
}

// On a phone, pages stand in a row that is longer than the window.
for (const current of all(".side nav [aria-current], .parts [aria-current]")) {
  const row = current.parentElement;
  const beyond = current.offsetLeft - row.offsetLeft + current.offsetWidth - row.clientWidth;
  if (beyond > 0) row.scrollLeft = beyond + 16;
}

// Loading.

let under_way = null;

const fail = (again) => {
  $(".toast")?.remove();
  const toast = document.createElement("div");
  toast.className = "toast";
  toast.setAttribute("role", "alert");
  toast.append(document.body.dataset.failed);
  const button = document.createElement("button");
  button.className = "button";
  button.textContent = document.body.dataset.retry;
  button.addEventListener("click", () => {
    toast.remove();
    again();
  });
  toast.append(button);
  document.body.append(toast);
};

// Fetches a page and puts its part of this name in the place of the one that is shown; the whole page if
// either lacks it.
const load = async (address, part, { replace = false } = {}) => {
  under_way?.abort();
  const abort = new AbortController();
  under_way = abort;
  const here = $(`[data-swap="${part}"]`);
  if (!here) return location.assign(address);
  here.setAttribute("aria-busy", "true");
  const slow = setTimeout(() => ($("#progress").hidden = false), 150);
  try {
    const answer = await fetch(address, { signal: abort.signal, credentials: "same-origin" });
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const there = $(`[data-swap="${part}"]`, page);
    if (!there || answer.redirected) return location.assign(answer.url);
    const held = here.contains(document.activeElement) ? document.activeElement.id : "";
    here.replaceWith(document.adoptNode(there));
    if (held) document.getElementById(held)?.focus({ preventScroll: true });
    for (const outer of ["header.title", ".filters", "main > .alert"]) {
      const [old, fresh] = [$(outer), $(outer, page)];
      if (old && fresh && !old.contains(document.activeElement)) old.replaceWith(document.adoptNode(fresh));
    }
    document.title = page.title;
    history[replace ? "replaceState" : "pushState"]({}, "", answer.url);
    $(".toast")?.remove();
  } catch (error) {
    if (error.name !== "AbortError") fail(() => load(address, part, { replace }));
  } finally {
    clearTimeout(slow);
    if (under_way === abort) {
      under_way = null;
      $("#progress").hidden = true;
      $(`[data-swap="${part}"]`)?.removeAttribute("aria-busy");
    }
  }
};

addEventListener("popstate", () => location.reload());

// Searching while somebody types. What is typed with an input method counts once it is chosen.

let typing = 0;
const search = $("#search");
search?.addEventListener("input", (event) => {
  if (event.isComposing) return;
  clearTimeout(typing);
  typing = setTimeout(() => {
    const address = new URL(search.form.action);
    const here = new URL(location.href);
    const is_list = here.pathname === address.pathname;
    if (is_list) {
      for (const [name, value] of here.searchParams) {
        if (!["q", "after", "before"].includes(name)) address.searchParams.append(name, value);
      }
    }
    if (search.value.trim()) address.searchParams.set("q", search.value.trim());
    if (is_list) load(address.href, "results", { replace: true });
  }, 180);
});
search?.addEventListener("compositionend", () => search.dispatchEvent(new Event("input")));

// The moment that is looked at.

addEventListener("input", (event) => {
  if (event.target.id !== "step") return;
  const moments = event.target.dataset.moments.split("|");
  $("output", event.target.form).textContent = moments[event.target.value - 1] ?? "";
});
addEventListener("change", (event) => {
  if (event.target.id !== "step") return;
  const address = new URL(event.target.form.action);
  address.searchParams.set("step", event.target.value);
  load(address.href, "moment", { replace: true }).then(() => $("#step")?.focus());
});

// A file to be brought in is sent as soon as it is chosen, or dropped anywhere on the page.

const bring = $("#bring");
if (bring) {
  const field = $("input[type=file]", bring);
  field.addEventListener("change", () => field.files.length && bring.requestSubmit());
  const over = (event, is_over) => {
    if (!event.dataTransfer?.types.includes("Files")) return false;
    event.preventDefault();
    bring.classList.toggle("over", is_over);
    return true;
  };
  addEventListener("dragover", (event) => over(event, true));
  addEventListener("dragleave", (event) => event.relatedTarget || over(event, false));
  addEventListener("drop", (event) => {
    if (!over(event, false) || bring.dataset.sent || event.dataTransfer.files.length === 0) return;
    const one = new DataTransfer();
    one.items.add(event.dataTransfer.files[0]);
    field.files = one.files;
    bring.requestSubmit();
  });
}

// What a column is taken for shows at once in what becomes of its values; while somebody types, nothing is
// put under their hands.

addEventListener("change", (event) => {
  const form = event.target.closest?.("#mapping");
  if (!form) return;
  const query = new URLSearchParams(new FormData(form));
  for (const name of ["csrf", "full"]) query.delete(name);
  load(`${form.getAttribute("action")}?${query}`, "file", { replace: true });
});
addEventListener("input", (event) => {
  if (event.target.matches?.("#mapping input:not([type=checkbox])")) under_way?.abort();
});

// What is done is sent once, however often a key is pressed meanwhile.

addEventListener("submit", (event) => {
  if (!event.target.matches(".act")) return;
  if (event.target.dataset.sent) event.preventDefault();
  event.target.dataset.sent = "1";
  under_way?.abort();
  $("#progress").hidden = false;
});
addEventListener("pageshow", () => {
  for (const form of all(".act")) delete form.dataset.sent;
  $("#progress").hidden = true;
});

// What is under way tells by itself how far it is, but never under the hands of somebody.

const follow = async () => {
  const live = all("[data-live]");
  if (live.length === 0) return;
  if (!document.hidden && !under_way) {
    try {
      const answer = await fetch(location.href, { credentials: "same-origin" });
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      for (const here of live) {
        const there = page.getElementById(here.id);
        if (there && !here.contains(document.activeElement)) here.replaceWith(document.adoptNode(there));
      }
    } catch {
      // It is asked again.
    }
  }
  setTimeout(follow, 1000);
};
setTimeout(follow, 1000);

// Theme without loading the page again.

addEventListener("click", (event) => {
  const button = event.target.closest("#themes button");
  if (!button) return;
  event.preventDefault();
  keep("kehub_theme", button.value);
  if (button.value) document.documentElement.dataset.theme = button.value;
  else delete document.documentElement.dataset.theme;
  for (const other of all("#themes button")) other.setAttribute("aria-pressed", String(other === button));
});

// A menu ends when somebody does something else.

addEventListener("click", (event) => {
  for (const menu of all("details.menu[open]")) {
    if (!menu.contains(event.target)) menu.open = false;
  }
  const row = event.target.closest("tr[data-href]");
  if (row && !event.target.closest("a") && !String(getSelection())) location.assign(row.dataset.href);
});

// The graph: what a node is connected with.

const light = (node) => {
  const graph = $(".graph");
  if (!graph) return;
  graph.classList.toggle("dim", Boolean(node));
  for (const lit of all(".lit", graph)) lit.classList.remove("lit");
  if (!node) return;
  node.classList.add("lit");
  const place = node.dataset.node;
  for (const edge of all(".edge", graph)) {
    const { from, to } = edge.dataset;
    if (from !== place && to !== place) continue;
    edge.classList.add("lit");
    $(`[data-node="${from === place ? to : from}"]`, graph)?.classList.add("lit");
  }
};
addEventListener("mouseover", (event) => {
  if (event.target.closest?.(".graph") || $(".graph.dim")) light(event.target.closest?.(".node"));
});
addEventListener("focusin", (event) => light(event.target.closest?.(".node")));

// Keys.

const go = (by) => {
  const rows = all("tr[data-href]");
  if (rows.length === 0) return;
  const at = rows.findIndex((row) => row.classList.contains("here"));
  const next = Math.min(Math.max(at + by, 0), rows.length - 1);
  rows[at]?.classList.remove("here");
  rows[next].classList.add("here");
  $("a", rows[next]).focus({ preventScroll: true });
  rows[next].scrollIntoView({ block: "nearest" });
};
const keys = {
  "/": () => (search?.focus(), search?.select()),
  j: () => go(1),
  k: () => go(-1),
  n: () => $("a[rel=next]")?.click(),
  p: () => $("a[rel=prev]")?.click(),
  "?": () => $("#keys").showModal(),
};
addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  if (event.key === "Escape") {
    for (const menu of all("details.menu[open]")) menu.open = false;
    if (event.target === search) search.blur();
    return;
  }
  // From the search straight into what it found.
  if (event.target === search && event.key === "ArrowDown") {
    event.preventDefault();
    return go(1);
  }
  if (event.target.closest("input, select, textarea, dialog")) return;
  // What a page offers by a key of its own.
  const offered = $(`[data-key="${CSS.escape(event.key)}"]`);
  if (offered) {
    event.preventDefault();
    return offered.click();
  }
  const does = keys[event.key];
  if (!does) return;
  event.preventDefault();
  does();
});
