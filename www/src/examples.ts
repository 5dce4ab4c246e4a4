// Four requests to start from: the ones that the repository has as files.
import held from '../../examples/held-conversation.json?raw'
import heldPolicy from '../../examples/held-conversation-policy.json?raw'
import holds from '../../examples/holds-and-retention.json?raw'
import policy from '../../examples/policy.json?raw'
import q1 from '../../examples/q1-2023.json?raw'
import recordings from '../../examples/year-recording-jobs.json?raw'
import type { Documents } from './state/document'
import { t } from './texts/page'

export interface Example extends Documents {
  name: string
}

export const Q1: Example = { name: t.examples.q1, request: q1, policy: null }

export const examples: Example[] = [
  Q1,
  { name: t.examples.holds, request: holds, policy },
  { name: t.examples.recordings, request: recordings, policy },
  // The simulated tenant of a rehearsal of just this request has one of these conversations, that of the command line the other:
  // the chunk of their day stops.
  { name: t.examples.conversation, request: held, policy: heldPolicy },
]
