// A place to sign with finger, pen or mouse. Strokes are kept as numbers relative to the width, so that turning the
// tablet loses nothing, and the image is drawn from them at a size of its own: the same strokes give the same image.
const WIDTH = 1200;
const HEIGHT = 450;
const UNITS = 10000; // the width of the pad
const FINE = 32;
const BROAD = 66;
const SMALLEST = 300; // what is smaller in both directions is a slip, not a signature
const PEN_RULES_MS = 1500;

export function createPad(canvas, changed) {
  const context = canvas.getContext("2d");
  let strokes = [];
  let stroke = null;
  let pointer = null;
  let penAt = -PEN_RULES_MS;
  let last = null;

  function fit() {
    const ratio = window.devicePixelRatio || 1;
    const width = Math.round(canvas.clientWidth * ratio);
    const height = Math.round(canvas.clientHeight * ratio);
    if (!width || (canvas.width === width && canvas.height === height)) return;
    canvas.width = width;
    canvas.height = height;
    redraw();
  }

  function redraw() {
    context.clearRect(0, 0, canvas.width, canvas.height);
    paint(context, stroke ? [...strokes, stroke] : strokes, canvas.width);
  }

  function point(event) {
    const box = canvas.getBoundingClientRect();
    const scale = UNITS / box.width;
    const x = Math.round((event.clientX - box.left) * scale);
    const y = Math.round((event.clientY - box.top) * scale);
    let broad;
    if (event.pointerType === "pen" && event.pressure > 0) {
      broad = FINE + (BROAD - FINE) * Math.min(1, event.pressure * 1.3);
    } else if (last) {
      const speed = Math.hypot(x - last.x, y - last.y) / Math.max(1, event.timeStamp - last.at);
      broad = last.broad * 0.7 + (BROAD - (BROAD - FINE) * Math.min(1, speed / 25)) * 0.3;
    } else {
      broad = (FINE + BROAD) / 2;
    }
    last = { x, y, broad, at: event.timeStamp };
    return [x, y, Math.round(broad)];
  }

  canvas.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    const pen = event.pointerType === "pen";
    if (pen) penAt = event.timeStamp;
    // A hand that rests on the glass is no finger: the first pointer counts, and a pen before any hand.
    if (pointer !== null && !(pen && pointer.type === "touch")) return;
    if (event.pointerType === "touch" && event.timeStamp - penAt < PEN_RULES_MS) return;
    event.preventDefault();
    pointer = { id: event.pointerId, type: event.pointerType };
    canvas.setPointerCapture(event.pointerId);
    last = null;
    stroke = [point(event)];
    redraw();
  });

  canvas.addEventListener("pointermove", (event) => {
    if (event.pointerType === "pen") penAt = event.timeStamp;
    if (pointer?.id !== event.pointerId) return;
    const events = event.getCoalescedEvents?.() ?? [];
    for (const each of events.length ? events : [event]) {
      const next = point(each);
      const before = stroke[stroke.length - 1];
      if (Math.hypot(next[0] - before[0], next[1] - before[1]) < 8) continue;
      stroke.push(next);
      paintPart(context, stroke, stroke.length - 1, canvas.width);
    }
  });

  const end = (event) => {
    if (pointer?.id !== event.pointerId) return;
    strokes.push(stroke);
    stroke = pointer = null;
    redraw();
    changed();
  };
  canvas.addEventListener("pointerup", end);
  canvas.addEventListener("pointercancel", end);
  new ResizeObserver(fit).observe(canvas);
  fit();

  return {
    get strokes() { return strokes; },
    set strokes(given) { strokes = given; redraw(); changed(); },
    get touched() { return strokes.length > 0; },
    get signed() { return isSignature(strokes); },
    undo() { strokes = strokes.slice(0, -1); redraw(); changed(); },
    clear() { strokes = []; redraw(); changed(); },
    image() { return imageOf(strokes); },
  };
}

function isSignature(strokes) {
  const points = strokes.flat();
  if (!points.length) return false;
  const span = (n) => points.reduce((most, p) => Math.max(most, p[n]), -Infinity) - points.reduce((least, p) => Math.min(least, p[n]), Infinity);
  return Math.max(span(0), span(1)) >= SMALLEST;
}

function imageOf(strokes) {
  const canvas = document.createElement("canvas");
  canvas.width = WIDTH;
  canvas.height = HEIGHT;
  const context = canvas.getContext("2d");
  context.fillStyle = "#fff";
  context.fillRect(0, 0, WIDTH, HEIGHT);
  paint(context, strokes, WIDTH);
  return new Promise((done) => canvas.toBlob(done, "image/png"));
}

function paint(context, strokes, width) {
  for (const stroke of strokes) {
    for (let n = 0; n < stroke.length; n += 1) paintPart(context, stroke, n, width);
    paintEnd(context, stroke, width);
  }
}

function paintPart(context, stroke, n, width) {
  const scale = width / UNITS;
  const [x, y, broad] = stroke[n];
  context.lineCap = context.lineJoin = "round";
  context.strokeStyle = context.fillStyle = "#000";
  if (n === 0) {
    context.beginPath();
    context.arc(x * scale, y * scale, (broad * scale) / 2, 0, 7);
    context.fill();
    return;
  }
  const [bx, by] = stroke[n - 1];
  const [ax, ay] = stroke[Math.max(0, n - 2)];
  context.lineWidth = broad * scale;
  context.beginPath();
  context.moveTo(((ax + bx) / 2) * scale, ((ay + by) / 2) * scale);
  context.quadraticCurveTo(bx * scale, by * scale, ((bx + x) / 2) * scale, ((by + y) / 2) * scale);
  context.stroke();
}

function paintEnd(context, stroke, width) {
  if (stroke.length < 2) return;
  const scale = width / UNITS;
  const [[ax, ay], [x, y, broad]] = stroke.slice(-2);
  context.lineWidth = broad * scale;
  context.beginPath();
  context.moveTo(((ax + x) / 2) * scale, ((ay + y) / 2) * scale);
  context.lineTo(x * scale, y * scale);
  context.stroke();
}
