// The part of the WebAssembly JavaScript API that this folder uses; @types/node has none of it.
declare namespace WebAssembly {
  type ModuleImports = Record<string, (...args: never[]) => unknown>
  class Module {
    constructor(bytes: Uint8Array)
  }
  class Memory {
    constructor(descriptor: { initial: number })
    readonly buffer: ArrayBuffer
  }
  class Instance {
    constructor(module: Module, imports: Record<string, ModuleImports>)
    readonly exports: Record<string, unknown>
  }
  class RuntimeError extends Error {}
  function compile(bytes: Uint8Array): Promise<Module>
}
