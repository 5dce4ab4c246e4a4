// Four requests to start from. They are files of the repository.
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
  // The hold names two conversations: one is in the simulated tenant of a rehearsal of exactly this request, the other in that of
  // the command line. The chunk of their day stops.
  { name: t.examples.conversation, request: held, policy: heldPolicy },
]
