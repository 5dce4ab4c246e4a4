// A canvas that is as sharp as the screen, and the colours of the theme for it.

export interface Surface {
  context: CanvasRenderingContext2D
  width: number
  height: number
}

/** The canvas, cleared, in CSS pixels; null while it has no size. */
export function surface(canvas: HTMLCanvasElement): Surface | null {
  const box = canvas.getBoundingClientRect()
  const context = canvas.getContext('2d')
  if (!context || box.width < 1 || box.height < 1) return null
  const scale = devicePixelRatio || 1
  const width = Math.round(box.width * scale)
  const height = Math.round(box.height * scale)
  if (canvas.width !== width || canvas.height !== height) {
    canvas.width = width
    canvas.height = height
  }
  context.setTransform(scale, 0, 0, scale, 0, 0)
  context.clearRect(0, 0, box.width, box.height)
  return { context, width: box.width, height: box.height }
}

export function colour(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim()
}

export type Pattern = 'plain' | 'stripes' | 'dots' | 'back' | 'cross'

/** A fill that differs from others by its pattern, not by its colour alone. */
export function fill(context: CanvasRenderingContext2D, ground: string, ink: string, pattern: Pattern): string | CanvasPattern {
  if (pattern === 'plain') return ground
  const tile = document.createElement('canvas')
  tile.width = 8
  tile.height = 8
  const brush = tile.getContext('2d')
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
  return context.createPattern(tile, 'repeat') ?? ground
}
