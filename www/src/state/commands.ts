// The exact command lines that carry a plan out elsewhere.
import { t } from '../texts/handover'
import { command, shellQuoted } from './shell'

/** What is carried out, and who approves it. */
export interface Handed {
  /** The base name of its files. */
  name: string
  digest: string
  /** Empty until the client is known. The commands then use `$RUN`, and the shell stops if it is not set. */
  runId: string
  /** Empty until somebody is named. The command then uses `$APPROVER`, and the shell stops if it is not set. */
  approver: string
  /** Whether there is a policy. The commands name its file, as other holds may have been added by then. */
  policy: boolean
  /** Whether the policy wants a second person to approve. A file put into the bucket names none, so that way is then left out. */
  secondPerson: boolean
}

type Step = [name: string, text: string]

/** Each command with its name, ready for the shell. */
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
