// Which option of a list is chosen. Written after the options are there, and each time: what a person chose stays in a list whatever
// `selected` says afterwards.
import { nothing } from 'lit-html'
import { directive, Directive, PartType, type ChildPart, type PartInfo } from 'lit-html/directive.js'

class SelectValue extends Directive {
  constructor(part: PartInfo) {
    super(part)
    if (part.type !== PartType.CHILD) throw new Error('chosen stands behind the options')
  }

  render(_value: string): unknown {
    return nothing
  }

  override update(part: ChildPart, [value]: [string]): unknown {
    const list = part.parentNode as HTMLSelectElement
    if (list.value !== value) list.value = value
    return nothing
  }
}

/** To be put behind the options: `<select>${options}${chosen(value)}</select>`. */
export const selectValue = directive(SelectValue)
