// What people paste: counts and rows. Many formats are accepted, values are read strictly, and every unread line is listed.
import { execFileSync } from 'node:child_process'
import { expect, test } from '@playwright/test'
import { readCounts } from '../../www/src/state/counts'
import { readRows } from '../../www/src/state/rows'
import { placeOf } from '../../www/src/state/pointer'
import { command, shellQuoted } from '../../www/src/state/shell'
import { spreadCounts } from '../../www/src/state/volume'
import { commands } from '../../www/src/state/commands'

const DAY = 86_400_000
const JAN = Date.UTC(2023, 0, 1)
const two = [
  { from: JAN, to: JAN + DAY, count: 1204 },
  { from: JAN + DAY, to: JAN + 2 * DAY, count: 998 },
]

for (const [name, text] of [
  ['CSV with a heading', 'day,count\n2023-01-01,1204\n2023-01-02,998\n'],
  ['CSV without one, in any order of lines', '2023-01-02,998\r\n2023-01-01,1204'],
  ['a byte order mark, semicolons, other columns', '\uFEFFqueue;Date;Conversations\nsales;2023-01-01;1204\nsales;2023-01-02;998'],
  ['a spreadsheet’s tabs and separated thousands', 'Day\tTotal\n2023-01-01\t1,204\n2023-01-02\t998'],
  ['quoted cells', '"day","count"\n"2023-01-01","1,204"\n"2023-01-02","998"'],
  ['days written with dots', '01.01.2023;1204\n02.01.2023;998'],
  ['spaces', '2023-01-01 1204\n2023-01-02 998'],
  ['a JSON object', '{"2023-01-01": 1204, "2023-01-02": 998}'],
  ['JSON pairs', '[["2023-01-01", 1204], ["2023-01-02", "998"]]'],
  ['JSON rows', '{"rows": [{"date": "2023-01-01", "count": 1204}, {"date": "2023-01-02", "count": 998}]}'],
  [
    'the answer of an aggregate query',
    JSON.stringify({
      results: [
        { group: { mediaType: 'voice' }, data: [{ interval: '2023-01-01T00:00:00.000Z/2023-01-02T00:00:00.000Z', metrics: [{ metric: 'nConversations', stats: { count: 1200 } }] }] },
        {
          group: { mediaType: 'chat' },
          data: [
            { interval: '2023-01-01T00:00:00.000Z/2023-01-02T00:00:00.000Z', metrics: [{ metric: 'nConversations', stats: { count: 4 } }] },
            { interval: '2023-01-02T00:00:00.000Z/2023-01-03T00:00:00.000Z', metrics: [{ metric: 'nConversations', stats: { count: 998 } }] },
          ],
        },
      ],
    }),
  ],
] as const) {
  test(`counts: ${name}`, () => {
    const { buckets, unread } = readCounts(text)
    expect(unread).toEqual([])
    expect(buckets).toEqual(two)
  })
}

test('hourly counts last until the next one; months have their own length', () => {
  expect(readCounts('2023-01-01T00:00Z,1\n2023-01-01T01:00Z,2\n2023-01-01T04:00+01:00,3').buckets).toEqual([
    { from: JAN, to: JAN + DAY / 24, count: 1 },
    { from: JAN + DAY / 24, to: JAN + DAY / 12, count: 2 },
    { from: JAN + DAY / 8, to: JAN + DAY / 6, count: 3 },
  ])
  expect(readCounts('2023-01,1\n2023-02,2').buckets.map(({ from, to }) => (to - from) / DAY)).toEqual([31, 28])
})

test('a line that is not a count is listed with its number and the reason', () => {
  const { buckets, unread } = readCounts(
    'day,count\n2023-01-01,1204\n03/04/2023,5\n2023-02-30,5\nsoon,5\n2023-01-02,-1\n2023-01-03,1.5\n2023-01-04,\n2023-01-05,1e3\n2023-01-01T05:00Z,7\n2023-01-02,998',
  )
  expect(buckets).toEqual(two)
  expect(unread.map(({ line, why }) => [line, why])).toEqual([
    [3, 'day or month first? write 2023-01-31'],
    [4, 'the time cannot be read: write 2023-01-31 or 2023-01-31T05:00Z'],
    [5, 'the time cannot be read: write 2023-01-31 or 2023-01-31T05:00Z'],
    [6, 'the count is not a whole number of 0 or more'],
    [7, 'the count is not a whole number of 0 or more'],
    [8, 'there is no count'],
    [9, 'the count is not a whole number of 0 or more'],
    [10, 'its time overlaps that of another line'],
  ])
  expect(readCounts('[1, 2').unread).toHaveLength(1)
  expect(readCounts('').buckets).toEqual([])
})

test('counts are divided by time, and only undivided ones are exact', () => {
  const plan = {
    starts: Float64Array.of(JAN, JAN + DAY, JAN + 1.5 * DAY, JAN + 2 * DAY),
    ends: Float64Array.of(JAN + DAY, JAN + 1.5 * DAY, JAN + 2 * DAY, JAN + 3 * DAY),
    dispositions: Uint8Array.of(0, 1, 0, 0),
  }
  const { records, exact, inChunks, kept, inChunksExact } = spreadCounts(plan, two)
  expect([...records]).toEqual([1204, 499, 499, Number.NaN])
  expect([...exact]).toEqual([1, 0, 0, 0])
  expect({ inChunks, kept, inChunksExact }).toEqual({ inChunks: 1703, kept: 499, inChunksExact: false })
})

test('rows of a spreadsheet become holds and rules; core checks their values', () => {
  expect(readRows('LH-1\t2023-02-10\t2023-02-17\tDoe, v. X\tmessage recording', 'holds')).toEqual({
    kind: 'holds',
    rows: [{
      id: 'LH-1', matter: 'Doe, v. X', recordTypes: ['message', 'recording'],
      range: { start: '2023-02-10T00:00:00.000Z', end: '2023-02-17T00:00:00.000Z' },
    }],
    unread: [],
  })
  const csv = readRows('To,Hold ID,From\n2023-02-17,LH-1,2023-02-10\n,LH-2,soon\na,b,c,d', 'retention')
  expect(csv.kind).toBe('holds')
  expect(csv.rows).toEqual([
    { id: 'LH-1', range: { start: '2023-02-10T00:00:00.000Z', end: '2023-02-17T00:00:00.000Z' } },
    { id: 'LH-2', range: { start: 'soon' } },
  ])
  expect(csv.unread.map(({ line }) => line)).toEqual([4])
  expect(readRows('types;days;basis\nmessage,recording;1095;7b', 'holds')).toEqual({
    kind: 'retention', rows: [{ recordTypes: ['message', 'recording'], minAgeDays: 1095, basis: '7b' }], unread: [],
  })
  expect(readRows('{"retention": [], "holds": [{"id": "x"}]}', 'holds').rows).toEqual([{ id: 'x' }])
  expect(readRows('[{"id": "x"', 'holds').unread).toHaveLength(1)
})

test('words quoted for the shell arrive unchanged', () => {
  const words = ['plain', 'two words', "it's", '$HOME', '`id`', '"', '\\', '', 'ünï', '*', 'a;b', '{"a":1}', '-n', "''"]
  const echoed = execFileSync('sh', ['-c', command('printf', '%s\\n', ...words)], { encoding: 'utf8' })
  expect(echoed.split('\n').slice(0, -1)).toEqual(words)
  expect(shellQuoted('a.plan.json')).toBe('a.plan.json')
})

const handed = { name: "it's", digest: 'sha256:00', runId: 'run-1', approver: "D'Arcy; rm -rf /", policy: false, secondPerson: false }

/** The arguments that the command for carrying the plan out passes to the program. */
function argumentsOf(more: Partial<typeof handed>): string[] {
  const [, text] = commands({ ...handed, ...more }).local[1] ?? ['', '']
  const told = execFileSync('sh', ['-c', text.replace(/^genesys-purge/, "printf '%s\\n'")], { encoding: 'utf8', stdio: 'pipe' })
  return told.trimEnd().split('\n')
}

test('every command line is valid in a shell', () => {
  const { local, aws } = commands({ ...handed, policy: true })
  for (const [, text] of [...local, ...aws, ...commands({ ...handed, runId: '' }).aws]) execFileSync('sh', ['-n', '-c', text])
  expect(argumentsOf({})).toEqual(['run', "it's.plan.json", '--approve', 'sha256:00', '--approver', "D'Arcy; rm -rf /"])
})

test('a plan with a policy is carried out under the policy in force at that time', () => {
  expect(argumentsOf({ policy: true })).toEqual(
    ['run', "it's.plan.json", '--policy', 'policy.json', '--approve', 'sha256:00', '--approver', "D'Arcy; rm -rf /"],
  )
})

test('commands ask for the name of the run while it is unknown', () => {
  const [, verify] = commands({ ...handed, runId: '' }).local[2] ?? ['', '']
  const told = (env: Record<string, string>): string =>
    execFileSync('sh', ['-c', verify.replace(/^genesys-purge/, 'echo')], { encoding: 'utf8', stdio: 'pipe', env }).trim()
  expect(() => told({})).toThrow(/RUN/)
  expect(told({ RUN: 'run-7' })).toBe('verify genesys-purge-data/evidence/run-7')
})

test('a command without an approver’s name stops', () => {
  expect(() => argumentsOf({ approver: '' })).toThrow(/APPROVER/)
  expect(commands(handed).aws).toHaveLength(4)
  const names = commands({ ...handed, secondPerson: true }).aws.map(([name]) => name)
  expect(names, 'a file in the bucket names no approver').not.toContain('Or put the plan file into the bucket')
  expect(names).toHaveLength(3)
})

test('a pointer leads to its place in the text, or to the nearest enclosing one', () => {
  const text = '{ "a": [1, {"b": "x, ]}\\" y"}], "c/d": {"e": null}, "f" : -1.5e3 }'
  const at = (pointer: string): string | null => {
    const place = placeOf(text, pointer)
    return place && text.slice(...place)
  }
  expect(at('#')).toBe(text)
  expect(at('#/a/0')).toBe('1')
  expect(at('#/a/1/b')).toBe('"x, ]}\\" y"')
  expect(at('#/c~1d/e')).toBe('null')
  expect(at('policy#/f')).toBe('-1.5e3')
  expect(at('#/a/7')).toBe('[1, {"b": "x, ]}\\" y"}]')
  expect(at('#/missing')).toBe(text)
  for (const broken of ['', '{', '{"a"', '{"a": [1, ', '"', '{"\\q": 1}']) expect(() => placeOf(broken, '#/a/0')).not.toThrow()
})
