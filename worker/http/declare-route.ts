/**
 * Declares routes. One declaration serves the router, authentication, rate limits and the OpenAPI document: the handler runs
 * after the caller was authenticated, the body was read and the call was counted, and gets the results of these steps.
 */
import { Hono } from 'hono'
import { admit } from './admit.ts'
import type { App, AppContext, AppEnv } from './context.ts'
import type { DeclaredRoute, Method, RouteDeclaration, RouteHandler, RouteRequest } from './route-declaration.ts'

export class RouteTable {
  /** Every route that was declared. */
  readonly declared: DeclaredRoute[] = []
  readonly #hono = new Hono<AppEnv>()

  get app(): App {
    return this.#hono
  }

  get<const D extends RouteDeclaration>(declaration: D, handler: RouteHandler<D>): void {
    this.#declare('get', declaration, handler)
  }

  post<const D extends RouteDeclaration>(declaration: D, handler: RouteHandler<D>): void {
    this.#declare('post', declaration, handler)
  }

  patch<const D extends RouteDeclaration>(declaration: D, handler: RouteHandler<D>): void {
    this.#declare('patch', declaration, handler)
  }

  delete<const D extends RouteDeclaration>(declaration: D, handler: RouteHandler<D>): void {
    this.#declare('delete', declaration, handler)
  }

  #declare<D extends RouteDeclaration>(method: Method, declaration: D, handler: RouteHandler<D>): void {
    const route = { ...declaration, method }
    this.declared.push(route)
    // admit returns the fields that the declaration asks for, which its own type cannot express
    const handle = async (context: AppContext) => handler((await admit(context, route)) as unknown as RouteRequest<D>)
    this.#hono.on(method.toUpperCase(), routerPath(declaration), handle)
  }
}

/** OpenAPI writes `{name}` where the router writes `:name`. */
function routerPath({ path, slashes }: RouteDeclaration): string {
  return path.replace(/\{(\w+)\}/g, slashes ? ':$1{.+}' : ':$1')
}
