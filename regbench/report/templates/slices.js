// Slices and what is drawn over them. Arrays are in C order, (left, posterior, superior): a plane is normal to one axis,
// another runs across the screen and the third down it, or up it.

const PLANES = [
  { name: "sagittal", normal: 0, across: 1, down: 2, flipped: true, edges: ["A", "P", "S", "I"] },
  { name: "coronal", normal: 1, across: 0, down: 2, flipped: true, edges: ["R", "L", "S", "I"] },
  { name: "axial", normal: 2, across: 0, down: 1, flipped: false, edges: ["R", "L", "A", "P"] },
];
const OUTLINES = { fixed: "#FFF03C", own: "#00FFFF", second: "#FF78E1" }; // as in regbench/figures/colours.py
const STEP_MM = 1 / 8; // of a stored displacement, as in regbench/report/layers.py

function strides(shape) {
  return [shape[1] * shape[2], shape[2], 1];
}

// One slice of a volume as rows from the top: {width, height, values}.
function sliceOf(volume, shape, plane, index) {
  const step = strides(shape);
  const [width, height] = [shape[plane.across], shape[plane.down]];
  const values = new volume.constructor(width * height);
  for (let row = 0; row < height; row++) {
    const down = plane.flipped ? height - 1 - row : row;
    let at = index * step[plane.normal] + down * step[plane.down];
    for (let column = 0; column < width; column++, at += step[plane.across]) values[row * width + column] = volume[at];
  }
  return { width, height, values };
}

// What stands for two images in one place: `mix` of the second, or squares of one and the other.
function combined(a, b, mode, mix) {
  const square = Math.max(2, Math.round(a.width / 8));
  const values = a.values.map((value, at) => {
    if (mode === "blend") return Math.round((1 - mix) * value + mix * b.values[at]);
    const [column, row] = [at % a.width, Math.floor(at / a.width)];
    return (Math.floor(column / square) + Math.floor(row / square)) % 2 ? b.values[at] : value;
  });
  return { ...a, values };
}

function drawGrey(context, slice) {
  const picture = new ImageData(slice.width, slice.height);
  const pixels = new Uint32Array(picture.data.buffer);
  slice.values.forEach((value, at) => (pixels[at] = 0xff000000 | (value * 0x010101)));
  const small = new OffscreenCanvas(slice.width, slice.height);
  small.getContext("2d").putImageData(picture, 0, 0);
  context.imageSmoothingQuality = "high";
  context.drawImage(small, 0, 0, context.canvas.width, context.canvas.height);
}

// Lines between neighbours of different labels; what is below them shows through.
function drawOutlines(context, slice, colour, dash = []) {
  const { width, height, values } = slice;
  const [x, y] = [context.canvas.width / width, context.canvas.height / height];
  context.beginPath();
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < width; column++) {
      const here = values[row * width + column];
      if (column + 1 < width && here !== values[row * width + column + 1]) {
        context.moveTo((column + 1) * x, row * y);
        context.lineTo((column + 1) * x, (row + 1) * y);
      }
      if (row + 1 < height && here !== values[(row + 1) * width + column]) {
        context.moveTo(column * x, (row + 1) * y);
        context.lineTo((column + 1) * x, (row + 1) * y);
      }
    }
  }
  context.globalAlpha = 0.6;
  stroke(context, colour, 1.2, dash);
  context.globalAlpha = 1;
}

// The fixed grid's lines where the field takes them in the moving image, within the plane; of a plane between lattice points, the nearest one's.
function drawGrid(context, layer, view, plane, index) {
  const [size, step] = [layer.latticeShape.slice(1), strides(layer.latticeShape.slice(1))];
  const depth = Math.min(size[plane.normal] - 1, Math.round(index / view.every[plane.normal]));
  const place = (axis, point, at) => {
    const moved = (layer.lattice[axis * size[0] * size[1] * size[2] + at] * STEP_MM) / view.spacing[axis];
    return point * view.every[axis] + moved + 0.5;
  };
  const [x, y] = [context.canvas.width / layer.shape[plane.across], context.canvas.height / layer.shape[plane.down]];
  const line = (along, other, fixed) => {
    for (let n = 0; n < size[along]; n++) {
      const at = depth * step[plane.normal] + n * step[along] + fixed * step[other];
      const [u, v] = along === plane.across ? [n, fixed] : [fixed, n];
      const down = place(plane.down, v, at);
      const point = [place(plane.across, u, at) * x, (plane.flipped ? layer.shape[plane.down] - down : down) * y];
      if (n) context.lineTo(...point);
      else context.moveTo(...point);
    }
  };
  context.beginPath();
  for (const [along, other] of [[plane.across, plane.down], [plane.down, plane.across]]) {
    for (let fixed = 0; fixed < size[other]; fixed++) line(along, other, fixed);
  }
  stroke(context, "rgba(120, 255, 120, 0.6)", 1);
}

function drawCross(context, shape, plane, cursor) {
  const { width, height } = context.canvas;
  const [x, y] = toCanvas(context.canvas, shape, plane, cursor);
  context.beginPath();
  context.moveTo(x, 0);
  context.lineTo(x, height);
  context.moveTo(0, y);
  context.lineTo(width, y);
  stroke(context, "rgba(255, 80, 80, 0.85)", 1);
}

function drawEdges(context, plane) {
  const { width, height } = context.canvas;
  const size = 11 * window.devicePixelRatio;
  context.fillStyle = "rgba(255, 255, 255, 0.75)";
  context.font = `${size}px sans-serif`;
  context.textBaseline = "middle";
  context.textAlign = "center";
  const places = [[size * 0.7, height / 2], [width - size * 0.7, height / 2], [width / 2, size * 0.7], [width / 2, height - size * 0.7]];
  places.forEach(([x, y], at) => context.fillText(plane.edges[at], x, y));
}

function stroke(context, colour, width, dash = []) {
  context.lineWidth = width * window.devicePixelRatio;
  context.setLineDash(dash.map((part) => part * window.devicePixelRatio));
  context.strokeStyle = colour;
  context.stroke();
}

// The middle of a voxel on a canvas, in its own pixels.
function toCanvas(canvas, shape, plane, voxel) {
  const down = plane.flipped ? shape[plane.down] - 1 - voxel[plane.down] : voxel[plane.down];
  return [((voxel[plane.across] + 0.5) * canvas.width) / shape[plane.across], ((down + 0.5) * canvas.height) / shape[plane.down]];
}

// The voxel under a point of a canvas, given in shares of its width and height.
function fromCanvas(share, shape, plane, cursor) {
  const voxel = [...cursor];
  const down = plane.flipped ? 1 - share[1] : share[1];
  voxel[plane.across] = clamp(Math.floor(share[0] * shape[plane.across]), shape[plane.across]);
  voxel[plane.down] = clamp(Math.floor(down * shape[plane.down]), shape[plane.down]);
  return voxel;
}

function clamp(value, size) {
  return Math.max(0, Math.min(size - 1, value));
}
