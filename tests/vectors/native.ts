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

/** A build of the native program. */
export interface Build {
  /** Its folder under the root. */
  target: string
  flags: readonly string[]
}

/** As it is released. */
export const RELEASED: Build = { target: 'target', flags: [] }

/** The same, without the instructions that processors have for SHA-256, and wasm has not. */
export const WITHOUT_SHA: Build = {
  target: 'target/without-sha',
  flags: ['--config', 'build.rustflags=["--cfg","sha2_backend=\\"soft\\""]'],
}

/** Builds the native program. */
export function build({ target, flags }: Build = RELEASED): void {
  const what = ['build', '--quiet', '--locked', '--release', '-p', 'purge-wasm', '--example', 'digests']
  execFileSync('cargo', [...what, '--target-dir', target, ...flags], { cwd: ROOT, stdio: 'inherit' })
}

/** Plans every line natively. */
export function answer(lines: readonly string[], { target }: Build = RELEASED): Answers {
  const input = `${lines.join('\n')}\n`
  const done = spawnSync(`${ROOT}${target}/release/examples/digests`, { input, encoding: 'utf8', maxBuffer: 1 << 26 })
  return { answers: done.stdout.trimEnd().split('\n'), ms: Number(done.stderr) }
}
