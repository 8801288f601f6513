// The class of every pixel of a palette PNG. A canvas would return colours, which can be equal.
async function readMask(png) {
  const bytes = new Uint8Array(await png.arrayBuffer()), view = new DataView(bytes.buffer);
  const width = view.getUint32(16), height = view.getUint32(20), packed = [];
  for (let at = 8; at < bytes.length;) {
    const size = view.getUint32(at), kind = String.fromCharCode(...bytes.subarray(at + 4, at + 8));
    if (kind === "IDAT") packed.push(bytes.subarray(at + 8, at + 8 + size));
    at += size + 12;
  }
  const unpacked = new Blob(packed).stream().pipeThrough(new DecompressionStream("deflate"));
  const rows = new Uint8Array(await new Response(unpacked).arrayBuffer());
  const index = new Uint8Array(width * height);
  for (let y = 0; y < height; y++) {
    const filter = rows[y * (width + 1)], at = y * width;
    for (let x = 0; x < width; x++) {
      const left = x ? index[at + x - 1] : 0, up = y ? index[at + x - width] : 0;
      const corner = x && y ? index[at + x - width - 1] : 0;
      const guess = [0, left, up, (left + up) >> 1, paeth(left, up, corner)][filter];
      index[at + x] = rows[y * (width + 1) + 1 + x] + guess;
    }
  }
  return {width, height, index};
}

function paeth(left, up, corner) {
  const a = Math.abs(up - corner), b = Math.abs(left - corner);
  const c = Math.abs(left + up - 2 * corner);
  return a <= b && a <= c ? left : b <= c ? up : corner;
}
