// The lanes of a rehearsal or a watched run: the canvas, its buttons, and in words what is under the pointer or cursor.
import { html, type TemplateResult } from 'lit-html'
import type { Chart, ChartEvents } from '../draw/chart'
import { clockBy, instant, length, localTime } from '../format'
import type { Bar } from '../state/tracks'
import { t } from '../texts/runs'

interface Section {
  title: string
  label: string
  /** The directive that receives the canvas. */
  canvasAt: unknown
  /** The id of the line of words. */
  readout: string
  chart: () => Chart | null
}

export function chartSection({ title, label, canvasAt, readout, chart }: Section): TemplateResult {
  return html`<section class="gantt" aria-labelledby="gantt-title">
    <header class="bar"><h2 id="gantt-title">${title}</h2>
      <ul class="legend">${(['check', 'submit', 'delete', 'verify', 'wait'] as const).map((phase) => html`<li class="phase-${phase}">${t.rehearse.phases[phase]}</li>`)}</ul>
      <span class="group">
        <button type="button" class="plain" aria-label=${t.timeline.further} @click=${() => chart()?.zoom(2)}>−</button>
        <button type="button" class="plain" aria-label=${t.timeline.closer} @click=${() => chart()?.zoom(0.5)}>+</button>
        <button type="button" class="plain" @click=${() => chart()?.fit()}>${t.timeline.fit}</button>
      </span>
    </header>
    <canvas ${canvasAt} tabindex="0" role="slider" aria-label=${label} aria-describedby="gantt-keys" aria-valuemin="0" aria-valuemax="0" aria-valuenow="0"></canvas>
    <p class="readout" id=${readout}></p>
    <p class="sr" id="gantt-keys">${t.rehearse.ganttKeys}</p>
  </section>`
}

/** A bar in words. */
const barText = (bar: Bar, at: number): string =>
  t.rehearse.bar(bar.chunk, t.rehearse.phases[bar.phase], t.rehearse.whys[bar.why] ?? t.rehearse.states[bar.why] ?? bar.why, clockBy(bar.from, at), length(Math.max(bar.to - bar.from, 1)))

/**
 * Writes what is there into the line of words and, for screen readers, onto the canvas: in words, and in seconds since the
 * beginning.
 */
export function readoutWriter(canvas: HTMLCanvasElement, readout: string, now: () => number): ChartEvents['read'] {
  return (at, bar, [from, to]) => {
    const second = Math.floor(at / 1000) * 1000
    const time = `${instant(second)} UTC`
    const text = bar ? `${time} · ${barText(bar, at)}` : at > now() ? `${time} · ${t.rehearse.toCome}` : `${time} · ${localTime(new Date(second).toISOString())}`
    const line = document.getElementById(readout)
    if (line && line.textContent !== text) line.textContent = text
    const since = (time: number): string => String(Math.max(Math.floor(time / 1000) - Math.floor(from / 1000), 0))
    const values = { 'aria-valuenow': since(at), 'aria-valuemax': since(Math.max(to, at)), 'aria-valuetext': text }
    for (const [name, value] of Object.entries(values)) if (canvas.getAttribute(name) !== value) canvas.setAttribute(name, value)
  }
}
