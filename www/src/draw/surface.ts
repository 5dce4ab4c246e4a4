// A canvas with the resolution of the screen, and the theme's colours for it.

export interface Surface {
  context: CanvasRenderingContext2D
  width: number
  height: number
}

/** The cleared canvas, in CSS pixels; null while it has no size. */
export function prepareSurface(canvas: HTMLCanvasElement): Surface | null {
  const { clientWidth, clientHeight } = canvas
  const context = canvas.getContext('2d')
  if (!context || clientWidth < 1 || clientHeight < 1) return null
  const scale = devicePixelRatio || 1
  const width = Math.round(clientWidth * scale)
  const height = Math.round(clientHeight * scale)
  if (canvas.width !== width || canvas.height !== height) {
    canvas.width = width
    canvas.height = height
  }
  context.setTransform(scale, 0, 0, scale, 0, 0)
  context.clearRect(0, 0, clientWidth, clientHeight)
  context.font = '12px system-ui, sans-serif'
  context.textBaseline = 'middle'
  return { context, width: clientWidth, height: clientHeight }
}

const forced = matchMedia('(forced-colors: active)')

/** Outlines a filled area in forced-colours mode, where a plain fill may look like the background. */
export function drawEdge(context: CanvasRenderingContext2D, left: number, top: number, width: number, height: number): void {
  if (!forced.matches || width < 3) return
  context.strokeStyle = colour('ink')
  context.lineWidth = 1
  context.strokeRect(left + 0.5, top + 0.5, width - 1, height - 1)
}

const colours = new Map<string, string>()
let coloursFor = ''

/** The theme's variable of that name. Reading it makes the browser lay out the page, so each is read once per theme. */
export function colour(name: string): string {
  const now = `${document.documentElement.dataset['theme'] ?? ''} ${forced.matches}`
  if (now !== coloursFor) {
    colours.clear()
    fills.clear()
    coloursFor = now
  }
  let found = colours.get(name)
  if (found === undefined) {
    found = getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim()
    colours.set(name, found)
  }
  return found
}

export type Pattern = 'plain' | 'stripes' | 'dots' | 'back' | 'cross'

const fills = new Map<string, string | CanvasPattern>()

/** A fill that differs from others by its pattern and not only by its colour. */
export function fill(context: CanvasRenderingContext2D, ground: string, ink: string, pattern: Pattern): string | CanvasPattern {
  const [back, front] = [colour(ground), colour(ink)]
  if (pattern === 'plain') return back
  const key = `${back} ${front} ${pattern}`
  const made = fills.get(key) ?? tile(context, back, front, pattern)
  fills.set(key, made)
  return made
}

function tile(context: CanvasRenderingContext2D, ground: string, ink: string, pattern: Pattern): string | CanvasPattern {
  const square = document.createElement('canvas')
  square.width = 8
  square.height = 8
  const brush = square.getContext('2d')
  if (!brush) return ground
  brush.fillStyle = ground
  brush.fillRect(0, 0, 8, 8)
  brush.strokeStyle = ink
  brush.fillStyle = ink
  brush.lineWidth = 1.5
  const line = (x0: number, y0: number, x1: number, y1: number): void => {
    brush.beginPath()
    brush.moveTo(x0, y0)
    brush.lineTo(x1, y1)
    brush.stroke()
  }
  if (pattern === 'stripes' || pattern === 'cross') {
    line(-2, 10, 10, -2)
    line(-2, 2, 2, -2)
    line(6, 10, 10, 6)
  }
  if (pattern === 'back' || pattern === 'cross') {
    line(-2, -2, 10, 10)
    line(6, -2, 10, 2)
    line(-2, 6, 2, 10)
  }
  if (pattern === 'dots') {
    brush.fillRect(1, 1, 2, 2)
    brush.fillRect(5, 5, 2, 2)
  }
  return context.createPattern(square, 'repeat') ?? ground
}
