// The image viewer: fixed, moving and two methods in three planes, with one cursor in all of them.

function makeViewer(root, views) {
  const part = (name) => root.querySelector(`[data-part="${name}"]`);
  const control = (name) => root.querySelector(`[data-control="${name}"]`);
  const panels = part("panels");
  const narrow = window.matchMedia("(max-width: 700px)").matches;
  const state = { view: 0, a: 0, b: 0, mode: "side", mix: 0.5, planes: narrow ? "2" : "all", plane: 2, cursor: [0, 0, 0], outlines: views[0].outlines, grid: false };
  let layers = []; // of the view, unpacked as they are shown
  let latest = 0;

  const view = () => views[state.view];
  const shape = () => view().layers[0].image.shape;
  const shownPlanes = () => (state.planes === "all" ? [2, 1, 0] : [Number(state.planes)]);
  // What the columns hold: numbers of layers, two of them where A and B share one.
  const columns = () => (state.mode === "side" ? [[0], [1], [state.a], [state.b]] : [[0], [1], [state.a, state.b]]);

  function fillSelect(select, labels, chosen) {
    select.replaceChildren(...labels.map((label, at) => new Option(label, at, false, at === chosen)));
  }

  function chooseView(number) {
    state.view = number;
    layers = [];
    const labels = view().layers.map((layer) => layer.label);
    [state.a, state.b] = [Math.min(2, labels.length - 1), Math.min(3, labels.length - 1)];
    state.cursor = [...view().cursor];
    fillSelect(control("a"), labels, state.a);
    fillSelect(control("b"), labels, state.b);
    part("title").textContent = view().title;
    part("notes").replaceChildren(...view().notes.map((note) => Object.assign(document.createElement("li"), { textContent: note })));
    makeSliders();
    layOut();
  }

  function makeSliders() {
    const rows = [2, 1, 0].map((axis) => {
      const label = document.createElement("label");
      const slider = Object.assign(document.createElement("input"), { type: "range", min: 0, max: shape()[axis] - 1, value: state.cursor[axis] });
      slider.dataset.axis = axis;
      slider.addEventListener("input", () => moveTo(axis, Number(slider.value)));
      label.append(PLANES[axis].name, slider, document.createElement("output"));
      return label;
    });
    part("sliders").replaceChildren(...rows);
  }

  // A panel for each column and plane, of the same scale in all planes.
  function layOut() {
    const extent = (axis) => shape()[axis] * view().spacing[axis];
    const widest = Math.max(...shownPlanes().map((axis) => extent(PLANES[axis].across)));
    panels.style.setProperty("--columns", columns().length);
    panels.dataset.columns = columns().length;
    const made = shownPlanes().flatMap((axis) =>
      columns().map((shown) => {
        const [panel, name, canvas] = ["div", "p", "canvas"].map((tag) => document.createElement(tag));
        const { across, down } = PLANES[axis];
        canvas.style.width = `${(100 * extent(across)) / widest}%`;
        canvas.style.aspectRatio = `${extent(across)} / ${extent(down)}`;
        canvas.setAttribute("role", "img");
        Object.assign(canvas.dataset, { plane: PLANES[axis].name, layers: shown.join(" ") });
        panel.className = "panel";
        panel.append(name, canvas);
        return panel;
      }),
    );
    panels.replaceChildren(...made);
    draw();
  }

  async function draw() {
    const ticket = ++latest;
    const needed = [...new Set([0, 1, ...columns().flat()])];
    await Promise.all(needed.map(async (at) => (layers[at] ??= await readLayer(view().layers[at]))));
    if (ticket !== latest) return;
    for (const canvas of panels.querySelectorAll("canvas")) drawPanel(canvas);
    tell();
    root.dataset.drawn = ticket;
  }

  function drawPanel(canvas) {
    const plane = PLANES.find((each) => each.name === canvas.dataset.plane);
    const shown = canvas.dataset.layers.split(" ").map((at) => layers[at]);
    const below = [...new Set(shown.map(underGrid))];
    const index = state.cursor[plane.normal];
    const cut = (volume) => sliceOf(volume, shape(), plane, index);
    const box = canvas.getBoundingClientRect();
    canvas.width = Math.max(1, Math.round(box.width * window.devicePixelRatio));
    canvas.height = Math.max(1, Math.round(box.height * window.devicePixelRatio));
    const context = canvas.getContext("2d");
    const images = below.map((layer) => cut(layer.image));
    drawGrey(context, images.length > 1 ? combined(...images, state.mode, state.mix) : images[0]);
    if (state.outlines) outline(context, below, cut);
    if (state.grid) shown.filter((layer) => layer.lattice).forEach((layer) => drawGrid(context, layer, view(), plane, index));
    drawCross(context, shape(), plane, state.cursor);
    drawEdges(context, plane);
    const names = shown.map((layer) => layer.label).join(" and ");
    canvas.setAttribute("aria-label", `${names}, ${plane.name} slice ${index}`);
    name(canvas.previousElementSibling, shown, `${plane.name} ${index}`, plane === PLANES[state.plane]);
  }

  // A field's grid lies in the moving image, and is drawn over that one.
  function underGrid(layer) {
    return state.grid && layer.lattice && layer !== layers[0] ? layers[1] : layer;
  }

  function outline(context, shown, cut) {
    const colours = shown[0] === layers[0] ? [OUTLINES.fixed] : [OUTLINES.own, OUTLINES.second];
    const own = shown.map((layer, at) => [layer, colours[at]]);
    if (shown[0] !== layers[0]) own.unshift([layers[0], OUTLINES.fixed]);
    own.filter(([layer]) => layer.labels).forEach(([layer, colour], at) => drawOutlines(context, cut(layer.labels), colour, at > 1 ? [3, 2] : []));
  }

  function name(line, shown, where, active) {
    const swatches = shown.filter((layer) => layer.colour).map((layer) => {
      const swatch = Object.assign(document.createElement("span"), { className: "swatch" });
      swatch.style.background = layer.colour;
      return swatch;
    });
    const told = shown.map((layer) => (underGrid(layer) === layer ? layer.label : `${layer.label}: grid over moving`));
    const strong = Object.assign(document.createElement("strong"), { textContent: told.join(" + ") });
    line.replaceChildren(...swatches, strong, ` ${where}`);
    line.classList.toggle("active", active);
  }

  // Where the cross is, and what is there.
  function tell() {
    const at = state.cursor;
    const step = strides(shape());
    const voxel = at[0] * step[0] + at[1] * step[1] + at[2] * step[2];
    const mm = at.map((index, axis) => (view().origin[axis] + index * view().spacing[axis]).toFixed(1));
    const found = [...new Set(columns().flat())].map((number) => {
      const layer = layers[number];
      const label = layer.labels ? `, label ${layer.labels[voxel]}` : "";
      return `${layer.label} ${(layer.image[voxel] / 255).toFixed(2)}${label}`;
    });
    part("readout").textContent = `At L ${mm[0]}, P ${mm[1]}, S ${mm[2]} mm: ${found.join("; ")}`;
    for (const slider of part("sliders").querySelectorAll("input")) {
      slider.value = at[slider.dataset.axis];
      slider.nextElementSibling.textContent = slider.value;
    }
    const outlines = layers[0].labels ? `Outlines: yellow, the fixed labels; cyan, the labels of the image itself${state.mode === "side" ? "" : "; pink, B's"}.` : "No labels in this task.";
    part("legend").textContent = `${outlines} Grid: where the field takes the lines of the fixed grid, within the plane, over the moving image in which that is; over the fixed image the lines as they are.`;
  }

  function moveTo(axis, index) {
    state.cursor[axis] = clamp(index, shape()[axis]);
    draw();
  }

  function change(name, value) {
    state[name] = value;
    if (name === "planes" && value !== "all") state.plane = Number(value);
    const shown = control(name);
    if (shown.type === "checkbox") shown.checked = value;
    else shown.value = name === "mix" ? 100 * value : value;
    root.querySelector('[data-for="blend"]').hidden = state.mode !== "blend";
    if (name === "outlines" || name === "grid" || name === "mix") draw();
    else layOut();
  }

  function turn(name, step) {
    const count = view().layers.length;
    change(name, (state[name] + step + count) % count);
  }

  function nextPlane() {
    state.plane = (state.plane + 2) % 3;
    if (state.planes === "all") draw();
    else change("planes", String(state.plane));
  }

  const screen = (axis, step) => () => moveTo(axis(), state.cursor[axis()] + step());
  const across = () => PLANES[state.plane].across;
  const down = () => PLANES[state.plane].down;
  const downwards = () => (PLANES[state.plane].flipped ? -1 : 1);
  const normal = () => PLANES[state.plane].normal;
  const modes = ["side", "blend", "checker"];
  const keys = {
    ArrowLeft: screen(across, () => -1),
    ArrowRight: screen(across, () => 1),
    ArrowUp: screen(down, () => -downwards()),
    ArrowDown: screen(down, downwards),
    PageUp: screen(normal, () => 1),
    PageDown: screen(normal, () => -1),
    p: nextPlane,
    a: () => turn("a", 1),
    A: () => turn("a", -1),
    b: () => turn("b", 1),
    B: () => turn("b", -1),
    m: () => change("mode", modes[(modes.indexOf(state.mode) + 1) % modes.length]),
    l: () => change("outlines", !state.outlines),
    g: () => change("grid", !state.grid),
  };

  panels.addEventListener("keydown", (event) => {
    const act = keys[event.key] ?? keys[event.key.toLowerCase()];
    if (!act || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    act();
  });
  // Only with the slices in focus: who scrolls past them scrolls the page.
  panels.addEventListener(
    "wheel",
    (event) => {
      const canvas = event.target.closest("canvas");
      if (!canvas || document.activeElement !== panels) return;
      event.preventDefault();
      const { normal: axis } = PLANES.find((plane) => plane.name === canvas.dataset.plane);
      moveTo(axis, state.cursor[axis] - Math.sign(event.deltaY));
    },
    { passive: false },
  );
  const point = (event) => {
    const canvas = event.target.closest("canvas");
    if (!canvas || !(event.buttons & 1)) return;
    const box = canvas.getBoundingClientRect();
    state.plane = PLANES.findIndex((plane) => plane.name === canvas.dataset.plane);
    const share = [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
    state.cursor = fromCanvas(share, shape(), PLANES[state.plane], state.cursor);
    draw();
  };
  panels.addEventListener("pointerdown", point);
  panels.addEventListener("pointermove", point);

  control("view").addEventListener("change", (event) => chooseView(Number(event.target.value)));
  for (const select of ["a", "b"]) control(select).addEventListener("change", (event) => change(select, Number(event.target.value)));
  for (const select of ["mode", "planes"]) control(select).addEventListener("change", (event) => change(select, event.target.value));
  for (const box of ["outlines", "grid"]) control(box).addEventListener("change", (event) => change(box, event.target.checked));
  control("mix").addEventListener("input", (event) => change("mix", event.target.value / 100));
  new ResizeObserver(() => draw()).observe(panels);

  control("planes").value = state.planes;
  control("outlines").checked = state.outlines;
  fillSelect(control("view"), views.map((each) => each.task), 0);
  chooseView(0);
}

const viewerHead = document.getElementById("viewer-head");
if (viewerHead) makeViewer(document.querySelector(".viewer"), JSON.parse(viewerHead.textContent));
