// How a plan is carried out elsewhere: the exact command lines.
import { t } from '../texts'
import { command } from './shell'

/** Each with its name, ready for the shell. */
export function commands(name: string, digest: string, runId: string, approvedBy: string): { local: [string, string][]; aws: [string, string][] } {
  const plan = `${name}.plan.json`
  const output = (key: string): string =>
    `$(${command('aws', 'cloudformation', 'describe-stacks', '--stack-name', 'genesys-purge', '--query', `Stacks[0].Outputs[?OutputKey==\`${key}\`].OutputValue`, '--output', 'text')})`
  const invoke = (payload: string): string =>
    command('aws', 'lambda', 'invoke', '--function-name', { raw: '"$PLANNER"' }, '--cli-binary-format', 'raw-in-base64-out', '--payload', payload, '/dev/stdout')
  return {
    local: [
      [t.handOver.simulate, command('genesys-purge', 'simulate', plan)],
      [t.handOver.carryOut, command('genesys-purge', 'run', plan, '--approve', digest, '--approver', approvedBy)],
      [t.handOver.verify, command('genesys-purge', 'verify', `genesys-purge-data/evidence/${runId}`)],
    ],
    aws: [
      [t.handOver.find, `PLANNER=${output('PlannerFunction')}\nPLANS=${output('PlansBucket')}`],
      [t.handOver.invoke, invoke(`file://${name}.event.json`)],
      [t.handOver.put, command('aws', 's3', 'cp', plan, { raw: '"s3://$PLANS/plans/"' })],
      [t.handOver.status, invoke(JSON.stringify({ action: 'status', runId }))],
    ],
  }
}
