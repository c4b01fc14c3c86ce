// Arrays of the page: gzip in base64, unpacked when they are first looked at.

const ARRAYS = { uint8: Uint8Array, uint16: Uint16Array, int16: Int16Array };
const unpacked = new Map();

async function unpack(head) {
  const packed = Uint8Array.from(atob(document.getElementById(head.name).textContent), (c) => c.charCodeAt(0));
  const stream = new Response(packed).body.pipeThrough(new DecompressionStream("gzip"));
  return new ARRAYS[head.kind](await new Response(stream).arrayBuffer());
}

// A promise of the typed array that `head` ({name, kind, shape}) describes; of null where there is none.
function readVolume(head) {
  if (!head) return Promise.resolve(null);
  if (!unpacked.has(head.name)) unpacked.set(head.name, unpack(head));
  return unpacked.get(head.name);
}

// A layer with its arrays: {label, colour, shape, image, labels, lattice, latticeShape}.
async function readLayer(layer) {
  const roles = [layer.image, layer.labels, layer.lattice];
  const [image, labels, lattice] = await Promise.all(roles.map(readVolume));
  return { label: layer.label, colour: layer.colour, shape: layer.image.shape, image, labels, lattice, latticeShape: layer.lattice?.shape };
}
