/** The SDK's sources as one script for a page. */
import { build } from 'esbuild'

/** @param globalName under which the page finds what the package exports */
export async function bundleSdk(globalName: string): Promise<string> {
  const entryPoints = ['sdk/typescript/src/index.ts']
  const { outputFiles } = await build({ entryPoints, bundle: true, write: false, format: 'iife', globalName })
  return outputFiles[0]?.text ?? ''
}
