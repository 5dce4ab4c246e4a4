// What the vectors are compared with outside of Rust: the files, and what the native program says of generated plans.
import { execFileSync, spawnSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import type { Answers } from './generated'
import type { VectorFile } from './replay'

const ROOT = new URL('../../', import.meta.url).pathname

/** The folders that the wasm package can decide. */
export const KINDS = ['plans', 'runs', 'logs'] as const

/** The files of a folder, by their names. */
export function filesOf(kind: (typeof KINDS)[number]): [name: string, file: VectorFile][] {
  const folder = `${ROOT}tests/vectors/${kind}/`
  return readdirSync(folder).map((name) => [`${kind}/${name}`, JSON.parse(readFileSync(folder + name, 'utf8')) as VectorFile])
}

/** Builds the native program. */
export function build(): void {
  const what = ['build', '--quiet', '--locked', '--release', '-p', 'purge-wasm', '--example', 'digests']
  execFileSync('cargo', what, { cwd: ROOT, stdio: 'inherit' })
}

/** Plans every line natively. */
export function answer(lines: readonly string[]): Answers {
  const input = `${lines.join('\n')}\n`
  const done = spawnSync(`${ROOT}target/release/examples/digests`, { input, encoding: 'utf8', maxBuffer: 1 << 26 })
  return { answers: done.stdout.trimEnd().split('\n'), ms: Number(done.stderr) }
}
