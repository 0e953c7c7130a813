// The page of dino_notebooks.Explorer: a map of pictures on one canvas, with what was chosen below it.
// An anywidget module: no build step, no dependency. World coordinates are those of Python's `places`
// (about -1 to 1, up is up); screen coordinates are CSS px from the canvas's upper left corner.

const GLIDE_MS = 700;
const LEVEL = 1.3; // a new choice of pictures is made each time the zoom has grown by this
const [SMALLEST, LARGEST] = [28, 64]; // px from one picture to the next
const DOT = 2.6; // px, radius
const CLICK_PX = 4; // a pointer that moved less was a click
const MANY = 60; // thumbnails in the strip of a selection
const KEPT = 200; // large pictures in memory
const ZOOMS = [0.4, 60];

const clamp = (x, [low, high]) => Math.min(high, Math.max(low, x));

function make(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value === true) node.setAttribute(name, "");
    else if (value !== false && value != null) node.setAttribute(name, value);
  }
  // JupyterLab's keys go by what has the focus, so the mark on the root alone is too far up: with it, "dd" on one of
  // our buttons deleted the cell.
  if (/^(button|select|input)$/.test(tag) || attributes.tabindex) node.setAttribute("data-lm-suppress-shortcuts", "true");
  node.append(...children);
  return node;
}

// Bytes arrive as a DataView that may begin anywhere in its buffer, where a Float32Array may not.
function floats(view) {
  const found = new Float32Array(view.byteLength / 4);
  for (let i = 0; i < found.length; i++) found[i] = view.getFloat32(4 * i, true);
  return found;
}

function blobUrl(view) {
  const bytes = new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
  return URL.createObjectURL(new Blob([bytes], { type: "image/webp" }));
}

// --- what there is to know of the pictures --------------------------------------------------------------

function titleOf(name) {
  return name.slice(name.lastIndexOf("/") + 1);
}

function folderOf(name) {
  return name.slice(0, Math.max(0, name.lastIndexOf("/")));
}

// --- which pictures are drawn as pictures ---------------------------------------------------------------

// Thousands of pictures lie over one another. At each level of zoom, as many are drawn as have room without
// touching; the others are dots. They are tried in an order that is fixed and as good as random, so that those
// of one level are mostly drawn in the next as well, and panning changes nothing.
function shuffled(count) {
  const key = (i) => Math.imul(i + 1, 2654435761) >>> 0;
  return Array.from({ length: count }, (_, i) => i).sort((a, b) => key(a) - key(b));
}

function withRoom(places, order, pitch) {
  const cells = new Map();
  const at = (x, y) => x * 65536 + y;
  const chosen = [];
  for (const i of order) {
    const [x, y] = [places[2 * i], places[2 * i + 1]];
    const [column, row] = [Math.floor(x / pitch) + 32768, Math.floor(y / pitch) + 32768];
    let free = true;
    for (let dx = -1; dx <= 1 && free; dx++)
      for (let dy = -1; dy <= 1 && free; dy++) {
        const other = cells.get(at(column + dx, row + dy)); // a cell holds at most one
        if (other === undefined) continue;
        const away = Math.max(Math.abs(places[2 * other] - x), Math.abs(places[2 * other + 1] - y));
        free = away >= pitch;
      }
    if (free) {
      cells.set(at(column, row), i);
      chosen.push(i);
    }
  }
  return chosen;
}

// --- the map --------------------------------------------------------------------------------------------

class PictureMap {
  constructor(canvas, root, tile, columns) {
    Object.assign(this, { canvas, root, tile, columns });
    this.context = canvas.getContext("2d");
    this.places = new Float32Array(0); // where the pictures are now
    this.target = this.places; // where they glide to
    this.scale = 1; // px a unit
    this.center = [0, 0]; // world coordinates in the middle
    this.follows = true; // shows the whole map, until somebody moves it
    this.marks = { selected: null, neighbours: [], selection: new Set(), focus: null, hover: null };
    this.matching = null; // rows that a search or the legend is about; null: all
    this.coloring = { values: [], colors: [] };
    this.lasso = null;
    this.levels = new Map();
    this.frames = 0;
    this.still = matchMedia("(prefers-reduced-motion: reduce)");
  }

  // Colours are CSS variables of the theme; a canvas has to ask for them anew when it changes.
  readTheme() {
    if (!this.root.isConnected) return; // has no style yet
    const style = getComputedStyle(this.root);
    const color = (name) => style.getPropertyValue(name).trim();
    this.theme = { ink: color("--dx-ink"), card: color("--dx-card"), accent: color("--dx-accent"), halo: color("--dx-bg") };
    this.dots = null;
    this.composeSprites();
    this.draw();
  }

  setSheet(image) {
    this.image = image;
    this.composeSprites();
    this.draw();
  }

  // The sheet on the colour of a card: then a picture of the map is one drawImage.
  composeSprites() {
    if (!this.image || !this.theme) return;
    const sprites = make("canvas", { width: this.image.width, height: this.image.height });
    const context = sprites.getContext("2d");
    context.fillStyle = this.theme.card;
    context.fillRect(0, 0, sprites.width, sprites.height);
    context.drawImage(this.image, 0, 0);
    this.sprites = sprites;
  }

  setPlaces(places) {
    const first = this.places.length !== places.length;
    this.target = places;
    this.levels.clear();
    if (first) this.order = shuffled(places.length / 2);
    this.measure();
    const glide = !first && !this.still.matches;
    this.glide = glide && { from: this.places.slice(), scale: this.scale, center: [...this.center], start: performance.now() };
    if (!glide) this.places = places;
    if (!glide && this.follows) this.fit();
    this.draw();
  }

  setMatching(rows) {
    this.matching = rows;
    this.levels.clear();
    this.draw();
  }

  setColoring(coloring) {
    this.coloring = coloring;
    this.dots = null;
    this.draw();
  }

  resize(width, height) {
    const ratio = window.devicePixelRatio || 1;
    Object.assign(this, { width, height, ratio });
    this.canvas.width = Math.round(width * ratio);
    this.canvas.height = Math.round(height * ratio);
    this.dots = null;
    this.levels.clear();
    this.measure();
    if (this.follows) this.fit();
    this.draw();
  }

  // What fits on the canvas: all but a few strays.
  measure() {
    const count = this.target.length / 2;
    if (!count || !this.width) return;
    const range = [0, 1].map((side) => {
      const values = new Float32Array(count);
      for (let i = 0; i < count; i++) values[i] = this.target[2 * i + side];
      values.sort();
      const cut = Math.floor(count * 0.005);
      const [all, middle] = [[values[0], values[count - 1]], [values[cut], values[count - 1 - cut]]];
      return all[1] - all[0] < 1.5 * (middle[1] - middle[0]) ? all : middle;
    });
    const size = range.map(([low, high]) => Math.max(high - low, 1e-3));
    const room = 56; // px, of half a picture and some air on each side
    this.whole = {
      scale: Math.min((this.width - room) / size[0], (this.height - room) / size[1]),
      center: range.map(([low, high]) => (low + high) / 2),
    };
  }

  fit() {
    if (!this.whole) return;
    this.scale = this.whole.scale;
    this.center = [...this.whole.center];
    this.follows = true;
    this.draw();
  }

  toScreen(i) {
    return [
      this.width / 2 + (this.places[2 * i] - this.center[0]) * this.scale,
      this.height / 2 - (this.places[2 * i + 1] - this.center[1]) * this.scale,
    ];
  }

  toWorld(x, y) {
    return [this.center[0] + (x - this.width / 2) / this.scale, this.center[1] - (y - this.height / 2) / this.scale];
  }

  pan(dx, dy) {
    this.center[0] -= dx / this.scale;
    this.center[1] += dy / this.scale;
    this.follows = false;
    this.draw();
  }

  zoom(factor, x = this.width / 2, y = this.height / 2) {
    const before = this.toWorld(x, y);
    this.scale = clamp(this.scale * factor, ZOOMS.map((z) => z * this.whole.scale));
    const after = this.toWorld(x, y);
    this.center[0] += before[0] - after[0];
    this.center[1] += before[1] - after[1];
    this.follows = false;
    this.draw();
  }

  reveal(i) {
    const [x, y] = this.toScreen(i);
    const margin = 48;
    const dx = clamp(x, [margin, this.width - margin]) - x;
    const dy = clamp(y, [margin, this.height - margin]) - y;
    if (dx || dy) this.pan(dx, dy);
  }

  // The pictures drawn at the present zoom, and their side on the screen.
  shown() {
    const count = this.target.length / 2;
    const base = clamp(Math.sqrt((this.width * this.height) / (2.5 * count)), [SMALLEST, LARGEST]);
    const level = Math.floor(Math.log(this.scale / this.whole.scale) / Math.log(LEVEL) + 1e-6);
    const grown = LEVEL ** level;
    const pitch = clamp(base * grown ** 0.3, [SMALLEST, LARGEST]) / (this.whole.scale * grown);
    if (!this.levels.has(level)) {
      const order = this.matching ? this.order.filter((i) => this.matching.has(i)) : this.order;
      const rows = withRoom(this.target, order, pitch);
      const drawn = new Uint8Array(count);
      for (const i of rows) drawn[i] = 1;
      this.levels.set(level, { rows, drawn });
    }
    return { ...this.levels.get(level), side: pitch * this.scale - 3 };
  }

  draw() {
    this.request ??= requestAnimationFrame((now) => {
      this.request = null;
      if (this.width && this.whole && this.theme) this.paint(now);
    });
  }

  move(now) {
    const { from, start, scale, center } = this.glide;
    const t = clamp((now - start) / GLIDE_MS, [0, 1]);
    const s = t * t * (3 - 2 * t);
    const places = new Float32Array(from.length);
    for (let k = 0; k < places.length; k++) places[k] = from[k] + s * (this.target[k] - from[k]);
    this.places = places;
    if (this.follows) {
      this.scale = scale + s * (this.whole.scale - scale);
      this.center = center.map((c, k) => c + s * (this.whole.center[k] - c));
    }
    if (t === 1) this.glide = null;
    this.draw();
  }

  paint(now) {
    if (this.glide) this.move(now);
    this.frames++;
    const { context, ratio } = this;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    const shown = this.shown();
    this.paintDots(shown);
    this.paintPictures(shown);
    this.paintMarks(shown);
    this.paintLasso();
  }

  inView(x, y, margin) {
    return x > -margin && y > -margin && x < this.width + margin && y < this.height + margin;
  }

  // The pixels of a dot by group, as [row, column, colour with alpha], and for no group the last. Groups beyond the
  // seven colours have the same ones again, as rings.
  makeDots() {
    const radius = DOT * this.ratio;
    const reach = Math.ceil(radius);
    this.dots = [...this.coloring.colors, null].map((color, group, all) => {
      const [red, green, blue] = rgb(color ?? this.theme.ink);
      const ring = isRing(group) && group < all.length - 1;
      const pixels = [];
      for (let y = -reach; y <= reach; y++)
        for (let x = -reach; x <= reach; x++) {
          const away = Math.hypot(x, y);
          const cover = clamp(radius - away + 0.5, [0, 1]) * (ring ? clamp(away - radius + 1.6 * this.ratio, [0, 1]) : 1);
          const alpha = Math.round(255 * cover * (color ? 0.85 : 0.35));
          if (alpha) pixels.push([y, x, alpha, blue * 65536 + green * 256 + red]);
        }
      return pixels;
    });
  }

  // Pixel by pixel: without a GPU, thousands of calls of the canvas took five times as long as all of the rest.
  paintDots({ drawn }) {
    if (!this.dots) this.makeDots();
    const { context, dots, matching, ratio, canvas } = this;
    const { values } = this.coloring;
    if (this.layer?.width !== canvas.width || this.layer.height !== canvas.height)
      this.layer = new ImageData(canvas.width, canvas.height);
    const pixels = new Uint32Array(this.layer.data.buffer); // on every machine that runs browsers: alpha, blue, green, red
    pixels.fill(0);
    const [width, height] = [canvas.width, canvas.height];
    for (let i = 0; i < drawn.length; i++) {
      if (drawn[i]) continue;
      const [x, y] = this.toScreen(i);
      const [left, top] = [Math.round(x * ratio), Math.round(y * ratio)];
      if (left < -9 || top < -9 || left > width + 9 || top > height + 9) continue;
      const strength = matching && !matching.has(i) ? 0.15 : 1;
      for (const [dy, dx, alpha, color] of dots.at(values[i] ?? -1)) {
        const [column, row] = [left + dx, top + dy];
        if (column < 0 || row < 0 || column >= width || row >= height) continue;
        const seen = alpha * strength;
        if (pixels[row * width + column] >>> 24 <= seen) pixels[row * width + column] = ((seen << 24) | color) >>> 0;
      }
    }
    context.putImageData(this.layer, 0, 0); // takes the place of what was there
  }

  paintPictures({ rows, side }) {
    const { context, tile, columns } = this;
    const { values, colors } = this.coloring;
    const frames = new Map();
    for (const i of rows) {
      const [x, y] = this.toScreen(i);
      if (!this.inView(x, y, side)) continue;
      if (this.sprites)
        context.drawImage(this.sprites, (i % columns) * tile, Math.floor(i / columns) * tile, tile, tile,
          x - side / 2, y - side / 2, side, side);
      const group = values[i] ?? -1;
      if (!frames.has(group)) frames.set(group, new Path2D());
      frames.get(group).rect(x - side / 2, y - side / 2, side, side);
    }
    for (const [group, path] of frames) {
      context.strokeStyle = colors[group] ?? this.theme.ink;
      context.globalAlpha = group < 0 ? 0.25 : 1;
      context.lineWidth = group < 0 ? 1 : 2;
      context.setLineDash(isRing(group) ? [4, 3] : []);
      context.stroke(path);
    }
    context.globalAlpha = 1;
    context.setLineDash([]);
  }

  paintMarks({ side, drawn }) {
    const { context, theme, marks } = this;
    const big = Math.max(side, SMALLEST);
    const { selected, neighbours, selection, focus, hover } = marks;
    this.paintSelection(selection, side, drawn);
    if (selected !== null && neighbours.length) {
      const [x0, y0] = this.toScreen(selected);
      context.strokeStyle = theme.accent;
      context.lineWidth = 1.2;
      context.globalAlpha = 0.7;
      context.beginPath();
      for (const i of neighbours) {
        context.moveTo(x0, y0);
        context.lineTo(...this.toScreen(i));
      }
      context.stroke();
      context.globalAlpha = 1;
    }
    for (const i of neighbours) this.lift(i, big);
    if (hover !== null) this.lift(hover, big * 1.15);
    if (selected !== null) {
      this.lift(selected, big * 1.4);
      this.outline(selected, big * 1.4 + 6, 3);
    }
    if (focus !== null && this.focused) {
      this.lift(focus, big * 1.15);
      this.outline(focus, big * 1.15 + 12, 2, [5, 3]);
    }
  }

  // Frames around the selected that are drawn as pictures; of the others, larger dots.
  paintSelection(selection, side, drawn) {
    const { context, theme } = this;
    const dots = new Path2D();
    for (const i of selection) {
      if (drawn[i]) this.outline(i, side + 5, 3);
      else {
        const [x, y] = this.toScreen(i);
        dots.moveTo(x + DOT + 1, y);
        dots.arc(x, y, DOT + 1, 0, 7);
      }
    }
    context.fillStyle = theme.accent;
    context.strokeStyle = theme.halo;
    context.lineWidth = 1;
    context.stroke(dots);
    context.fill(dots);
  }

  // One picture above all others.
  lift(i, side) {
    const { context, tile, columns, theme, coloring } = this;
    const [x, y] = this.toScreen(i);
    if (!this.inView(x, y, side) || !this.sprites) return;
    context.fillStyle = theme.halo;
    context.fillRect(x - side / 2 - 3, y - side / 2 - 3, side + 6, side + 6);
    context.drawImage(this.sprites, (i % columns) * tile, Math.floor(i / columns) * tile, tile, tile,
      x - side / 2, y - side / 2, side, side);
    context.strokeStyle = coloring.colors[coloring.values[i]] ?? theme.ink;
    context.lineWidth = 2;
    context.strokeRect(x - side / 2, y - side / 2, side, side);
  }

  outline(i, side, width, dash = []) {
    const { context } = this;
    const [x, y] = this.toScreen(i);
    if (!this.inView(x, y, side)) return;
    context.strokeStyle = this.theme.accent;
    context.lineWidth = width;
    context.setLineDash(dash);
    context.strokeRect(x - side / 2, y - side / 2, side, side);
    context.setLineDash([]);
  }

  paintLasso() {
    if (!this.lasso) return;
    const { context, theme } = this;
    context.beginPath();
    for (const [x, y] of this.lasso) context.lineTo(x, y);
    context.closePath();
    context.strokeStyle = context.fillStyle = theme.accent;
    context.globalAlpha = 0.12;
    context.fill();
    context.globalAlpha = 1;
    context.lineWidth = 1.5;
    context.setLineDash([5, 4]);
    context.stroke();
    context.setLineDash([]);
  }

  // What lies under the pointer: the picture drawn there, else the nearest dot.
  hit(x, y) {
    const { rows, drawn, side } = this.shown();
    for (const i of rows) {
      const [px, py] = this.toScreen(i);
      if (Math.abs(px - x) <= side / 2 && Math.abs(py - y) <= side / 2) return i;
    }
    let [best, nearest] = [null, 8 ** 2];
    for (let i = 0; i < drawn.length; i++) {
      const [px, py] = this.toScreen(i);
      const away = (px - x) ** 2 + (py - y) ** 2;
      if (away < nearest) [best, nearest] = [i, away];
    }
    return best;
  }

  // Rows inside a polygon of screen points: a ray to the right crosses its border an odd number of times.
  inside(polygon) {
    const found = [];
    for (let i = 0; i < this.places.length / 2; i++) {
      const [x, y] = this.toScreen(i);
      let odd = false;
      for (let a = 0, b = polygon.length - 1; a < polygon.length; b = a++) {
        const [[xa, ya], [xb, yb]] = [polygon[a], polygon[b]];
        if (ya > y !== yb > y && x < ((xb - xa) * (y - ya)) / (yb - ya) + xa) odd = !odd;
      }
      if (odd && (!this.matching || this.matching.has(i))) found.push(i);
    }
    return found;
  }

  // The drawn picture that lies next in a direction: near, and not far off its line.
  next(from, [right, up]) {
    let [best, least] = [null, Infinity];
    const [x0, y0] = from === null ? [this.width / 2, this.height / 2] : this.toScreen(from);
    for (const i of this.shown().rows) {
      if (i === from) continue;
      const [x, y] = this.toScreen(i);
      const ahead = (x - x0) * right - (y - y0) * up;
      const aside = Math.abs((x - x0) * up + (y - y0) * right);
      const cost = from === null ? Math.hypot(x - x0, y - y0) : ahead + 2.5 * aside;
      if ((from === null || (ahead > 1 && aside <= ahead)) && cost < least) [best, least] = [i, cost];
    }
    return best ?? from;
  }
}

function rgb(color) {
  const context = make("canvas", { width: 1, height: 1 }).getContext("2d");
  context.fillStyle = color;
  context.fillRect(0, 0, 1, 1);
  return [...context.getImageData(0, 0, 1, 1).data];
}

function isRing(group) {
  return group >= 7 && group < 14;
}

// --- the page around it ---------------------------------------------------------------------------------

let pages = 0; // so that labels find their fields in every view

function render({ model, el }) {
  const get = (name) => model.get(name);
  const set = (name, value) => {
    model.set(name, value);
    model.save_changes();
  };
  const id = `dx${++pages}`;
  const names = get("names");
  const lower = names.map((name) => name.toLowerCase());
  const ended = new AbortController(); // takes every listener with it
  const { signal } = ended;
  const large = new Map(); // row → URL of the picture in its own size
  let [sheetUrl, lassoing, timer, playing] = [null, false, null, null];
  const chosenGroups = new Set();

  // What there is on the page.

  const canvas = make("canvas", { "aria-hidden": "true" });
  const tip = make("div", { class: "dx-tip", hidden: true, "aria-hidden": "true" });
  const progress = make("div", { class: "dx-progress", role: "status", hidden: true });
  const stage = make("div", {
    class: "dx-stage", tabindex: "0", role: "application", "aria-roledescription": "map of pictures",
    "aria-describedby": `${id}-help`, style: `height: ${get("height")}px`,
  }, canvas, tip, progress);
  const live = make("div", { class: "dx-hidden", "aria-live": "polite" });
  const help = make("div", { class: "dx-hidden", id: `${id}-help` },
    "Arrow keys go from picture to picture, Enter selects one and shows its neighbours, Space adds it to the " +
    "selection, plus and minus zoom, zero shows the whole map, Escape takes back what was chosen.");
  const legend = make("div", { class: "dx-legend", role: "group", "aria-label": "Groups" });
  const finding = make("div", { class: "dx-finding" });
  const near = make("section", { class: "dx-strip", "aria-label": "Nearest neighbours" });
  const lassoed = make("section", { class: "dx-strip", "aria-label": "Selection" });
  const hint = make("div", { class: "dx-hint" },
    "Click a picture to see what the features find most alike. Drag to move; click the map, then scroll to zoom. " +
    "Shift and drag, or the lasso, selects many.");
  const found = make("span", { class: "dx-found" });
  const search = make("input", { type: "search", placeholder: "Find by name", "aria-label": "Find by name", class: "dx-search" });
  const button = (label, title, action) =>
    make("button", { type: "button", title, "aria-label": title, onclick: action }, label);
  const lassoButton = button("Lasso", "Draw around pictures to select them", () => setLassoing(!lassoing));
  const methods = make("div", { class: "dx-group", role: "group", "aria-label": "Map by" });
  const colorBy = make("select", { id: `${id}-color`, onchange: () => set("color_by", colorBy.value) },
    ...get("colorings").map((name) => make("option", { value: name }, name)));
  const snapshots = make("div", { class: "dx-group dx-snapshots" });
  const slider = make("input", { type: "range", min: 0, step: 1, "aria-label": "Snapshot" });
  const shownSnapshot = make("output", {});
  const playButton = button("▶", "Play the snapshots", () => setPlaying(!playing));
  snapshots.append(playButton, slider, shownSnapshot);
  const bar = make("div", { class: "dx-bar" },
    methods, make("label", { for: `${id}-color` }, "Colour ", colorBy), snapshots,
    make("span", { class: "dx-space" }), make("span", { class: "dx-finder" }, search, found), lassoButton);
  stage.append(make("div", { class: "dx-zoom" },
    button("+", "Zoom in", () => map.zoom(1.5)), button("−", "Zoom out", () => map.zoom(1 / 1.5)),
    button("Fit", "Show the whole map", () => map.fit())));
  const root = make("div", { class: "dx" },
    bar, stage, legend, finding, hint, near, lassoed, help, live);
  el.append(root);
  const map = new PictureMap(canvas, root, get("tile"), get("columns"));
  root.dinoMap = map; // for tests and bench/explorer.py

  const say = (text) => (live.textContent = text);
  const noteOf = (row) => [folderOf(names[row]), get("notes")[row]].filter(Boolean).join(" · ");
  const describe = (row) => [titleOf(names[row]), noteOf(row)].filter(Boolean).join(", ");

  // Thumbnails and large pictures.

  function thumbnail(row, px, label = "") {
    const [tile, columns] = [get("tile"), get("columns")];
    const zoom = px / tile;
    const picture = make("span", {
      class: "dx-picture",
      style: `width: ${px}px; height: ${px}px; background-image: url(${sheetUrl}); ` +
        `background-size: ${columns * px}px auto; ` +
        `background-position: ${-(row % columns) * tile * zoom}px ${-Math.floor(row / columns) * tile * zoom}px`,
    });
    return make("button", {
      type: "button", class: "dx-thumb", title: describe(row), "data-row": row,
      "aria-label": [describe(row), label && `similarity ${label}`].filter(Boolean).join(", "),
      onclick: () => { select(row); map.reveal(row); },
      onpointerenter: () => { map.marks.hover = row; map.draw(); },
      onpointerleave: () => { map.marks.hover = null; map.draw(); },
    }, picture, ...(label ? [make("span", {}, label)] : []));
  }

  function showTip(row, x, y) {
    const wait = tip.dataset.row === String(row);
    tip.dataset.row = row;
    tip.hidden = false;
    if (!wait) {
      const picture = large.has(row)
        ? make("img", { src: large.get(row), alt: "", class: "dx-large" })
        : make("span", { class: "dx-large" }, thumbnail(row, 96).firstChild);
      tip.replaceChildren(picture, make("b", {}, titleOf(names[row])), make("span", {}, noteOf(row)));
      clearTimeout(timer);
      if (!large.has(row)) timer = setTimeout(() => model.send({ picture: row }), 60);
    }
    const [w, h] = [tip.offsetWidth, tip.offsetHeight];
    const left = x + 18 + w > map.width ? x - w - 18 : x + 18;
    tip.style.transform = `translate(${Math.max(4, left)}px, ${clamp(y - h / 2, [4, Math.max(4, map.height - h - 4)])}px)`;
  }

  function hideTip() {
    tip.hidden = true;
    clearTimeout(timer);
    delete tip.dataset.row;
  }

  model.on("msg:custom", gotPicture);
  function gotPicture(content, buffers) {
    if (large.has(content.picture)) return;
    if (large.size >= KEPT) {
      const [[oldest, url]] = large;
      URL.revokeObjectURL(url);
      large.delete(oldest);
    }
    const url = blobUrl(new DataView(buffers[0].buffer ?? buffers[0], buffers[0].byteOffset ?? 0, buffers[0].byteLength));
    large.set(content.picture, url);
    if (tip.dataset.row === String(content.picture))
      tip.firstChild.replaceWith(make("img", { src: url, alt: "", class: "dx-large" }));
  }

  // What people do.

  function select(row) {
    if (row !== get("selected")) set("selected", row);
  }

  function setLassoing(on) {
    lassoing = on;
    lassoButton.setAttribute("aria-pressed", on);
    stage.classList.toggle("dx-lassoing", on);
  }

  function setPlaying(on) {
    clearInterval(playing);
    playing = on ? setInterval(nextSnapshot, 1500) : null;
    playButton.textContent = on ? "❚❚" : "▶";
    playButton.setAttribute("aria-pressed", on);
    if (on) nextSnapshot();
  }

  function nextSnapshot() {
    if (get("progress") && !get("progress").startsWith("No ")) return; // a map is still being computed
    const all = get("snapshots");
    set("snapshot", all[(all.indexOf(get("snapshot")) + 1) % all.length]);
  }

  function point(event) {
    const box = stage.getBoundingClientRect();
    return [event.clientX - box.left - stage.clientLeft, event.clientY - box.top - stage.clientTop];
  }

  let drag = null;
  const fingers = new Map(); // where each pointer that is down is, in px
  const on = (node, name, action, options = {}) => node.addEventListener(name, action, { signal, ...options });

  on(stage, "pointerdown", (event) => {
    if (event.button || event.target.closest("button")) return;
    const at = point(event);
    stage.setPointerCapture(event.pointerId);
    fingers.set(event.pointerId, at);
    if (fingers.size > 1 && drag) { // a pinch from now on, neither a click nor a lasso
      map.lasso = null;
      drag.moved = true;
      return;
    }
    drag = { start: at, last: at, moved: false };
    if (event.shiftKey || lassoing) map.lasso = [at];
  });

  on(stage, "pointermove", (event) => {
    const at = point(event);
    if (!drag) return hover(event.target.closest("button") ? null : at);
    if (fingers.size > 1) return pinch(event.pointerId, at);
    drag.moved ||= Math.hypot(at[0] - drag.start[0], at[1] - drag.start[1]) > CLICK_PX;
    if (map.lasso) {
      map.lasso.push(at);
      map.draw();
    } else if (drag.moved) {
      hideTip();
      map.marks.hover = null;
      stage.classList.add("dx-dragging");
      map.pan(at[0] - drag.last[0], at[1] - drag.last[1]);
    }
    drag.last = at;
  });

  on(stage, "pointerup", (event) => {
    fingers.delete(event.pointerId);
    if (!drag) return;
    if (fingers.size) { // the finger that stays goes on dragging
      [drag.last] = fingers.values();
      return;
    }
    const { moved } = drag;
    if (map.lasso && moved) {
      const rows = map.inside(map.lasso);
      set("selection", rows);
      say(`${rows.length} pictures selected.`);
    } else if (!moved) {
      select(map.hit(...point(event)));
    }
    endDrag();
    setLassoing(false);
  });

  // Two fingers: the map goes with their middle, and grows with the gap between them.
  function pinch(finger, at) {
    const before = grip();
    fingers.set(finger, at);
    const after = grip();
    hideTip();
    map.pan(after.at[0] - before.at[0], after.at[1] - before.at[1]);
    map.zoom(after.gap / before.gap, ...after.at);
  }

  function grip() {
    const [a, b] = fingers.values();
    return { at: [(a[0] + b[0]) / 2, (a[1] + b[1]) / 2], gap: Math.max(1, Math.hypot(a[0] - b[0], a[1] - b[1])) };
  }

  function endDrag() {
    fingers.clear();
    drag = map.lasso = null;
    stage.classList.remove("dx-dragging");
    map.draw();
  }
  on(stage, "pointercancel", endDrag);
  on(stage, "pointerleave", () => { if (!drag) hover(null); });

  function hover(at) {
    const row = at && map.hit(...at);
    stage.classList.toggle("dx-over", row !== null);
    if (row === null) hideTip();
    else showTip(row, ...at);
    if (map.marks.hover !== row) {
      map.marks.hover = row;
      map.draw();
    }
  }

  // A wheel over a map that nobody has touched scrolls the notebook, as it does everywhere else.
  on(stage, "wheel", (event) => {
    if (!event.ctrlKey && !event.metaKey && !stage.contains(document.activeElement)) return;
    event.preventDefault();
    event.stopPropagation();
    const lines = event.deltaMode === 1 ? 16 : 1;
    map.zoom(Math.exp(clamp(-event.deltaY * lines, [-200, 200]) / 400), ...point(event));
    hideTip();
  }, { passive: false });

  const DIRECTIONS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
  const KEYS = {
    Enter: () => select(map.marks.focus ?? get("selected")),
    " ": () => toggle(map.marks.focus),
    "+": () => map.zoom(1.5),
    "=": () => map.zoom(1.5),
    "-": () => map.zoom(1 / 1.5),
    0: () => map.fit(),
    Home: () => map.fit(),
    "/": () => search.focus(),
    Escape: takeBack,
  };

  on(stage, "keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target !== stage) return;
    const direction = DIRECTIONS[event.key];
    if (direction) focusOn(map.next(map.marks.focus ?? get("selected"), direction));
    else if (KEYS[event.key]) KEYS[event.key]();
    else return;
    event.preventDefault();
    event.stopPropagation(); // JupyterLab would go to the next cell
  });

  function focusOn(row) {
    if (row === null) return;
    map.marks.focus = row;
    map.reveal(row);
    map.draw();
    showTip(row, ...map.toScreen(row));
    say(describe(row));
  }

  function toggle(row) {
    if (row === null) return;
    const rows = get("selection");
    set("selection", rows.includes(row) ? rows.filter((other) => other !== row) : [...rows, row]);
  }

  // One thing at a time, the latest kind first.
  function takeBack() {
    hideTip();
    if (map.lasso) endDrag();
    else if (lassoing) setLassoing(false);
    else if (search.value || chosenGroups.size) {
      search.value = "";
      chosenGroups.clear();
      filter();
      showColoring();
    } else if (get("selected") !== null) set("selected", null);
    else set("selection", []);
  }

  on(stage, "focus", () => { map.focused = stage.matches(":focus-visible"); map.draw(); });
  on(stage, "blur", () => { map.focused = false; hideTip(); map.draw(); });
  on(stage, "keydown", (event) => { map.focused = event.target === stage; }, { capture: true });
  on(search, "input", filter);
  on(search, "keydown", (event) => {
    event.stopPropagation();
    if (event.key === "Escape") takeBack();
    if (event.key === "Enter" && map.matching?.size) {
      const rows = [...map.matching];
      const next = rows[(rows.indexOf(get("selected")) + 1) % rows.length];
      select(next);
      map.reveal(next);
    }
  });
  on(slider, "input", () => set("snapshot", get("snapshots")[slider.value]));

  function filter() {
    const wanted = search.value.trim().toLowerCase();
    const { values } = get("coloring");
    const rows = names.map((_, i) => i)
      .filter((i) => lower[i].includes(wanted) && (!chosenGroups.size || chosenGroups.has(values[i])));
    const all = !wanted && !chosenGroups.size;
    found.textContent = wanted ? `${rows.length} found` : "";
    if (wanted) say(`${rows.length} of ${names.length} pictures found.`);
    map.setMatching(all ? null : new Set(rows));
  }

  // What is shown.

  function showColoring() {
    const { names: groups, colors, sizes } = get("coloring");
    map.setColoring(get("coloring"));
    colorBy.value = get("color_by");
    legend.replaceChildren(...groups.map((name, i) => {
      const swatch = make("span", { class: isRing(i) ? "dx-swatch dx-ring" : "dx-swatch", style: `--dx-group: ${colors[i]}` });
      return make("button", {
        type: "button", "aria-pressed": chosenGroups.has(i), title: `Show only ${name}`, onclick: () => {
          if (!chosenGroups.delete(i)) chosenGroups.add(i);
          filter();
          legend.children[i].setAttribute("aria-pressed", chosenGroups.has(i));
        },
      }, swatch, name, make("span", { class: "dx-count" }, String(sizes[i])));
    }));
  }

  function showFinding() {
    finding.textContent = get("finding");
    stage.setAttribute("aria-label", `Map of pictures. ${get("finding")}`);
    for (const choice of methods.children) {
      choice.setAttribute("aria-pressed", choice.dataset.method === get("method"));
    }
  }

  function showProgress() {
    const text = get("progress");
    progress.hidden = !text;
    progress.replaceChildren(make("span", { class: "dx-spinner", "aria-hidden": "true" }), text);
    progress.classList.toggle("dx-failed", text.startsWith("No "));
  }

  function showSnapshots() {
    const all = get("snapshots");
    snapshots.hidden = all.length < 2;
    slider.max = all.length - 1;
    slider.value = all.indexOf(get("snapshot"));
    slider.setAttribute("aria-valuetext", get("snapshot"));
    shownSnapshot.textContent = get("snapshot");
  }

  function showNear() {
    const [row, pairs] = [get("selected"), get("neighbours")];
    map.marks.selected = row;
    map.marks.neighbours = row === null ? [] : pairs.map(([other]) => other);
    map.draw();
    near.hidden = row === null;
    hint.hidden = row !== null || get("selection").length > 0;
    if (row === null) return;
    const head = make("div", { class: "dx-head" }, thumbnail(row, 56),
      make("div", {}, make("b", {}, titleOf(names[row])), make("span", {}, noteOf(row))));
    const thumbs = make("div", { class: "dx-thumbs" },
      ...pairs.map(([other, cosine]) => thumbnail(other, 48, cosine.toFixed(2))));
    near.replaceChildren(head, make("div", { class: "dx-body" },
      make("div", { class: "dx-title" }, "Nearest by cosine of the features, which need not be nearest on the map"), thumbs));
    if (pairs.length) say(`${describe(row)}. Most alike: ${pairs.slice(0, 3).map(([other]) => titleOf(names[other])).join(", ")}.`);
  }

  function showSelection() {
    const rows = get("selection");
    map.marks.selection = new Set(rows);
    map.draw();
    lassoed.hidden = !rows.length;
    hint.hidden = get("selected") !== null || rows.length > 0;
    const more = rows.length > MANY ? [make("span", { class: "dx-more" }, `and ${rows.length - MANY} more`)] : [];
    lassoed.replaceChildren(make("div", { class: "dx-body" },
      make("div", { class: "dx-title" }, `${rows.length} selected `, make("code", {}, ".selection"), " ",
        button("Clear", "Clear the selection", () => set("selection", []))),
      make("div", { class: "dx-thumbs" }, ...rows.slice(0, MANY).map((row) => thumbnail(row, 36)), ...more)));
  }

  methods.append(...get("methods").map((name) =>
    make("button", { type: "button", "data-method": name, onclick: () => set("method", name) }, name.toUpperCase())));
  methods.hidden = get("methods").length < 2;

  const shows = {
    places: () => { hideTip(); map.setPlaces(floats(get("places"))); },
    coloring: () => { chosenGroups.clear(); filter(); showColoring(); },
    finding: showFinding, method: showFinding, progress: showProgress, snapshots: showSnapshots,
    snapshot: showSnapshots, neighbours: showNear, selected: showNear, selection: showSelection,
  };
  for (const [name, show] of Object.entries(shows)) model.on(`change:${name}`, show);

  const theme = new MutationObserver(() => {
    map.readTheme();
    setTimeout(() => map.readTheme(), 300); // the theme's style sheet may come after the attribute
  });
  for (const node of [document.body, document.documentElement])
    theme.observe(node, { attributes: true, attributeFilter: ["data-jp-theme-light", "data-jp-theme-name", "theme", "class"] });
  const size = new ResizeObserver(() => {
    if (!stage.clientWidth) return;
    if (!map.theme) map.readTheme();
    map.resize(stage.clientWidth, stage.clientHeight);
  });
  size.observe(stage);

  sheetUrl = blobUrl(get("sheet"));
  const image = new Image();
  image.onload = () => map.setSheet(image);
  image.src = sheetUrl;
  for (const show of new Set(Object.values(shows))) show();

  return () => {
    ended.abort();
    theme.disconnect();
    size.disconnect();
    clearInterval(playing);
    clearTimeout(timer);
    cancelAnimationFrame(map.request);
    for (const [name, show] of Object.entries(shows)) model.off(`change:${name}`, show);
    model.off("msg:custom", gotPicture);
    for (const url of [sheetUrl, ...large.values()]) URL.revokeObjectURL(url);
  };
}

export default { render };
