// Sets the selected option of a list, after its options have been rendered and at every render: once a user has chosen one, the
// `selected` attribute no longer has any effect.
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

/** Goes after the options: `<select>${options}${selectValue(value)}</select>`. */
export const selectValue = directive(SelectValue)
