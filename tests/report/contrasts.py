"""The contrasts of texts on a page, computed in the browser."""

from __future__ import annotations

# Returns the contrast (WCAG 2) of every visible text with the nearest background behind it.
CONTRASTS = """() => {
  const parse = (color) => color.match(/[\\d.]+/g).map(Number);
  const light = (c) => c.slice(0, 3).map((v) => v / 255)
    .map((v) => (v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = (element) => {
    const box = element.matches("svg text") && element.parentElement.querySelector(":scope > .box");
    if (box) return parse(getComputedStyle(box).fill);
    for (let e = element; e; e = e.parentElement) {
      const color = parse(getComputedStyle(e).backgroundColor);
      if (color.length < 4 || color[3] > 0) return color;
    }
    return [255, 255, 255];
  };
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const found = [];
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.textContent.trim() || !element.checkVisibility()) continue;
    if (element.closest("script, style, datalist, title")) continue;
    const style = getComputedStyle(element);
    const [a, b] = [light(parse(element.matches("svg text") ? style.fill : style.color)), light(behind(element))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    found.push([ratio, `${element.tagName}.${element.getAttribute("class")} ${walker.currentNode.textContent.trim()}`]);
  }
  return found;
}"""
