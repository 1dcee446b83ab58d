"use strict";
// All data is in the page already; this adds choosing, zooming, filtering and sorting. Nothing here writes HTML.
(() => {
  const $ = (selector, from = document) => from.querySelector(selector);
  const $$ = (selector, from = document) => [...from.querySelectorAll(selector)];
  document.documentElement.classList.add("js");

  const viewport = $("#viewport");
  const graph = $("#graph");
  if (graph) network();
  plot();
  filters();
  sorting();
  copying();

  function network() {
    const details = $("#details");
    const nodes = $$(".node", graph);
    const below = nodes.map((node) => node.dataset.below.split(" ").filter(Boolean).map(Number));
    const above = nodes.map(() => []);
    below.forEach((ends, start) => ends.forEach((end) => above[end].push(start)));
    const boxes = nodes.map((node) => {
      const box = $(".box", node);
      return ["x", "y", "width", "height"].map((name) => Number(box.getAttribute(name)));
    });
    const edges = $$(".edge", graph);
    const natural = [Number(graph.getAttribute("width")), Number(graph.getAttribute("height"))];
    let scale = 1;
    let current = 0; // the node that Tab comes to
    let opened = -1;

    // Zooming keeps the place under `at` (in the viewport) where it is; the viewport scrolls by itself.
    function zoom(wanted, at = [viewport.clientWidth / 2, viewport.clientHeight / 2]) {
      const next = Math.min(3, Math.max(0.02, wanted));
      const before = graph.getBoundingClientRect();
      const frame = viewport.getBoundingClientRect();
      const place = [at[0] + frame.left - before.left, at[1] + frame.top - before.top].map((v) => v / scale);
      scale = next;
      graph.style.width = `${natural[0] * scale}px`;
      graph.style.height = `${natural[1] * scale}px`;
      const after = graph.getBoundingClientRect();
      viewport.scrollLeft += after.left + place[0] * scale - frame.left - at[0];
      viewport.scrollTop += after.top + place[1] * scale - frame.top - at[1];
      $("#zoom").textContent = `${Math.round(scale * 100)} %`;
    }
    const fit = () => zoom(Math.min(1, viewport.clientWidth / natural[0], viewport.clientHeight / natural[1]));

    // On a narrow screen the details are a sheet over the lower part of the graph.
    const covered = () => opened >= 0 && getComputedStyle(details).position === "fixed";

    function reveal(index) {
      const [x, y, width, height] = boxes[index];
      viewport.scrollTo({
        left: (x + width / 2) * scale - viewport.clientWidth / 2,
        top: (y + height / 2) * scale - viewport.clientHeight * (covered() ? 0.2 : 0.5),
        behavior: "instant",
      });
    }

    function rove(index, focus = true) {
      nodes[current].tabIndex = -1;
      current = index;
      nodes[current].tabIndex = 0;
      if (!focus) return;
      nodes[current].focus({ preventScroll: true });
      const box = nodes[current].getBoundingClientRect();
      const frame = viewport.getBoundingClientRect();
      const inside = box.top >= frame.top && box.bottom <= frame.bottom && box.left >= frame.left && box.right <= frame.right;
      if (!inside) reveal(current);
    }

    function open(index, focus) {
      close();
      opened = index;
      rove(index, false);
      nodes[index].classList.add("chosen");
      edges.forEach((edge) => {
        edge.classList.toggle("near", edge.dataset.from === String(index) || edge.dataset.to === String(index));
      });
      const article = $(`#layer-${index}`);
      article.classList.add("open");
      details.scrollTop = 0;
      history.replaceState(null, "", `#layer-${index}`);
      if (covered()) {
        viewport.scrollIntoView({ block: "start" });
        reveal(index);
      } else if (focus) details.scrollIntoView({ block: "nearest" });
      if (focus) article.focus({ preventScroll: true });
    }

    function close() {
      if (opened < 0) return;
      nodes[opened].classList.remove("chosen");
      edges.forEach((edge) => edge.classList.remove("near"));
      $(`#layer-${opened}`).classList.remove("open");
      opened = -1;
    }

    function closeAndReturn() {
      const index = opened;
      close();
      history.replaceState(null, "", "#network");
      if (index >= 0) rove(index);
    }

    // The next node along an edge, or its neighbour in the same row.
    function next(index, key) {
      const [x, y, width] = boxes[index];
      const far = (i) => Math.hypot(boxes[i][0] - x, boxes[i][1] - y);
      const nearest = (found) => found.reduce((best, i) => (best < 0 || far(i) < far(best) ? i : best), -1);
      if (key === "ArrowDown") return nearest(below[index]);
      if (key === "ArrowUp") return nearest(above[index]);
      if (key === "Home") return 0;
      if (key === "End") return nodes.length - 1;
      const side = key === "ArrowRight" ? 1 : key === "ArrowLeft" ? -1 : 0;
      if (!side) return -1;
      return nearest(boxes.flatMap((box, i) => (Math.abs(box[1] - y) < 1 && side * (box[0] - x) > width / 2 ? [i] : [])));
    }

    nodes.forEach((node, index) => {
      node.tabIndex = index ? -1 : 0;
    });
    graph.addEventListener("keydown", (event) => {
      const node = event.target.closest(".node");
      if (!node || event.ctrlKey || event.metaKey || event.altKey) return;
      const index = nodes.indexOf(node);
      const to = next(index, event.key);
      if (to >= 0) {
        rove(to);
        if (opened >= 0) open(to, false);
      } else if (event.key === " ") open(index, true);
      else if (event.key === "+" || event.key === "=") zoom(scale * 1.25);
      else if (event.key === "-") zoom(scale / 1.25);
      else if (event.key === "0") fit();
      else if (!event.key.startsWith("Arrow")) return;
      event.preventDefault();
    });
    document.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && opened >= 0) closeAndReturn();
    });
    $(".close", details).addEventListener("click", closeAndReturn);

    const layerOf = (hash) => (/^#layer-\d+$/.test(hash) ? Number(hash.slice(7)) : -1);
    document.addEventListener("click", (event) => {
      const link = event.target.closest("a[href^='#layer-']");
      const index = link ? layerOf(link.getAttribute("href")) : -1;
      if (!nodes[index] || event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      open(index, true);
      if (!graph.contains(link)) reveal(index);
    });
    document.addEventListener("show-layer", (event) => {
      open(event.detail, true);
      reveal(event.detail);
    });
    window.addEventListener("hashchange", () => {
      const index = layerOf(location.hash);
      if (nodes[index]) open(index, true);
    });

    $("#find").addEventListener("change", (event) => {
      const wanted = event.target.value.trim().toLowerCase();
      const names = nodes.map((node) => $("title", node).textContent.toLowerCase());
      const exact = names.indexOf(wanted);
      const index = exact >= 0 ? exact : names.findIndex((name) => wanted && name.includes(wanted));
      event.target.setAttribute("aria-invalid", String(wanted !== "" && index < 0));
      if (index < 0) return;
      open(index, false);
      reveal(index);
    });

    const steps = { in: () => zoom(scale * 1.25), out: () => zoom(scale / 1.25), fit, one: () => zoom(1) };
    $$("[data-zoom]").forEach((button) => button.addEventListener("click", steps[button.dataset.zoom]));
    viewport.addEventListener("wheel", (event) => {
      if (!event.ctrlKey && !event.metaKey) return;
      event.preventDefault();
      const frame = viewport.getBoundingClientRect();
      zoom(scale * Math.exp(-event.deltaY / 300), [event.clientX - frame.left, event.clientY - frame.top]);
    }, { passive: false });
    dragging();

    function dragging() {
      let from = null;
      let moved = false;
      viewport.addEventListener("pointerdown", (event) => {
        if (event.pointerType !== "mouse" || event.button !== 0) return;
        from = [event.clientX, event.clientY, viewport.scrollLeft, viewport.scrollTop];
        moved = false;
      });
      viewport.addEventListener("dragstart", (event) => event.preventDefault());
      window.addEventListener("pointermove", (event) => {
        if (!from) return;
        const [x, y] = [event.clientX - from[0], event.clientY - from[1]];
        moved = moved || Math.hypot(x, y) > 4;
        if (!moved) return;
        viewport.classList.add("dragged");
        viewport.scrollTo({ left: from[2] - x, top: from[3] - y, behavior: "instant" });
      });
      window.addEventListener("pointerup", () => {
        from = null;
        viewport.classList.remove("dragged");
      });
      viewport.addEventListener("click", (event) => {
        if (!moved) return;
        event.preventDefault();
        event.stopPropagation();
        moved = false;
      }, true);
    }

    // At first as large as can be read, with the input in the middle.
    zoom(Math.max(0.8, Math.min(1, viewport.clientWidth / natural[0])));
    reveal(0);
    const asked = layerOf(location.hash);
    if (nodes[asked]) {
      open(asked, true);
      reveal(asked);
    }
  }

  function plot() {
    const readout = $("#readout");
    const hint = readout && readout.textContent;
    $$(".column").forEach((column) => {
      const title = $("title", column);
      const text = title.textContent;
      title.remove(); // the line below the plot says it at once
      column.addEventListener("pointerenter", () => { readout.textContent = text; });
      column.addEventListener("pointerleave", () => { readout.textContent = hint; });
      if (column.dataset.layer === undefined) return;
      column.addEventListener("click", () => {
        document.dispatchEvent(new CustomEvent("show-layer", { detail: Number(column.dataset.layer) }));
      });
    });
    $$("input[data-series]").forEach((box) => box.addEventListener("change", () => {
      $(`path[data-series="${box.dataset.series}"]`).classList.toggle("hidden", !box.checked);
    }));
  }

  function filters() {
    $$("input[data-filter]").forEach((input) => {
      const rows = $$("tbody tr", document.getElementById(input.dataset.filter));
      input.addEventListener("input", () => {
        const wanted = input.value.toLowerCase();
        rows.forEach((row) => { row.hidden = !row.textContent.toLowerCase().includes(wanted); });
      });
    });
  }

  function sorting() {
    const words = new Intl.Collator(undefined, { numeric: true });
    $$("table[data-sortable]").forEach((table) => {
      const heads = $$("thead th", table);
      heads.forEach((head, column) => {
        const text = (row) => row.cells[column].textContent;
        const number = (row) => Number(row.cells[column].dataset.value || -Infinity);
        const compare = head.classList.contains("n")
          ? (a, b) => Number(number(a) > number(b)) - Number(number(a) < number(b))
          : (a, b) => words.compare(text(a), text(b));
        const button = document.createElement("button");
        button.type = "button";
        button.append(...head.childNodes);
        head.append(button);
        button.addEventListener("click", () => {
          const rows = [...table.tBodies[0].rows].sort(compare);
          const falling = head.getAttribute("aria-sort") === "ascending";
          heads.forEach((each) => each.removeAttribute("aria-sort"));
          head.setAttribute("aria-sort", falling ? "descending" : "ascending");
          table.tBodies[0].append(...(falling ? rows.reverse() : rows));
        });
      });
    });
  }

  function copying() {
    $$(".copy").forEach((button) => button.addEventListener("click", async () => {
      const text = $("code", button.parentElement);
      try {
        await navigator.clipboard.writeText(text.textContent);
        button.textContent = "Copied";
      } catch {
        getSelection().selectAllChildren(text);
        button.textContent = "Selected";
      }
    }));
  }
})();
