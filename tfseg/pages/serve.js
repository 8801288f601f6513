// The server's page: sends images to the server and shows their masks.
"use strict";

const $ = id => document.getElementById(id);
const SHADE = [0, 0, 0, 153];  // over all other classes when a single one is shown
let info = null;      // answer of /info
let image = null;     // canvas: the image, upright
let mask = null;      // {width, height, index: class of every pixel, or bits of its classes}
let chosen = null;    // the single class to show
let stream = null;    // the camera's stream
let turn = 0;         // counts images; answers to older ones are dropped

class Said extends Error {}  // with a message for the user

// Requests to the server

function headers() {
  const token = sessionStorage.getItem("token");
  return token ? {Authorization: `Bearer ${token}`} : {};
}

async function ask(path, options = {}) {
  let answer;
  try {
    answer = await fetch(path, {...options, headers: {...headers(), ...options.headers}});
  } catch {
    throw new Said("The server does not answer. Is it still running?");
  }
  if (answer.ok) return answer;
  if (answer.status === 401) {
    $("token-form").hidden = false;
    $("token").focus();
    throw new Said(headers().Authorization ? "That token is not the server's."
      : "This server asks for a token.");
  }
  if (answer.status === 503)
    throw new Said(`The server has too much to do; try again in ${
      answer.headers.get("Retry-After") || "a few"} s.`);
  const body = await answer.json().catch(() => ({}));
  throw new Said(`The server refused (${answer.status}): ${body.error || answer.statusText}`);
}

async function connect() {
  info = await (await ask("info")).json();
  $("token-form").hidden = true;
  $("model").textContent = document.title = info.model;
  const network = info.network && info.network !== info.model ? `${info.network}, ` : "";
  $("about").textContent = `${network}version ${info.version}, ${info.classes.length} classes` +
    (info.dataset ? ` of ${info.dataset}` : "");
  chosen = null;
  $("legend").replaceChildren(...info.classes.map((_, i) => entry(i)));
}

// Whether a mask's value includes a class.
function has(value, number) {
  return info.task === "multilabel" ? value >> number & 1 : value === number;
}

function classesOf(value) {
  return info.classes.map((_, i) => i).filter(i => has(value, i));
}

// Image input

async function open(file) {
  stopCamera();
  await attempt(async () => {
    let bitmap;
    try {
      bitmap = await createImageBitmap(file, {imageOrientation: "from-image"});
    } catch {
      throw new Said(`${file.name || "This"} is not an image that the browser can read.`);
    }
    const name = (file.name || "image").replace(/\.[^.]*$/, "");
    const asIs = ["image/jpeg", "image/png", "image/webp"].includes(file.type);
    await look(bitmap, name, asIs ? file : null);
  });
}

// Sends a bitmap (as `file`, if that is small enough) and shows its mask.
async function look(bitmap, name, file) {
  const mine = ++turn;
  if (!info) await connect();
  const shrink = Math.min(1, Math.sqrt(info.max_pixels / (bitmap.width * bitmap.height)));
  const seen = document.createElement("canvas");
  seen.width = Math.max(1, Math.floor(bitmap.width * shrink));
  seen.height = Math.max(1, Math.floor(bitmap.height * shrink));
  seen.getContext("2d").drawImage(bitmap, 0, 0, seen.width, seen.height);
  if (shrink < 1 || !file || file.size > info.max_bytes)
    file = await new Promise(made => seen.toBlob(made, "image/jpeg", .92));
  if (!stream) {
    show(seen, null);
    say("The network labels the image …");
  }
  const start = performance.now();
  const answer = await ask("segment", {method: "POST", body: file,
    headers: {"Content-Type": file.type}});
  const png = await answer.blob();
  const took = performance.now() - start;
  const found = await readMask(png);
  if (mine !== turn) return;
  if (answer.headers.get("X-Model-Version") !== String(info.version)) await connect();
  show(seen, found);
  const network = /network;dur=([\d.]+)/.exec(answer.headers.get("Server-Timing"));
  $("timing").textContent = `${seen.width} × ${seen.height} pixels in ${took.toFixed(0)} ms` +
    (network ? `, ${Number(network[1]).toFixed(0)} ms of it in the network` : "");
  offer(png, name);
  if (!stream)
    say(shrink < 1 ? `Labelled at ${seen.width} × ${seen.height}, as large as the server takes.`
      : "Labelled.");
}

function offer(png, name) {
  URL.revokeObjectURL($("download").href);
  $("download").href = URL.createObjectURL(png);
  $("download").download = `${name}-mask.png`;
  $("download").hidden = false;
}

// Display

function show(seen, found) {
  image = seen;
  mask = found;
  $("hint").hidden = true;
  $("canvas").hidden = false;
  $("stage").classList.add("filled");
  $("panel").hidden = !mask;
  $("download").hidden = !mask;
  $("timing").textContent = "";
  if (mask) list();
  draw();
}

function draw() {
  const canvas = $("canvas"), context = canvas.getContext("2d");
  canvas.width = image.width;
  canvas.height = image.height;
  canvas.style.setProperty("--ratio", image.width / image.height);
  context.drawImage(image, 0, 0);
  if (!mask) return;
  const table = new Uint32Array(256), bytes = new Uint8Array(table.buffer);
  for (let value = 0; value < 256; value++) {
    const found = classesOf(value), shown = found.includes(chosen) ? [chosen] : found;
    const other = chosen !== null && !found.includes(chosen);
    if (other && (found.length || info.task === "multilabel")) bytes.set(SHADE, 4 * value);
    else if (shown.length && !other) bytes.set([...mean(shown), 255], 4 * value);
  }
  const layer = document.createElement("canvas");
  layer.width = mask.width;
  layer.height = mask.height;
  const pixels = new ImageData(mask.width, mask.height);
  const words = new Uint32Array(pixels.data.buffer);
  for (let i = 0; i < words.length; i++) words[i] = table[mask.index[i]];
  layer.getContext("2d").putImageData(pixels, 0, 0);
  context.imageSmoothingEnabled = false;
  context.globalAlpha = $("opacity").value / 100;
  context.drawImage(layer, 0, 0, canvas.width, canvas.height);
}

// The mean colour of several classes.
function mean(numbers) {
  return [0, 1, 2].map(channel =>
    numbers.reduce((sum, i) => sum + info.colors[i][channel], 0) / numbers.length);
}

// Shares of the classes, largest first. While the camera runs, their order stays.
function list() {
  const values = new Uint32Array(256), counts = new Uint32Array(256);
  for (const value of mask.index) values[value]++;
  values.forEach((count, value) => count && classesOf(value).forEach(i => counts[i] += count));
  if (chosen !== null && !counts[chosen] && !stream) isolate(chosen);
  const items = [...$("legend").children];
  for (const item of items) {
    const share = counts[item.value] / mask.index.length;
    item.hidden = !share && (item.hidden || !stream);
    item.querySelector(".share").textContent =
      share > 0 && share < .001 ? "< 0.1 %" : `${(100 * share).toFixed(1)} %`;
    item.querySelector(".bar").style.width = `${100 * share}%`;
  }
  if (!stream)
    $("legend").append(...items.sort((a, b) => counts[b.value] - counts[a.value]));
  const unseen = items.filter(item => item.hidden).map(item => info.classes[item.value]);
  $("unseen").textContent = unseen.length ? `Not in this image: ${unseen.join(", ")}.` : "";
}

function entry(number) {
  const item = document.createElement("li"), button = document.createElement("button");
  const color = `rgb(${info.colors[number]})`;
  for (const kind of ["swatch", "name", "share", "bar"]) {
    const part = document.createElement("span");
    part.className = kind;
    if (kind === "name") part.textContent = info.classes[number];
    if (kind === "swatch" || kind === "bar") part.style.background = color;
    button.append(part);
  }
  item.value = number;
  item.hidden = true;
  button.type = "button";
  button.title = "Show this class alone";
  button.setAttribute("aria-pressed", false);
  button.addEventListener("click", () => isolate(number));
  item.append(button);
  return item;
}

// Shows a single class, or all classes if it was already the only one.
function isolate(number) {
  chosen = chosen === number ? null : number;
  for (const item of $("legend").children)
    item.firstChild.setAttribute("aria-pressed", chosen === item.value);
  say(chosen === null ? "All classes are shown." : `${info.classes[chosen]} alone is shown.`);
  draw();
}

// The camera: one frame after another, as fast as answers arrive

async function startCamera() {
  if (!navigator.mediaDevices?.getUserMedia)
    throw new Said("The browser gives the camera only to pages from localhost or https.");
  try {
    stream = await navigator.mediaDevices.getUserMedia({video: {facingMode: "environment"}});
  } catch (error) {
    const why = {NotAllowedError: "The browser was not allowed to use the camera.",
      NotFoundError: "There is no camera."}[error.name];
    throw new Said(why || `The camera cannot be used: ${error.message}`);
  }
  $("video").srcObject = stream;
  await $("video").play();
  $("camera").textContent = "Stop the camera";
  say("The camera runs.");
  for (const mine = stream; stream === mine;) {
    const frame = await createImageBitmap($("video"));
    if (stream === mine) await look(frame, "camera", null);
  }
}

function stopCamera() {
  if (!stream) return;
  stream.getTracks().forEach(track => track.stop());
  stream = null;
  turn++;  // drops the answer to the frame in flight
  $("camera").textContent = "Camera";
  say("The camera is off.");
}

// Messages

function say(text) {
  $("status").textContent = text;
}

async function attempt(work) {
  $("error").hidden = true;
  try {
    await work();
  } catch (error) {
    stopCamera();
    $("error").textContent = error instanceof Said ? error.message
      : `Something went wrong on this page: ${error.message}`;
    $("error").hidden = false;
    say("");
  }
}

$("file").addEventListener("change", event => {
  const [file] = event.target.files;
  if (file) open(file);
  event.target.value = "";  // so that the same file can be chosen again
});
$("camera").addEventListener("click", () => stream ? stopCamera() : attempt(startCamera));
$("opacity").addEventListener("input", event => {
  $("percent").textContent = `${event.target.value} %`;
  draw();
});
$("canvas").addEventListener("click", event => {
  if (!mask) return;
  const box = event.target.getBoundingClientRect();
  const x = Math.floor((event.clientX - box.left) / box.width * mask.width);
  const y = Math.floor((event.clientY - box.top) / box.height * mask.height);
  const [found] = classesOf(mask.index[y * mask.width + x]);
  if (found !== undefined) isolate(found);
});
$("token-form").addEventListener("submit", event => {
  event.preventDefault();
  sessionStorage.setItem("token", $("token").value);
  attempt(connect);
});
for (const kind of ["dragover", "dragleave", "drop"])
  document.addEventListener(kind, event => {
    event.preventDefault();
    $("stage").classList.toggle("over", kind === "dragover");
    if (kind === "drop" && event.dataTransfer.files.length) open(event.dataTransfer.files[0]);
  });
attempt(connect);
