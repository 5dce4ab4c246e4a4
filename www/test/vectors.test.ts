// The shared vectors, replayed in Node.
import { expect, test } from 'vitest'
import { filesOf, KINDS } from '../../tests/vectors/native'
import { decide } from '../../tests/vectors/replay'
import * as purge from '../pkg/node/purge.js'

for (const kind of KINDS) {
  const files = filesOf(kind)
  test(`there are vectors of ${kind}`, () => expect(files.flatMap(([, file]) => file.cases).length).toBeGreaterThan(10))
  for (const [name, file] of files) {
    const decided = decide(purge, kind, file)
    for (const [place, one] of file.cases.entries()) {
      test(`${name}: ${one.name}`, () => expect(decided[place]).toEqual(one.expect))
    }
  }
}
