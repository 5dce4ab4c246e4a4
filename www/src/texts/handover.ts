// Texts of the hand-over: files and commands.
import { t as page } from './page'

export const t = {
  ...page,
  handOver: {
    help: 'Save the plan file, have it approved by its digest, and carry it out where the credentials are. If the plan file changes, so does its digest, and nothing is sent.',
    noPlan: 'There is nothing to hand over while findings stop the plan.',
    approver: 'Who approves it',
    someone: 'dpo@example.com',
    nobody: 'Without a name there is no event, and the command stops and asks for one.',
    later: 'policy.json is the policy in force when the command runs, wherever it is kept. Holds that were added after the approval count only through it: nothing that they keep is started, and it is read again right before each deletion.',
    files: 'Files',
    plan: 'Plan file',
    request: 'Request',
    policy: 'Policy',
    event: 'Event for the planner',
    local: 'On one machine',
    simulate: 'Rehearse it, deleting nothing',
    carryOut: 'Carry it out',
    verify: 'Check its evidence',
    noRun: 'Until you enter the client id, the commands need the run’s name in $RUN; the run prints it.',
    verifyHelp: (tenant: string) => `The folder is named after the plan and the tenant, here ${tenant}. Elsewhere, and without credentials, it has another name: the one that the run printed.`,
    aws: 'On AWS',
    awsHelp: 'Nothing runs there without policy.json in the bucket: the policy in force, with every hold added since.',
    byUpload: 'Carry it out in one of two ways: invoke the planner, or put the plan file into the bucket. Anyone who can write to the bucket can approve.',
    byInvoking: 'Invoke the planner: this policy requires a second person to approve, and a file in the bucket names nobody.',
    find: 'Find the stack’s function and bucket',
    invoke: 'Invoke the planner with the event',
    put: 'Or put the plan file into the bucket',
    status: 'Check its status',
  },
}
