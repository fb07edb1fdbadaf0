export function docsPage(): string {
  return '<!doctype html><title>AvaTar API</title>'
}
