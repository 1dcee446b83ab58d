"use strict";
// All data is in the page already; this adds choosing and zooming. Nothing here writes HTML.
(() => {
  const $ = (selector, from = document) => from.querySelector(selector);
  const $$ = (selector, from = document) => [...from.querySelectorAll(selector)];

  const viewport = $("#viewport");
  if (viewport) network();
  plot();
  copying();

  function network() {
    const details = $("#details");
    const drawings = $$(".graph", viewport).map(drawn);
    const whole = drawings.at(-1);
    let shown = drawings[0];
    let scale = 1;
    let opened = -1; // the layer

    // A drawing of the network: its boxes, how they hang together, and which of them Tab comes to.
    function drawn(svg) {
      const nodes = $$(".node", svg);
      const below = nodes.map((node) => node.dataset.below.split(" ").filter(Boolean).map(Number));
      const above = nodes.map(() => []);
      below.forEach((ends, start) => ends.forEach((end) => above[end].push(start)));
      const sizes = (node) => ["x", "y", "width", "height"].map((name) => Number(node.getAttribute(name)));
      const boxes = nodes.map((node) => sizes($(".box:last-of-type", node)));
      const layers = nodes.map((node) => node.dataset.layers.split(" ").map(Number));
      const holder = new Map(layers.flatMap((held, index) => held.map((layer) => [layer, index])));
      const natural = sizes(svg).slice(2);
      nodes.forEach((node, index) => {
        node.tabIndex = index ? -1 : 0;
      });
      return { svg, nodes, below, above, boxes, layers, holder, natural, edges: $$(".edge", svg), current: 0 };
    }

    function show(drawing) {
      shown = drawing;
      drawings.forEach((each) => each.svg.classList.toggle("shown", each === drawing));
      // As large as can be read, at least.
      const [width, height] = shown.natural;
      zoom(Math.max(0.8, Math.min(1, viewport.clientWidth / width, viewport.clientHeight / height)));
      const fold = $("#fold");
      if (fold) fold.textContent = shown === whole ? "Fold" : "Unfold";
    }

    // Zooming keeps the place under `at` (in the viewport) where it is; the viewport scrolls by itself.
    function zoom(wanted, at = [viewport.clientWidth / 2, viewport.clientHeight / 2]) {
      const next = Math.min(3, Math.max(0.02, wanted));
      const before = shown.svg.getBoundingClientRect();
      const frame = viewport.getBoundingClientRect();
      const place = [at[0] + frame.left - before.left, at[1] + frame.top - before.top].map((v) => v / scale);
      scale = next;
      shown.svg.style.width = `${shown.natural[0] * scale}px`;
      shown.svg.style.height = `${shown.natural[1] * scale}px`;
      const after = shown.svg.getBoundingClientRect();
      viewport.scrollLeft += after.left + place[0] * scale - frame.left - at[0];
      viewport.scrollTop += after.top + place[1] * scale - frame.top - at[1];
      $("#zoom").textContent = `${Math.round(scale * 100)} %`;
    }
    const fit = () => zoom(Math.min(1, viewport.clientWidth / shown.natural[0], viewport.clientHeight / shown.natural[1]));

    // On a narrow screen the details are a sheet over the lower part of the graph.
    const covered = () => opened >= 0 && getComputedStyle(details).position === "fixed";

    function reveal(index) {
      const [x, y, width, height] = shown.boxes[index];
      viewport.scrollTo({
        left: (x + width / 2) * scale - viewport.clientWidth / 2,
        top: (y + height / 2) * scale - viewport.clientHeight * (covered() ? 0.2 : 0.5),
        behavior: "instant",
      });
    }

    function rove(index, focus = true) {
      const { nodes } = shown;
      nodes[shown.current].tabIndex = -1;
      shown.current = index;
      nodes[index].tabIndex = 0;
      if (!focus) return;
      nodes[index].focus({ preventScroll: true });
      const box = nodes[index].getBoundingClientRect();
      const frame = viewport.getBoundingClientRect();
      const inside = box.top >= frame.top && box.bottom <= frame.bottom && box.left >= frame.left && box.right <= frame.right;
      if (!inside) reveal(index);
    }

    function open(layer, focus) {
      close();
      opened = layer;
      drawings.forEach((drawing) => {
        const index = drawing.holder.get(layer);
        drawing.nodes[index].classList.add("chosen");
        drawing.edges.forEach((edge) => {
          edge.classList.toggle("near", edge.dataset.from === String(index) || edge.dataset.to === String(index));
        });
      });
      rove(shown.holder.get(layer), false);
      const article = $(`#layer-${layer}`);
      article.classList.add("open");
      details.scrollTop = 0;
      history.replaceState(null, "", `#layer-${layer}`);
      if (covered()) {
        viewport.scrollIntoView({ block: "start" });
        reveal(shown.current);
      } else if (focus) details.scrollIntoView({ block: "nearest" });
      if (focus) article.focus({ preventScroll: true });
    }

    function openAndReveal(layer, focus) {
      open(layer, focus);
      reveal(shown.current);
    }

    function close() {
      if (opened < 0) return;
      $$(".chosen, .near", viewport).forEach((each) => each.classList.remove("chosen", "near"));
      $(`#layer-${opened}`).classList.remove("open");
      opened = -1;
    }

    function closeAndReturn() {
      const layer = opened;
      close();
      history.replaceState(null, "", "#network");
      if (layer >= 0) rove(shown.holder.get(layer));
    }

    // What a box holds: the details of its layer; of a folded one all layers, in the drawing of the whole.
    function enter(index) {
      const held = shown.layers[index];
      if (held.length === 1) return open(held[0], true);
      close();
      show(whole);
      whole.nodes.forEach((node, layer) => node.classList.toggle("member", held.includes(layer)));
      reveal(held[0]);
      return rove(held[0]);
    }

    // The next box along an edge, or its neighbour in the same row.
    function next(index, key) {
      const { boxes, nodes, above, below } = shown;
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

    viewport.addEventListener("keydown", (event) => {
      const node = event.target.closest(".node");
      if (!node || event.ctrlKey || event.metaKey || event.altKey) return;
      const index = shown.nodes.indexOf(node);
      const to = next(index, event.key);
      if (to >= 0) {
        rove(to);
        if (opened >= 0 && shown.layers[to].length === 1) open(shown.layers[to][0], false);
        else close();
      } else if (event.key === " ") enter(index);
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

    const layerOf = (hash) => {
      const layer = /^#layer-\d+$/.test(hash) ? Number(hash.slice(7)) : -1;
      return whole.nodes[layer] ? layer : -1;
    };
    document.addEventListener("click", (event) => {
      const link = event.target.closest("a[href^='#layer-']");
      const layer = link ? layerOf(link.getAttribute("href")) : -1;
      if (layer < 0 || event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      if (viewport.contains(link)) enter(shown.nodes.indexOf(link));
      else openAndReveal(layer, true);
    });
    document.addEventListener("show-layer", (event) => openAndReveal(event.detail, true));
    window.addEventListener("hashchange", () => {
      const layer = layerOf(location.hash);
      if (layer >= 0) open(layer, true);
    });

    $("#find").addEventListener("change", (event) => {
      const wanted = event.target.value.trim().toLowerCase();
      const names = whole.nodes.map((node) => $("title", node).textContent.toLowerCase());
      const exact = names.indexOf(wanted);
      const layer = exact >= 0 ? exact : names.findIndex((name) => wanted && name.includes(wanted));
      event.target.setAttribute("aria-invalid", String(wanted !== "" && layer < 0));
      if (layer >= 0) openAndReveal(layer, false);
    });

    if (drawings.length > 1) {
      $("#fold").addEventListener("click", () => {
        const layer = shown.layers[shown.current][0];
        show(shown === whole ? drawings[0] : whole);
        reveal(shown.holder.get(layer));
      });
    }
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

    show(shown);
    reveal(0);
    const asked = layerOf(location.hash);
    if (asked >= 0) openAndReveal(asked, true);
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
