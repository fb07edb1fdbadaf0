/** JSON schemas as Python: objects become TypedDicts, the rest aliases. Python 3.9 without further packages can read it. */

type JsonSchema = Record<string, unknown>

export class PythonTypes {
  readonly names: string[] = []
  /** Name by form: a nameless part that looks like a named one takes its name. */
  readonly #known = new Map<string, string>()
  readonly #forms = new Map<string, string>()
  #text = ''

  get text(): string {
    return this.#text.trimStart()
  }

  /** Adds a schema, after the ones it refers to. @throws Error when a name stands for two things */
  add(name: string, root: object): void {
    const { $schema: _, $defs = {}, ...schema } = root as JsonSchema & { $defs?: Record<string, JsonSchema> }
    if (schema.$ref === `#/$defs/${name}`) this.#named(name, $defs)
    else this.#define(name, schema, $defs)
  }

  #named(name: string, defs: Record<string, JsonSchema>): string {
    const schema = defs[name]
    if (!schema) throw new Error(`nothing is called ${name}`)
    this.#define(name, schema, defs)
    return name
  }

  #define(name: string, schema: JsonSchema, defs: Record<string, JsonSchema>): void {
    const form = formOf(schema)
    const before = this.#forms.get(name)
    if (before !== undefined) {
      if (withoutRequired(before) !== withoutRequired(form)) throw new Error(`${name} is two different things`)
      return
    }
    this.#forms.set(name, form)
    if (!this.#known.has(form)) this.#known.set(form, name)
    const body = isObject(schema) ? this.#typedDict(name, schema, defs) : this.#alias(name, schema, defs)
    this.names.push(name)
    this.#text += body
  }

  #alias(name: string, schema: JsonSchema, defs: Record<string, JsonSchema>): string {
    const type = this.#unnamed(name, schema, defs)
    const line = `${name} = ${type}`
    return `\n\n${line.length <= LINE ? line : `${name} = ${broken(type)}`}\n${docOf(schema, '')}`
  }

  #typedDict(name: string, schema: JsonSchema, defs: Record<string, JsonSchema>): string {
    const { properties = {}, required = [] } = schema as { properties?: Record<string, JsonSchema>; required?: string[] }
    const field = ([key, value]: [string, JsonSchema]): string => {
      const type = this.#type(`${name}${pascal(key)}`, value, defs)
      const line = `    ${key}: ${type}`
      return `${line.length <= LINE ? line : `    ${key}: ${broken(type, '    ')}`}\n${docOf(value, '    ')}`
    }
    const entries = Object.entries(properties)
    const needed = entries.filter(([key]) => required.includes(key)).map(field)
    const optional = entries.filter(([key]) => !required.includes(key)).map(field)
    const about = docOf(schema, '    ', '\n')
    if (optional.length === 0) return classOf(`${name}(TypedDict)`, about, needed)
    if (needed.length === 0) return classOf(`${name}(TypedDict, total=False)`, about, optional)
    return classOf(`_${name}Required(TypedDict)`, '', needed) + classOf(`${name}(_${name}Required, total=False)`, about, optional)
  }

  /** The type in the place of use: by name where it has one. @param name for a nameless object */
  #type(name: string, schema: JsonSchema, defs: Record<string, JsonSchema>): string {
    if (typeof schema.$ref === 'string') return this.#named(schema.$ref.replace('#/$defs/', ''), defs)
    const known = Array.isArray(schema.enum) || isObject(schema) ? this.#known.get(formOf(schema)) : undefined
    return known ?? this.#unnamed(name, schema, defs)
  }

  #unnamed(name: string, schema: JsonSchema, defs: Record<string, JsonSchema>): string {
    if ('const' in schema) return `Literal[${JSON.stringify(schema.const)}]`
    if (Array.isArray(schema.enum)) return `Literal[${schema.enum.map((value) => JSON.stringify(value)).join(', ')}]`
    const choices = schema.anyOf ?? schema.oneOf
    if (Array.isArray(choices)) {
      const types = choices.map((choice: JsonSchema) => this.#type(`${name}${choiceName(choice)}`, choice, defs))
      return unionOf([...new Set(types)])
    }
    if (Array.isArray(schema.type)) return unionOf(schema.type.map((type: string) => PLAIN[type] ?? 'Any'))
    if (schema.type === 'array') return `List[${this.#type(`${name}Item`, (schema.items ?? {}) as JsonSchema, defs)}]`
    if (isObject(schema)) {
      this.#define(name, schema, defs)
      return name
    }
    if (schema.type === 'object') {
      const values = schema.additionalProperties
      return `Dict[str, ${typeof values === 'object' && values ? this.#type(`${name}Value`, values as JsonSchema, defs) : 'Any'}]`
    }
    return PLAIN[String(schema.type)] ?? 'Any'
  }
}

/** Longest line of code, characters. */
const LINE = 140
const PLAIN: Readonly<Record<string, string>> = { string: 'str', number: 'float', integer: 'int', boolean: 'bool', null: 'None' }

function isObject(schema: JsonSchema): boolean {
  return schema.type === 'object' && 'properties' in schema
}

function classOf(head: string, about: string, fields: string[]): string {
  return `\n\nclass ${head}:\n${about}${fields.join('')}`
}

function unionOf(types: string[]): string {
  const others = types.filter((type) => type !== 'None')
  const inner = others.length === 1 ? (others[0] ?? 'Any') : `Union[${others.join(', ')}]`
  return others.length === types.length ? inner : `Optional[${inner}]`
}

/** A long `Name[a, b]` with each part on its own line. */
function broken(type: string, indent = ''): string {
  const at = type.indexOf('[')
  const parts = type
    .slice(at + 1, -1)
    .split(', ')
    .map((part) => `${indent}    ${part},\n`)
  return `${type.slice(0, at)}[\n${parts.join('')}${indent}]`
}

function docOf(schema: JsonSchema, indent: string, after = ''): string {
  return typeof schema.description === 'string' ? `${indent}"""${schema.description}"""\n${after}` : ''
}

function pascal(name: string): string {
  return name
    .split('_')
    .map((word) => word.charAt(0).toUpperCase() + word.slice(1))
    .join('')
}

/** A choice of a union by its `type`, as in `CueGaze`. */
function choiceName(choice: JsonSchema): string {
  const { type } = (choice.properties ?? {}) as { type?: JsonSchema }
  return typeof type?.const === 'string' ? pascal(type.const) : ''
}

/** What makes a schema the same as another: all but its words and how strict it is about what it does not know. */
function formOf(schema: JsonSchema): string {
  return JSON.stringify(schema, (key, value) =>
    ['description', 'example', 'default', 'additionalProperties'].includes(key) && value !== null && key !== 'properties'
      ? undefined
      : value,
  )
}

/** A field with a default is optional where it is sent, and there where it is received. */
function withoutRequired(form: string): string {
  return form.replaceAll(/,?"required":\[[^\]]*\]/g, '')
}
