// How a plan is carried out elsewhere: the exact command lines.
import { t } from '../texts/handover'
import { command, shellQuoted } from './shell'

/** What is carried out, and on whose word. */
export interface Handed {
  /** What its files are named after. */
  name: string
  digest: string
  /** Empty, as long as the client is not known: a shell asks for it then. */
  runId: string
  /** Nobody, as long as nobody has been named: a shell refuses the command then. */
  approver: string
  /** Whether there is a policy, which may have got other holds by then. */
  policy: boolean
  /** Whether whoever asks may not approve: then nobody approves by putting a file somewhere. */
  secondPerson: boolean
}

type Step = [name: string, text: string]

/** Each with its name, ready for the shell. */
export function commands({ name, digest, runId, approver, policy, secondPerson }: Handed): { local: Step[]; aws: Step[] } {
  const plan = `${name}.plan.json`
  const inForce = policy ? ['--policy', 'policy.json'] : []
  const approvedBy = approver === '' ? { raw: '"${APPROVER:?}"' } : approver
  const run = runId === '' ? '"${RUN:?}"' : shellQuoted(runId)
  const status = runId === '' ? { raw: `'{"action":"status","runId":"'${run}'"}'` } : JSON.stringify({ action: 'status', runId })
  const output = (key: string): string =>
    `$(${command('aws', 'cloudformation', 'describe-stacks', '--stack-name', 'genesys-purge', '--query', `Stacks[0].Outputs[?OutputKey==\`${key}\`].OutputValue`, '--output', 'text')})`
  const invoke = (payload: string | { raw: string }): string =>
    command('aws', 'lambda', 'invoke', '--function-name', { raw: '"$PLANNER"' }, '--cli-binary-format', 'raw-in-base64-out', '--payload', payload, '/dev/stdout')
  return {
    local: [
      [t.handOver.simulate, command('genesys-purge', 'simulate', plan)],
      [t.handOver.carryOut, command('genesys-purge', 'run', plan, ...inForce, '--approve', digest, '--approver', approvedBy)],
      [t.handOver.verify, command('genesys-purge', 'verify', { raw: `genesys-purge-data/evidence/${run}` })],
    ],
    aws: [
      [t.handOver.find, `PLANNER=${output('PlannerFunction')}\nPLANS=${output('PlansBucket')}`],
      [t.handOver.invoke, invoke(`file://${name}.event.json`)],
      ...(secondPerson ? [] : [[t.handOver.put, command('aws', 's3', 'cp', plan, { raw: '"s3://$PLANS/plans/"' })] satisfies Step]),
      [t.handOver.status, invoke(status)],
    ],
  }
}
