// Runs in a page of a report, inside a frame: tells the page around it what sticks out, what is cut off, and which text
// does not stand out from what is behind it. It must not know what the page is about.

addEventListener("load", () => {
  const CONTRAST = 4.5;
  document.querySelectorAll("details").forEach(d => d.open = true);
  const wide = innerWidth, out = new Set(), cut = new Set(), faint = new Set();
  const scripts = document.scripts.length - 1
    + [...document.querySelectorAll("*")].filter(e => e.getAttributeNames().some(n => n.startsWith("on"))).length;

  const name = e => e.tagName + ":" + (e.textContent || "").trim().slice(0, 40);
  const shown = e => e.getClientRects().length > 0;
  const apart = (a, b) => a.right <= b.left + 1 || b.right <= a.left + 1 || a.bottom <= b.top + 1 || b.bottom <= a.top + 1;

  for (const e of document.querySelectorAll("body *")) {
    if (!shown(e)) continue;
    const box = e.getBoundingClientRect(), frame = e.closest(".scroll"), style = getComputedStyle(e);
    if (box.right > wide + 1 && (!frame || frame === e)) out.add(name(e));
    const clips = e.scrollWidth > e.clientWidth + 1 && e.clientWidth > 0 && style.overflowX !== "visible";
    if (clips && !(frame === e && style.backgroundImage !== "none")) cut.add(name(e));
  }

  // Texts of pictures: inside the picture, inside their box, and not over one another.
  for (const picture of document.querySelectorAll("svg")) {
    for (const part of picture.querySelectorAll("path, rect, circle")) {
      const box = part.getBoundingClientRect(), around = picture.getBoundingClientRect();
      if (box.right > around.right + 1 || box.left < around.left - 1 || box.bottom > around.bottom + 1)
        cut.add("a part of " + (picture.getAttribute("aria-label") || "a picture"));
    }
    const texts = [...picture.querySelectorAll("text")].filter(shown), edge = picture.getBoundingClientRect();
    for (const [i, text] of texts.entries()) {
      const box = text.getBoundingClientRect();
      const frames = [...(text.closest("g.server")?.querySelectorAll("rect.box:not(.behind)") ?? [])];
      for (const around of [edge, ...frames.map(r => r.getBoundingClientRect())])
        if (box.right > around.right + 1 || box.left < around.left - 1) cut.add(name(text));
      for (const other of texts.slice(i + 1))
        if (!apart(box, other.getBoundingClientRect())) cut.add(name(text) + " over " + name(other));
    }
  }

  // WCAG 2.2: relative luminance, contrast.
  const channels = text => (text.match(/[\d.]+/g) || []).map(Number);
  const luminance = rgb => [0.2126, 0.7152, 0.0722].reduce((sum, weight, i) => {
    const c = rgb[i] / 255;
    return sum + weight * (c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
  }, 0);
  const contrast = (a, b) => {
    const [low, high] = [luminance(a), luminance(b)].sort((x, y) => x - y);
    return (high + 0.05) / (low + 0.05);
  };
  const opaque = text => {
    const c = channels(text);
    return c.length >= 3 && (c.length < 4 || c[3] > 0) ? c : null;
  };
  const behind = e => {
    for (; e; e = e.parentElement) {
      const c = opaque(getComputedStyle(e).backgroundColor);
      if (c) return c;
    }
    return [255, 255, 255];
  };
  // The shape that a text of a picture stands on: the last one drawn before it that holds its middle.
  const under = text => {
    const box = text.getBoundingClientRect(), x = (box.left + box.right) / 2, y = (box.top + box.bottom) / 2;
    let found = null;
    for (const shape of text.ownerSVGElement.querySelectorAll("rect, circle, text")) {
      if (shape === text) break;
      const at = shape.getBoundingClientRect(), fill = getComputedStyle(shape).fill;
      if (shape.tagName !== "text" && fill !== "none" && at.left <= x && x <= at.right && at.top <= y && y <= at.bottom)
        found = channels(fill);
    }
    return found;
  };

  let texts = 0;
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT), known = new Map();
  while (walker.nextNode()) {
    const e = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || !shown(e) || ["SCRIPT", "STYLE", "TITLE", "title"].includes(e.tagName))
      continue;
    texts++;
    const style = getComputedStyle(e), drawn = e.tagName === "text";
    const ink = channels(drawn ? style.fill : style.color);
    const ground = (drawn && under(e)) || behind(drawn ? e.ownerSVGElement.parentElement : e);
    const key = ink + "/" + ground;
    if (!known.has(key)) known.set(key, contrast(ink, ground));
    if (known.get(key) < CONTRAST) faint.add(name(e) + " " + known.get(key).toFixed(2));
  }

  const few = set => [...set].slice(0, 9);
  parent.postMessage({
    wide, texts, scripts, scroll: document.documentElement.scrollWidth, out: few(out), cut: few(cut), faint: few(faint),
    requests: performance.getEntriesByType("resource").map(e => e.name),
    background: getComputedStyle(document.body).backgroundColor }, "*");
});
