/** Elements made by code, and lists of them that keep what stays. */

/** An element with a class and what stands in it. */
export function el<Name extends keyof HTMLElementTagNameMap>(
  name: Name,
  className = '',
  ...children: (Node | string)[]
): HTMLElementTagNameMap[Name] {
  const element = document.createElement(name)
  if (className !== '') element.className = className
  element.append(...children)
  return element
}

export interface Row<Item> {
  element: HTMLElement
  update: (item: Item) => void
}

/** A list that shows items: an element stays for as long as its item does, so that focus and selection stay too. */
export class KeyedList<Item> {
  readonly #list: HTMLElement
  readonly #keyOf: (item: Item) => string
  readonly #make: (item: Item) => Row<Item>
  readonly #rows = new Map<string, Row<Item>>()

  constructor(list: HTMLElement, { keyOf, make }: { keyOf: (item: Item) => string; make: (item: Item) => Row<Item> }) {
    this.#list = list
    this.#keyOf = keyOf
    this.#make = make
  }

  show(items: readonly Item[]): void {
    const keys = new Set(items.map(this.#keyOf))
    for (const [key, { element }] of this.#rows) {
      if (keys.has(key)) continue
      element.remove()
      this.#rows.delete(key)
    }
    items.forEach((item, at) => {
      const key = this.#keyOf(item)
      let row = this.#rows.get(key)
      if (!row) {
        row = this.#make(item)
        this.#rows.set(key, row)
      }
      row.update(item)
      if (this.#list.children[at] !== row.element) this.#list.insertBefore(row.element, this.#list.children[at] ?? null)
    })
  }
}
